//! Addresses of pages, people and files.

use super::{End, LETTER, Rule, Token, WORD_CHARACTER, ending, rule};

/// No part of an address.
const OUTSIDE: &str = r#" \t\x89\x8A"<>|()"#;
/// Not at the end of an address either.
const AFTER: &str = r"\-.,!?{}";
/// What a name of a host without a scheme may not hold, as the tool has it.
const NO_HOST: &str = r#" \t\x89\x8A"`'<>|.!?(){},-_$"#;
/// Names of files that are told from sentences run together.
const EXTENSIONS: &str = "bat|bmp|c|cgi|class|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|\
    mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|wav|x|xml|zip";

/// Pages and people.
pub(super) fn rules() -> Vec<Rule> {
    let full = format!("[^{OUTSIDE}{{}}]+[^{OUTSIDE}{AFTER}]");
    let path = format!("[^{OUTSIDE}]+[^{OUTSIDE}{AFTER}]");
    let www = format!(r"(?i:www)\.(?:[^{OUTSIDE}.!?{{}},]+\.)+[a-zA-Z]{{2,4}}");
    let host = format!(r"(?:[^{NO_HOST}]+\.)+(?i:com|net|org|edu)");
    let user = format!("[a-zA-Z0-9][^{OUTSIDE}{{}}]*");
    let server = format!(r"(?:[^{OUTSIDE}{{}}.]+\.)*[^{OUTSIDE}{{}}.]+");
    let mail = format!("(?:(?i:&lt;)|<)?{user}@{server}(?:>|(?i:&gt;))?");
    let tag = format!("@[a-zA-Z_][a-zA-Z_0-9]*|#{LETTER}+");
    vec![
        rule(Token::Markup, format!("(?i:https?)://{full}")),
        rule(Token::Markup, format!("(?:{www}|{host})(?:/{path})?")),
        rule(Token::Markup, mail),
        rule(Token::Plain, tag),
    ]
}

/// Names of files; an acronym of the same length goes before.
pub(super) fn files() -> Vec<Rule> {
    let name = format!(r"{WORD_CHARACTER}+(?:\.{WORD_CHARACTER}+)*");
    let file = format!(r"{name}\.(?i:{EXTENSIONS})[ \t\x89\x8A.?!,]");
    vec![ending(End::Before(1), Token::Plain, file)]
}
