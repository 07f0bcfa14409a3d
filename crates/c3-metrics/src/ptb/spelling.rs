//! Writes tokens the way the treebank spells them.

use super::grammar::Token;

/// Marks that the toolkit drops. It also names the spelled-out brackets, but in upper
/// case, after everything was made lower case: they stay.
const DROPPED: [&str; 13] = [
    "''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";",
];
const SOFT_HYPHEN: char = '\u{AD}';
const UNBREAKABLE_SPACE: &str = "\u{A0}";

/// A tokenized caption in the making.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
}

impl Line {
    /// An empty line with room for a caption of this many characters.
    pub(super) fn with_capacity(characters: usize) -> Self {
        Self {
            text: String::with_capacity(characters + characters / 8),
        }
    }

    /// Adds a token, given as the characters it was read from.
    pub(super) fn push(&mut self, token: Token, characters: &[char]) {
        match token {
            Token::Nothing => {}
            Token::Joined(second) => {
                let (first, second) = characters.split_at(characters.len() - second);
                self.add(first);
                self.add(second);
            }
            Token::Plain => self.add(characters),
            // Nearly every token: letters and digits, written as they stand.
            Token::Word if characters.iter().all(|c| c.is_ascii() && *c != '&') => {
                self.add(characters);
            }
            _ => {
                let text: String = characters.iter().collect();
                self.add(&spell(token, &text).chars().collect::<Vec<char>>());
            }
        }
    }

    /// The tokens, joined by single spaces.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn add(&mut self, token: &[char]) {
        let before = self.text.len();
        if before > 0 {
            self.text.push(' ');
        }
        let start = self.text.len();
        if token.iter().all(char::is_ascii) {
            self.text.extend(token.iter().map(char::to_ascii_lowercase));
        } else {
            self.text
                .push_str(&token.iter().collect::<String>().to_lowercase());
        }
        if DROPPED.contains(&&self.text[start..]) {
            self.text.truncate(before);
        }
    }
}

fn spell(token: Token, text: &str) -> String {
    match token {
        Token::Word if text.chars().all(|character| character == SOFT_HYPHEN) => "-".to_owned(),
        Token::Word => text
            .replace(SOFT_HYPHEN, "")
            .replace("&amp;", "&")
            .replace("&AMP;", "&"),
        Token::Clitic => text.replace("&apos;", "'").chars().map(straight).collect(),
        Token::Dash if text.starts_with('-') && matches!(text.len(), 1 | 5..) => text.to_owned(),
        Token::Dash => "--".to_owned(),
        Token::Dots => "...".to_owned(),
        Token::Number => round_brackets(text)
            .replace(SOFT_HYPHEN, "")
            .replace(' ', UNBREAKABLE_SPACE),
        Token::Markup => text.replace(' ', UNBREAKABLE_SPACE),
        Token::OpenQuote if text.starts_with('"') => "``".to_owned(),
        Token::OpenQuote => "`".to_owned(),
        Token::Quote => text
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .chars()
            .map(quote)
            .collect(),
        Token::Money => text.chars().map(money).collect(),
        Token::Fraction => text.chars().map(fraction).collect(),
        Token::Bracket => bracket(text),
        Token::Ampersand => "&".to_owned(),
        Token::Plain | Token::Joined(_) | Token::Nothing => text.to_owned(),
    }
}

fn straight(character: char) -> char {
    match character {
        '\u{92}' | '’' => '\'',
        '\u{91}' | '‘' | '‛' => '`',
        other => other,
    }
}

fn quote(mark: char) -> &'static str {
    match mark {
        '\u{93}' | '«' | '“' => "``",
        '"' | '\u{94}' | '»' | '”' => "''",
        '`' | '\u{91}' | '‘' | '‛' | '‹' => "`",
        '‚' => "‚",
        '„' => "„",
        '‟' => "‟",
        _ => "'",
    }
}

fn money(sign: char) -> &'static str {
    match sign {
        '¢' => "cents",
        '£' => "#",
        _ => "$",
    }
}

fn fraction(sign: char) -> String {
    match sign {
        '¼' => "1/4".to_owned(),
        '½' => "1/2".to_owned(),
        '¾' => "3/4".to_owned(),
        '⅓' => "1/3".to_owned(),
        '⅔' => "2/3".to_owned(),
        other => other.to_string(),
    }
}

fn round_brackets(text: &str) -> String {
    text.replace('(', "-LRB-").replace(')', "-RRB-")
}

/// A face keeps its square and curly brackets.
fn bracket(text: &str) -> String {
    match text {
        "[" => "-LSB-".to_owned(),
        "]" => "-RSB-".to_owned(),
        "{" => "-LCB-".to_owned(),
        "}" => "-RCB-".to_owned(),
        _ => round_brackets(text)
            .replace("&lt;", "<")
            .replace("&gt;", ">"),
    }
}
