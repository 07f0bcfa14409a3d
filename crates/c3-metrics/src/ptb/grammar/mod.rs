//! The grammar: which stretches of text are one token.
//!
//! Written from the behaviour of the reference tool, in patterns over the bytes of
//! [`super::alphabet`]. The longest match wins, its context included; of two equally
//! long ones, the earlier rule.

mod abbreviations;
mod addresses;
mod marks;
mod numbers;
mod words;

/// One line of the grammar.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) token: Token,
    pub(super) end: End,
    pub(super) pattern: String,
}

/// What a matched token is, as far as writing it down depends on that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// Written as it stands.
    Plain,
    /// Written without soft hyphens.
    Word,
    /// A clitic: its apostrophe is made straight.
    Clitic,
    /// Two words run together; the number of characters of the second.
    Joined(usize),
    /// A dash of any length.
    Dash,
    /// Dots that mean an omission.
    Dots,
    /// A number, blanks inside made unbreakable and brackets spelled out.
    Number,
    /// Markup or an address, blanks inside made unbreakable.
    Markup,
    /// A quotation mark that opens.
    OpenQuote,
    /// A quotation mark whose side its shape tells.
    Quote,
    /// The sign of a currency.
    Money,
    /// A fraction in one character.
    Fraction,
    /// A bracket, or a face made of brackets and other marks.
    Bracket,
    /// An ampersand written as an entity.
    Ampersand,
    /// Nothing is written.
    Nothing,
}

/// Where a token ends when its rule also looks at what follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The whole match is the token.
    Whole,
    /// This many characters at the end are context.
    Before(usize),
    /// The full stop is the last character of the token.
    AfterStop,
    /// The full stop is the first character of the context.
    BeforeStop,
    /// The last apostrophe is the first character of the context.
    BeforeApostrophe,
    /// The letter before the last apostrophe is the first character of the context.
    BeforeLetterAndApostrophe,
}

/// Every rule, in order of precedence.
pub(super) fn rules() -> Vec<Rule> {
    [
        words::contractions(),
        addresses::rules(),
        numbers::rules(),
        abbreviations::rules(),
        addresses::files(),
        marks::rules(),
        words::compounds(),
        marks::quotes_and_blanks(),
    ]
    .concat()
}

/// A rule without context.
fn rule(token: Token, pattern: impl Into<String>) -> Rule {
    Rule {
        token,
        end: End::Whole,
        pattern: pattern.into(),
    }
}

/// A rule whose match ends with context.
fn ending(end: End, token: Token, pattern: impl Into<String>) -> Rule {
    Rule {
        token,
        end,
        pattern: pattern.into(),
    }
}

/// White space, line breaks included.
const BLANK: &str = r"[ \t\x89\x8A]";
/// A straight or curly apostrophe.
const APOSTROPHE: &str = r"(?:['\x84]|(?i:&apos;))";
/// An apostrophe, or an opening quotation mark in its place.
const ANY_APOSTROPHE: &str = r"(?:['\x84`\x85]|(?i:&apos;))";
/// What an apostrophe cuts off the end of a word: "it's", "they're".
const CLITIC: &str = "(?i:[dms]|re|ve|ll)";
/// What may be inside a word: letters, digits, marks.
const WORD_CHARACTER: &str = r"[A-Za-z0-9\x80\x81\x82\x92]";
/// Two or more letters with full stops between, "U.S", and a few compounds of them.
const ACRONYM: &str = concat!(
    r"(?:[A-Za-z](?:\.[A-Za-z])+",
    r"|(?i:anti|canada|eu|french|japan|korean|non|sino)-(?i:u\.s)",
    r"|(?i:u\.s\.-u\.k|u\.s\.-u\.s\.s\.r))"
);
/// A tag, a comment or a processing instruction.
const MARKUP: &str = concat!(
    r"<(?:[!?][A-Za-z\-][^>\x8A]*",
    r"|/?[A-Za-z][A-Za-z0-9:._\-]*(?:[ ]+(?:[A-Za-z][A-Za-z0-9:._\-]*",
    r#"(?:[ ]*=[ ]*['"][^\x8A'"]*['"])?|['"][^\x8A'"]*['"]))*[ ]*/?)>"#
);

/// A letter or mark; one with an accent may be written as an entity.
const LETTER: &str = r"(?:[A-Za-z\x80\x81\x82]|(?i:&[aeiou](?:acute|grave|uml);))";

/// Letters, with digits and full stops inside.
fn word() -> String {
    let part = format!(r"{LETTER}(?:{LETTER}|[0-9\x92])*");
    format!("{part}(?:[.!?]{part})*")
}
