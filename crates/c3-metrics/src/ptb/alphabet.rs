//! The small alphabet the grammar is written in.
//!
//! The grammar tells only some twenty kinds of non-ASCII characters apart, so every
//! character becomes one byte: ASCII stands for itself, everything else for its kind.
//! That keeps the automaton small, and a position in the text is a count of characters.

use super::unicode::{DIGITS, LETTERS, MARKS, SYMBOLS};

pub(super) const LETTER: u8 = 0x80;
pub(super) const MARK: u8 = 0x81;
pub(super) const SOFT_HYPHEN: u8 = 0x82;
pub(super) const HYPHEN: u8 = 0x83;
pub(super) const APOSTROPHE: u8 = 0x84;
pub(super) const OPEN_QUOTE: u8 = 0x85;
pub(super) const OTHER_QUOTE: u8 = 0x86;
pub(super) const DASH: u8 = 0x87;
pub(super) const ELLIPSIS: u8 = 0x88;
pub(super) const SPACE: u8 = 0x89;
pub(super) const LINE_BREAK: u8 = 0x8A;
pub(super) const MONEY: u8 = 0x8B;
pub(super) const FRACTION: u8 = 0x8C;
pub(super) const SUPERSCRIPT: u8 = 0x8D;
pub(super) const SUBSCRIPT: u8 = 0x8E;
pub(super) const SYMBOL: u8 = 0x8F;
pub(super) const FRACTION_SLASH: u8 = 0x90;
pub(super) const DECIMAL_MARK: u8 = 0x91;
pub(super) const DIGIT: u8 = 0x92;
pub(super) const UNKNOWN: u8 = 0x9F;

/// The byte that stands for `character` in the grammar.
pub(super) fn kind(character: char) -> u8 {
    match character {
        '\n' | '\r' | '\u{B}' | '\u{C}' => b' ',
        '\0'..='\u{7E}' => character as u8,
        '\u{85}' | '\u{2028}' | '\u{2029}' => LINE_BREAK,
        '\u{AD}' => SOFT_HYPHEN,
        '\u{58A}' | '\u{2010}' | '\u{2011}' => HYPHEN,
        '\u{92}' | '\u{2019}' => APOSTROPHE,
        '\u{91}' | '\u{2018}' | '\u{201B}' => OPEN_QUOTE,
        '\u{93}' | '\u{94}' | '«' | '»' | '‹' | '›' | '‚' | '“' | '”' | '„' | '‟' => {
            OTHER_QUOTE
        }
        '\u{96}' | '\u{97}' | '\u{2013}'..='\u{2015}' => DASH,
        '\u{2026}' => ELLIPSIS,
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{3000}' => SPACE,
        '\u{80}' | '\u{A2}'..='\u{A4}' | '\u{20A0}' | '\u{20AC}' => MONEY,
        '\u{BC}'..='\u{BE}' | '\u{2153}'..='\u{215E}' => FRACTION,
        '\u{B2}' | '\u{B3}' | '\u{B9}' | '\u{2070}' | '\u{2074}'..='\u{2079}' => SUPERSCRIPT,
        '\u{2080}'..='\u{2089}' => SUBSCRIPT,
        '\u{2044}' => FRACTION_SLASH,
        '\u{66B}' | '\u{66C}' => DECIMAL_MARK,
        _ => measured(character),
    }
}

fn measured(character: char) -> u8 {
    let Ok(code) = u16::try_from(u32::from(character)) else {
        return UNKNOWN; // the tool sees halves of a surrogate pair, and drops both
    };
    for (ranges, kind) in [
        (LETTERS, LETTER),
        (DIGITS, DIGIT),
        (MARKS, MARK),
        (SYMBOLS, SYMBOL),
    ] {
        let after = ranges.partition_point(|&(first, _)| first <= code);
        if after > 0 && code <= ranges[after - 1].1 {
            return kind;
        }
    }
    UNKNOWN
}
