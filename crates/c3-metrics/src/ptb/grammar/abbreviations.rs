//! Words that keep their full stop.
//!
//! Measured: every string of up to four letters and some 100,000 longer words were
//! given to the reference tool with a full stop behind. Lists are alphabetical; case
//! is ignored but where a class in brackets says otherwise.

use super::{ACRONYM, BLANK, End, MARKUP, Rule, Token, ending, rule, word};

/// Keep the full stop, whatever follows; never run on into a following word.
const ENDING: &str = "al|ala|apr|ariz|[A]rk|assn|aug|[A]z|bancorp|bhd|bldg|blvd|bros|\
    calif|co|colo|conn|corp|cos|ct|dak|dec|[D]el|ed\\.d|esq|est|etc|ext|feb|fla|fri|ga|[I]ll|inc|\
    ind|intl|jan|jr|jul|jun|kan|kans|ky|[L]a|ltd|mar|[M]ass|md|mich|minn|[M]iss|mo|mon|mont|neb|\
    nev|nov|oct|okla|[O]re|[P]a|penn|ph\\.d|plc|pp?t(?-i:[ye])s?|rd|rt|sep|sept|seq|sq|sr|sys|tel|\
    tenn|[T]ex|thu|thurs|tue|tues|univ|va|vt|[W]ash|wed|wis|wisc|wyo";

/// Keep the full stop, unless a word is written right behind it.
const LEADING: &str = "a\\.k\\.a|adj|adm|adv|alex|assoc|asst|attys?|ave|brig|capt|cf|\
    cie|cmdr|col|comdr|cpl|dept|det|drs?|elec|ens|ft|gen|govs?|hon|insp|invt|jos|lieut|lt|maj|\
    messrs|m(?-i:[ft])g|mlle|mme|mrs?|ms|msgr|mt|natl|pfc|ph|pres|profs?|pvt|reps?|rev|sens?|sfc|\
    sgt|spc|st|ste|supts?|treas|vs|wm";

/// Keep the full stop in front of a number.
const NUMBERING: &str = "art|ca|figs?|nos?|op|pp|prop";

/// Begin a sentence: a single letter in front of one of these ends its own.
const OPENING: &str = "A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|\
    Here|However|If|In|It|Last|Many|More|Mr\\.|Ms\\.|Now|Once|One|Other|Our|She|Since|So|Some|Such|\
    That|The|Their|Then|There|These|They|This|We|What|When|While|Yet|You";

pub(super) fn rules() -> Vec<Rule> {
    let openings: Vec<String> = OPENING
        .split('|')
        .map(|word| format!("{}(?i:{})", &word[..1], &word[1..]))
        .collect();
    let sentence = format!("(?:(?:{}){BLANK}|{MARKUP})", openings.join("|"));
    vec![
        ending(
            End::Before(2),
            Token::Word,
            format!(r"(?i:{ENDING})\.(?s:..)"),
        ),
        rule(Token::Word, format!(r"(?i:{ENDING})\.")),
        rule(Token::Word, format!(r"(?i:{LEADING})\.")),
        ending(
            End::AfterStop,
            Token::Word,
            format!(r"(?i:{NUMBERING})\.{BLANK}?[0-9]"),
        ),
        ending(
            End::BeforeStop,
            Token::Word,
            format!(r"[A-Za-z]\.{BLANK}+{sentence}"),
        ),
        rule(Token::Word, format!(r"{ACRONYM}\.")),
        ending(End::Before(1), Token::Word, format!(r"{}\.[,;:]", word())),
    ]
}
