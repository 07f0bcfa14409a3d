//! Normalizes a caption the way METEOR does before it aligns words.

use std::collections::HashMap;

/// When a word keeps the full stop behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Prefix {
    /// Always: "mr."
    Always,
    /// In front of a number: "no. 5"
    Numeric,
}

/// Stands for one of several dots in a row until all else is done.
const DOT: char = '\u{E000}';

/// Splits a caption into lower-case words and marks.
pub(super) fn normalize(caption: &str, prefixes: &HashMap<String, Prefix>) -> Vec<String> {
    let mut text: Vec<char> = format!(" {caption} ").chars().collect();
    text = part_marks(&text);
    text = gather_dots(&text);
    for (left, right) in [
        (not_digit as Test, not_digit as Test),
        (digit, not_digit),
        (not_digit, digit),
    ] {
        text = part(&text, ',', (left, right), " , ");
    }
    let text = straighten(&text.iter().collect::<String>());
    let mut text = part(&text, '-', (letter_digit_or_stop, letter_or_digit), " ");
    for (left, right, between) in [
        (not_letter as Test, not_letter as Test, " ' "),
        (neither, letter, " ' "),
        (letter, not_letter, " ' "),
        (letter, letter, " '"),
        (digit, is_s, " '"),
    ] {
        text = part(&text, '\'', (left, right), between);
    }
    let text: String = text.iter().collect();
    let words: Vec<&str> = text
        .split([' ', '\t', '\n', '\r', '\u{C}'])
        .filter(|w| !w.is_empty())
        .collect();
    let pairs = words
        .iter()
        .zip(words.iter().skip(1).map(Some).chain([None]));
    let parted: Vec<String> = pairs
        .map(|(word, next)| part_stop(word, next.copied(), prefixes))
        .collect();
    let text = parted.join(" ").replace(DOT, ".").to_lowercase();
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

type Test = fn(char) -> bool;

fn digit(character: char) -> bool {
    character.is_ascii_digit()
}

fn not_digit(character: char) -> bool {
    !digit(character)
}

fn letter(character: char) -> bool {
    character.is_ascii_alphabetic() || matches!(character, 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ž')
}

fn not_letter(character: char) -> bool {
    !letter(character)
}

fn letter_or_digit(character: char) -> bool {
    letter(character) || digit(character)
}

fn letter_digit_or_stop(character: char) -> bool {
    letter_or_digit(character) || character == '.'
}

fn neither(character: char) -> bool {
    !letter_or_digit(character)
}

fn is_s(character: char) -> bool {
    character == 's'
}

/// Puts spaces around every mark but those that may be inside a word.
fn part_marks(text: &[char]) -> Vec<char> {
    let inside = |c: char| letter_or_digit(c) || " \t\n\r\u{B}\u{C}.'`,-‘’".contains(c);
    let spaced = |&c: &char| {
        if inside(c) {
            vec![c]
        } else {
            vec![' ', c, ' ']
        }
    };
    text.iter().flat_map(spaced).collect()
}

/// Makes several dots in a row a word of their own.
fn gather_dots(text: &[char]) -> Vec<char> {
    let runs = text.chunk_by(|a, b| (*a == '.') == (*b == '.'));
    runs.flat_map(|run| match run {
        ['.', _, ..] => [' ']
            .into_iter()
            .chain(vec![DOT; run.len()])
            .chain([' '])
            .collect(),
        _ => run.to_vec(),
    })
    .collect()
}

/// Makes quotation marks straight and dashes single.
fn straighten(text: &str) -> Vec<char> {
    let text = text.replace(['`', '‘', '’'], "'").replace("''", " \" ");
    text.replace(['“', '”'], " \" ")
        .replace('–', "-")
        .replace("--", "-")
        .chars()
        .collect()
}

/// Replaces `mark` by `between` where its neighbours pass the tests.
///
/// As in a search for the three characters, neighbours are not shared: in "a-b-c" only
/// the first mark is found.
fn part(text: &[char], mark: char, tests: (Test, Test), between: &str) -> Vec<char> {
    let mut parted = Vec::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        parted.push(first);
        rest = behind;
        if let [middle, right, after @ ..] = behind
            && *middle == mark
            && tests.0(first)
            && tests.1(*right)
        {
            parted.extend(between.chars());
            parted.push(*right);
            rest = after;
        }
    }
    parted
}

/// Parts the full stop from a word, unless it belongs to it.
fn part_stop(word: &str, next: Option<&str>, prefixes: &HashMap<String, Prefix>) -> String {
    let Some(stem) = word.strip_suffix('.').filter(|stem| !stem.is_empty()) else {
        return word.to_owned();
    };
    if stem.contains('.') && stem.chars().any(letter) {
        return word.replace('.', ""); // "u.s." is the same as "us"
    }
    let begins = |test: Test| next.and_then(|next| next.chars().next()).is_some_and(test);
    let kept = match prefixes.get(stem) {
        Some(Prefix::Always) => true,
        Some(Prefix::Numeric) => begins(digit),
        None => false,
    };
    if kept || begins(|c| c.is_ascii_lowercase()) {
        word.to_owned()
    } else {
        format!("{stem} .")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(caption: &str) -> String {
        let prefixes = [("mr", Prefix::Always), ("no", Prefix::Numeric)];
        let prefixes = prefixes.map(|(word, kind)| (word.to_owned(), kind)).into();
        normalize(caption, &prefixes).join(" ")
    }

    #[test]
    fn contractions_are_parted_on_the_right() {
        assert_eq!(words("a man 's dog does n't"), "a man ' s dog does n 't");
        assert_eq!(words("1990's o'clock"), "1990 's o 'clock");
    }

    #[test]
    fn words_with_a_dash_become_two() {
        assert_eq!(words("t-shirt black-and-white"), "t shirt black and white");
        assert_eq!(words("a-b-c"), "a b-c"); // neighbours are not shared
    }

    #[test]
    fn dots_inside_a_word_are_lost() {
        assert_eq!(words("the u.s. coast"), "the us coast");
        assert_eq!(words("mr. li no. 5 end."), "mr. li no. 5 end .");
        assert_eq!(words("no. Then"), "no . then");
        assert_eq!(words("wait...what .. ."), "wait ... what .. .");
    }

    #[test]
    fn commas_stay_inside_numbers() {
        assert_eq!(words("1,000 a,b 5,x"), "1,000 a , b 5 , x");
    }

    #[test]
    fn an_empty_caption_has_no_words() {
        assert_eq!(words(""), "");
    }
}
