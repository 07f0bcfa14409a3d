//! Punctuation, brackets, dashes, faces and blanks.

use super::{APOSTROPHE, CLITIC, End, Rule, Token, ending, rule};

/// Eyes, perhaps a nose, and a mouth.
const FACE: &str = r"[<>]?[:;=][\-o*']?[()DPdpO\\{@|\[\]]";
/// Two eyes with something between.
const EASTERN_FACE: &str = concat!(
    r"[\-\^x=~<>']_[\-\^x=~<>']|\([\-\^x=~<>'][_.]?[\-\^x=~<>']\)",
    r"|\([\^x=~<>']-[\^x=~<>'`]\)"
);

pub(super) fn rules() -> Vec<Rule> {
    vec![
        rule(Token::Dash, r"(?i:&(?:md|mdash|ndash);)|\x87"),
        rule(Token::Ampersand, "(?i:&amp;)"),
        rule(
            Token::Plain,
            "(?i:&(?:cdq|ht|lr|odq|qc|ql|qr|tl|ur|#[0-9]+);)",
        ),
        ending(End::Before(1), Token::OpenQuote, r#""[A-Za-z0-9$]"#),
        rule(Token::Quote, r#""|(?i:&quot;)"#),
        ending(
            End::Before(1),
            Token::Bracket,
            format!("{FACE}[^A-Za-z0-9]"),
        ),
        rule(Token::Bracket, EASTERN_FACE),
        rule(Token::Bracket, r"[\[\](){}<>]|<<|>>|(?i:&[lg]t;)"),
        rule(Token::Dash, "-+"),
        rule(Token::Dots, r"\.{3,5}|(?:\.[ \x89]){2,4}\.|\x88"),
        rule(
            Token::Plain,
            r"@+|#+|_+|\*+|(?:\\\*){1,3}|[,;:]|[?!]+|[.=/]",
        ),
    ]
}

/// What only applies where nothing longer does.
pub(super) fn quotes_and_blanks() -> Vec<Rule> {
    vec![
        ending(
            End::Before(2),
            Token::OpenQuote,
            r"'[A-Za-z\x80][^ \t\x89\x8A]",
        ),
        rule(Token::Clitic, format!("{APOSTROPHE}{CLITIC}")),
        rule(Token::Quote, r"''?|[`\x84\x85\x86]{1,2}|(?i:&apos;)"),
        rule(Token::Plain, r"[\x8F\x90%&~^|\\+]"),
        rule(Token::Nothing, r"[ \t\x89\x8A]+|(?i:&nbsp;)"),
    ]
}
