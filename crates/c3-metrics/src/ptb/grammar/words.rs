//! Words: plain, run together, shortened by an apostrophe, joined by hyphens.

use super::{
    ACRONYM, ANY_APOSTROPHE, APOSTROPHE, End, MARKUP, Rule, Token, WORD_CHARACTER, ending, rule,
    word,
};

/// Shortened words that stay in one piece; `~` is an apostrophe.
const SHORTENED: &str = "(?i:c~mon|dunkin~|e~er|ol~|somethin~|~em|~n~?|~till?|[djl]~)";
/// A vowel on both sides of the apostrophe, as in "ma'am".
const BETWEEN_VOWELS: &str = r"[A-Za-z\x80]+[aeiouyAEIOUY]~[aeiouA-Z][A-Za-z\x80]*";
/// What is cut off the end of a word: "it's", "they're".
const CLITIC: &str = "(?i:[dms]|re|ve|ll)";
/// An article or preposition in front of a name: "d'Orsay".
const PARTICLE: &str = r"[dDoOlL]^[A-Za-z\x80]";

/// Words, and what is cut off them.
pub(super) fn contractions() -> Vec<Rule> {
    use End::{Before, BeforeApostrophe, BeforeLetterAndApostrophe};
    let word = word();
    let negated = format!(r"[A-Za-z\x82]*[A-MO-Za-mo-z]\x82*[nN]{ANY_APOSTROPHE}[tT]");
    vec![
        rule(Token::Joined(3), "(?i:cannot)"),
        rule(Token::Joined(2), "(?i:gimme|gonna|gotta|lemme|wanna|'tis)"),
        rule(Token::Joined(3), "(?i:'twas)"),
        rule(Token::Markup, MARKUP),
        ending(
            BeforeApostrophe,
            Token::Word,
            format!("{word}{APOSTROPHE}{CLITIC}"),
        ),
        ending(BeforeLetterAndApostrophe, Token::Word, negated),
        rule(Token::Word, word),
        rule(Token::Word, SHORTENED.replace('~', APOSTROPHE)),
        rule(Token::Word, BETWEEN_VOWELS.replace('~', APOSTROPHE)),
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
    let start = r"[A-Za-z0-9\x80][A-Za-z0-9.,\x80\x81\x82]*";
    let hyphened = format!(r"{start}(?:[\-\x83](?:{WORD_CHARACTER}+|{ACRONYM}\.))+[^a-zA-Z0-9.+]");
    let particle = PARTICLE.replace('^', ANY_APOSTROPHE);
    let joined =
        format!(r"(?:{particle})?{WORD_CHARACTER}+(?:[\-_\x83](?:{particle})?[A-Za-z0-9\x80]+)*");
    vec![
        ending(End::Before(1), Token::Word, hyphened),
        rule(Token::Word, r"[A-Z]+(?:(?:[+&]|(?i:&amp;))[A-Z]+)+"),
        rule(Token::Word, joined),
        rule(Token::Plain, r"(?i:C\+\+|C#)"),
    ]
}
