//! Numbers, dates, fractions, telephones and money.

use super::{APOSTROPHE, End, Rule, Token, ending, rule};

const NUMBER: &str = r"[\-+]?(?:[0-9\x92]+|[0-9\x92]*(?:[.:,\x82\x91][0-9\x92]+)+)";
const DATE: &str = r"[0-9\x92]{1,2}[\-/][0-9\x92]{1,2}[\-/][0-9\x92]{2,4}";
const FRACTION: &str = r"(?:[0-9\x92]{1,4}[\- \x89])?[0-9\x92]{1,4}(?:\\?/|\x90)[0-9\x92]{1,4}";
const TELEPHONE: &str = concat!(
    r"(?:\([0-9]{2,3}\)[ \x89]?|(?:\+\+?)?(?:[0-9]{2,4}[\- \x89])?[0-9]{2,4}[\- \x89])",
    r"[0-9]{3,4}[\- \x89]?[0-9]{3,5}",
    r"|(?:(?:\+\+?)?[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}"
);
/// Words and fractions with a stroke between.
const EITHER_OR: &str =
    r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}";

pub(super) fn rules() -> Vec<Rule> {
    let year = format!(r"{APOSTROPHE}[0-9][0-9][ \t\x89\x8A]");
    vec![
        rule(Token::Word, format!("{APOSTROPHE}[2-9]0(?i:s)")),
        ending(End::Before(1), Token::Word, year),
        rule(Token::Plain, DATE),
        rule(Token::Number, NUMBER),
        rule(Token::Plain, r"\x8D+|\x8E+"),
        rule(Token::Number, FRACTION),
        rule(Token::Fraction, r"\x8C"),
        rule(Token::Plain, EITHER_OR),
        rule(Token::Plain, r"[A-Z]*\$|#"),
        rule(Token::Money, r"\x8B"),
        rule(Token::Number, TELEPHONE),
    ]
}
