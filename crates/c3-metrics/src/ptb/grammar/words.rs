//! Words: plain, run together, shortened by an apostrophe, joined by hyphens.

use super::{
    ACRONYM, ANY_APOSTROPHE, APOSTROPHE, CLITIC, End, MARKUP, Rule, Token, ending, rule, word,
};

/// Shortened words that stay in one piece; `~` is an apostrophe.
const SHORTENED: &str = "(?i:c~mon|dunkin~|e~er|ol~|somethin~|~em|~n~?|~till?|[djl]~)";
/// A vowel on both sides of the apostrophe, as in "ma'am".
const BETWEEN_VOWELS: &str = r"[A-Za-z\x80]+[aeiouyAEIOUY]^[aeiouA-Z][A-Za-z\x80]*";
/// A capital in front of a name: "O'Brien".
const CAPITAL: &str = r"[A-HJ-XZn]^[A-Za-z\x80]{2,}";
/// An article or preposition in front of a name: "d'Orsay".
const PARTICLE: &str = r"[dDoOlL]^[A-Za-z0-9\x80\x92]";

/// The first part of a word with hyphens; it may hold numbers such as "1,000".
const START: &str = r"[A-Za-z0-9][A-Za-z0-9.,\x82]*";

/// Words, and what is cut off them.
pub(super) fn contractions() -> Vec<Rule> {
    use End::{Before, BeforeApostrophe, BeforeLetterAndApostrophe};
    let word = word();
    let negated = format!(r"[A-Za-z\x82]*[A-MO-Za-mo-z]\x82*[nN]{ANY_APOSTROPHE}[tT]");
    vec![
        rule(Token::Joined(3), "(?i:cannot)"),
        rule(Token::Joined(2), "(?i:gimme|gonna|gotta|lemme|wanna)"),
        ending(Before(2), Token::Plain, "(?i:'tis)"),
        ending(Before(3), Token::Plain, "(?i:'twas)"),
        rule(Token::Markup, MARKUP),
        ending(
            BeforeApostrophe,
            Token::Word,
            format!("{word}{APOSTROPHE}{CLITIC}"),
        ),
        ending(BeforeLetterAndApostrophe, Token::Word, negated),
        rule(Token::Word, word),
        rule(Token::Word, SHORTENED.replace('~', APOSTROPHE)),
        rule(Token::Word, BETWEEN_VOWELS.replace('^', ANY_APOSTROPHE)),
        rule(Token::Word, CAPITAL.replace('^', ANY_APOSTROPHE)),
        ending(
            Before(1),
            Token::Word,
            format!(r"[yY]{APOSTROPHE}[A-Za-z\x80]"),
        ),
        ending(
            Before(1),
            Token::Clitic,
            format!("{APOSTROPHE}{CLITIC}[^A-Za-z]"),
        ),
        rule(Token::Clitic, format!("[nN]{ANY_APOSTROPHE}[tT]")),
    ]
}

/// Words joined by hyphens, underscores or ampersands.
pub(super) fn compounds() -> Vec<Rule> {
    let hyphened = format!(r"{START}(?:[\-\x83](?:[A-Za-z0-9\x82]+|{ACRONYM}\.))+");
    let piece = format!(r"(?:{PARTICLE})?[A-Za-z0-9\x80\x92]+").replace('^', ANY_APOSTROPHE);
    let joined = format!(r"{piece}(?:[\-_\x83]{piece})*");
    let company = r"[A-Z]+(?:(?:[+&]|(?i:&amp;))[A-Z]+)+";
    let stopped = format!(r"(?:{}|{hyphened}|{joined}|{company})\.[,;:]", word());
    vec![
        ending(End::Before(1), Token::Word, stopped),
        rule(Token::Word, hyphened),
        rule(Token::Word, company),
        rule(Token::Word, joined),
        rule(Token::Plain, r"(?i:c\+\+|[cf]#)"),
    ]
}
