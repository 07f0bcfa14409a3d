//! What is done to a text before it is cut into tokens.

use unicode_normalization::UnicodeNormalization;

/// The longest HTML entity that is looked for outside of HTML, in letters.
const LONGEST_ENTITY: usize = 24;

/// What bytes 0x80 to 0x9F mean in Windows-1252; five of them mean nothing.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Cleans a text as CLIP's tokenizer does: mends it, resolves HTML entities twice, makes
/// every run of blanks one space, strips it, and lower-cases it.
///
/// Of what `ftfy` 6 mends (which CLIP calls for that), these are done: HTML entities in
/// lines without `<`, terminal escapes, C1 control characters, Latin ligatures, full and
/// half width, curly quotes, line breaks, control characters, and composition (NFC).
/// Left out is all that guesses an encoding: text that was decoded wrongly somewhere
/// before stays as it is.
///
/// # Examples
///
/// ```
/// # use c3_encoders::clip::clean;
/// assert_eq!(clean(" A “ﬁne”\u{3000}day &amp;amp; night\n"), "a \"fine\" day & night");
/// ```
#[must_use]
pub fn clean(text: &str) -> String {
    let mended = mend(text);
    let twice = unescape(unescape(mended));
    let words: Vec<&str> = twice
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").to_lowercase()
}

/// Resolves entities as Python does: a number that stands for no letter is nothing.
fn unescape(text: String) -> String {
    let has_numbers = text.contains("&#");
    let mut resolved = htmlize::unescape(text).into_owned();
    if has_numbers {
        resolved.retain(|letter| !is_no_letter(letter));
    }
    resolved
}

/// What HTML allows nowhere: controls but blanks, and what Unicode keeps free for ever.
fn is_no_letter(letter: char) -> bool {
    matches!(
        letter,
        '\u{1}'..='\u{8}'
            | '\u{B}'
            | '\u{E}'..='\u{1F}'
            | '\u{7F}'..='\u{9F}'
            | '\u{FDD0}'..='\u{FDEF}'
    ) || u32::from(letter) & 0xFFFE == 0xFFFE
}

/// A blank as Python has it: the separators of ASCII are blanks too.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{1C}'..='\u{1F}')
}

/// Mends line after line; each until nothing changes any more.
fn mend(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    // Once a line looks like HTML, the rest of the text does.
    let mut is_html = false;
    for line in text.split_inclusive('\n') {
        is_html |= line.contains('<');
        if line.bytes().all(is_plain) && (is_html || !line.contains('&')) {
            mended.push_str(line);
            continue;
        }
        let mut line = line.to_owned();
        loop {
            let next = match is_html {
                true => mend_letters(&line),
                false => mend_letters(&resolve_entities(&line)),
            };
            if next == line {
                break;
            }
            line = next;
        }
        mended.push_str(&line);
    }
    mended
}

/// Whether a byte is ASCII that no step changes, but for entities.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n')
}

fn mend_letters(line: &str) -> String {
    let line = remove_terminal_escapes(line);
    let letters = line.replace("\r\n", "\n");
    let letters = letters
        .chars()
        .flat_map(|letter| Mended::of(letter).letters());
    letters
        .filter(|letter| !is_control(*letter))
        .nfc()
        .collect()
}

/// Resolves entities that end in a semicolon.
fn resolve_entities(line: &str) -> String {
    let mut resolved = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find('&') {
        resolved.push_str(&rest[..start]);
        rest = &rest[start..];
        let name = rest[1..].strip_prefix('#').unwrap_or(&rest[1..]);
        let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let end = rest.len() - name.len() + length;
        let is_entity = (1..=LONGEST_ENTITY).contains(&length) && rest[end..].starts_with(';');
        let (entity, after) = rest.split_at(if is_entity { end + 1 } else { 1 });
        let meant = htmlize::unescape(entity);
        // An entity that only begins like another one is left alone.
        let is_whole = is_entity && !meant.contains(';') || entity == "&semi;";
        resolved.push_str(if is_whole { &meant } else { entity });
        rest = after;
    }
    resolved.push_str(rest);
    resolved
}

/// Removes what colours text in a terminal: escape, `[`, digits and semicolons, a letter.
fn remove_terminal_escapes(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("\u{1B}[") {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        let codes = rest[2..].trim_start_matches(|c: char| c.is_numeric() || c == ';');
        rest = match codes.strip_prefix(|c: char| c.is_ascii_alphabetic()) {
            Some(after) => after,
            None => {
                kept.push_str(&rest[..2]);
                &rest[2..]
            }
        };
    }
    kept.push_str(rest);
    kept
}

/// What a letter is replaced by.
enum Mended {
    One(char),
    Many(&'static str),
}

impl Mended {
    fn of(letter: char) -> Self {
        Self::One(match letter {
            '\u{80}'..='\u{9F}' => return Self::of_byte(letter),
            '\u{132}' | '\u{133}' | '\u{149}' | '\u{1C4}'..='\u{1CC}' | '\u{1F1}'..='\u{1F3}' => {
                return Self::Many(ligature(letter));
            }
            '\u{FB00}'..='\u{FB06}' => return Self::Many(ligature(letter)),
            '\u{3000}' => ' ',
            '\u{FF01}'..='\u{FFEF}' => narrow(letter),
            '\u{2BC}' | '\u{2018}'..='\u{201B}' => '\'',
            '\u{201C}'..='\u{201F}' => '"',
            '\r' | '\u{2028}' | '\u{2029}' => '\n',
            other => other,
        })
    }

    /// What a control character means that is a byte of Windows-1252.
    fn of_byte(letter: char) -> Self {
        let place = u32::from(letter) as usize - 0x80;
        match WINDOWS_1252[place] {
            meant if meant == letter => Self::One(letter),
            meant => Self::of(meant),
        }
    }

    fn letters(self) -> impl Iterator<Item = char> {
        let (one, many) = match self {
            Self::One(letter) => (Some(letter), ""),
            Self::Many(letters) => (None, letters),
        };
        one.into_iter().chain(many.chars())
    }
}

fn ligature(letter: char) -> &'static str {
    match letter {
        '\u{132}' => "IJ",
        '\u{133}' => "ij",
        '\u{149}' => "\u{2BC}n",
        '\u{1F1}' => "DZ",
        '\u{1F2}' => "Dz",
        '\u{1F3}' => "dz",
        '\u{1C4}' => "D\u{17D}",
        '\u{1C5}' => "D\u{17E}",
        '\u{1C6}' => "d\u{17E}",
        '\u{1C7}' => "LJ",
        '\u{1C8}' => "Lj",
        '\u{1C9}' => "lj",
        '\u{1CA}' => "NJ",
        '\u{1CB}' => "Nj",
        '\u{1CC}' => "nj",
        '\u{FB00}' => "ff",
        '\u{FB01}' => "fi",
        '\u{FB02}' => "fl",
        '\u{FB03}' => "ffi",
        '\u{FB04}' => "ffl",
        '\u{FB05}' => "\u{17F}t",
        _ => "st",
    }
}

/// The usual form of a letter of full or half width.
fn narrow(letter: char) -> char {
    let mut usual = std::iter::once(letter).nfkc();
    match (usual.next(), usual.next()) {
        (Some(one), None) => one,
        _ => letter,
    }
}

fn is_control(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\u{8}'
            | '\u{B}'
            | '\u{E}'..='\u{1F}'
            | '\u{7F}'
            | '\u{206A}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFC}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_become_one_space_and_are_stripped() {
        assert_eq!(clean("\t A\u{A0} b\u{2028}\nC\u{85}d "), "a b c…d");
    }

    #[test]
    fn entities_are_resolved_twice_and_once_more_outside_of_html() {
        assert_eq!(clean("fish &amp;amp;amp; chips"), "fish & chips");
        assert_eq!(clean("<b>fish &amp;amp;amp; chips"), "<b>fish &amp; chips");
        assert_eq!(
            clean("se&ntildeor &copy2024 &unknown; a&b"),
            "señor ©2024 &unknown; a&b"
        );
    }

    #[test]
    fn letters_of_another_width_and_ligatures_become_usual_ones() {
        assert_eq!(clean("Ｌｏｕｄ ｶﾞ ﬃ Ĳ ŉ"), "loud ガ ffi ij 'n");
    }

    #[test]
    fn what_steers_terminals_and_printers_is_removed() {
        assert_eq!(
            clean("\u{1B}[31;1mred\u{1B}[0m\u{7}\u{FEFF} \u{1B}[x"),
            "red"
        );
        assert_eq!(clean("\u{93}quoted\u{94} \u{96}"), "\"quoted\" –");
    }
}
