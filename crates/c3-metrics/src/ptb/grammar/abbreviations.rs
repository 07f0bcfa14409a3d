//! Words that keep their full stop.
//!
//! Measured: every string of up to four letters and some 100,000 longer words were
//! given to the reference tool with a full stop behind. Lists are alphabetical; case
//! is ignored but where a class in brackets says otherwise.

use super::{ACRONYM, BLANK, End, MARKUP, Rule, Token, ending, rule};

/// Keep the full stop, whatever follows; never run on into a following word.
const ENDING: &str = "al|ala|apr|ariz|assn|aug|bancorp|bhd|bldg|blvd|bros|calif|co|colo|conn|corp|\
    cos|ct|dak|dec|ed\\.d|esq|est|etc|ext|feb|fla|fri|ga|inc|ind|intl|jan|jr|jul|jun|kan|kans|ky|\
    ltd|mar|md|mich|minn|mo|mon|mont|neb|nev|nov|oct|okla|penn|ph\\.d|plc|pp?t(?-i:[ye])s?|rd|rt|\
    sep|sept|seq|sq|sr|sys|tel|tenn|thu|thurs|tue|tues|univ|va|vt|wed|wis|wisc|wyo";

/// The same, but only with a capital.
const ENDING_CAPITALIZED: &str = "Ark|Az|Del|Ill|La|Mass|Miss|Ore|Pa|Tex|Wash";

/// Keep the full stop, unless a word is written right behind it.
const LEADING: &str = "a\\.k\\.a|adj|adm|adv|alex|assoc|asst|attys?|ave|brig|capt|cf|cie|cmdr|col|\
    comdr|cpl|dept|det|drs?|elec|ens|ft|gen|govs?|hon|insp|invt|jos|lieut|lt|maj|messrs|\
    m(?-i:[ft])g|mlle|mme|mrs?|ms|msgr|mt|natl|pfc|ph|pres|profs?|pvt|reps?|rev|sens?|sfc|sgt|spc|\
    st|ste|supts?|treas|vs|wm";

/// Keep the full stop in front of a number.
const NUMBERING: &str = "art|ca|figs?|nos?|op|pp|prop";

/// Begin a sentence: a single letter in front of one of these ends its own.
const OPENING: &str = "A|About|According|Additionally|After|An|As|At|But|Earlier|He|Her|Here|However|\
    If|In|It|Last|Many|More|Mr\\.|Ms\\.|Now|Once|One|Other|Our|She|Since|So|Some|Such|That|The|\
    Their|Then|There|These|They|This|We|What|When|While|Yet|You";

pub(super) fn rules() -> Vec<Rule> {
    let last = format!(r"(?:(?i:{ENDING})|{})\.", capitalized(ENDING_CAPITALIZED));
    let sentence = format!("(?:{}|{MARKUP}){BLANK}", capitalized(OPENING));
    let numbering = format!(r"(?i:{NUMBERING})\.{BLANK}?[0-9\x92]");
    let single = format!(r"[A-Za-z]\.{BLANK}+{sentence}");
    vec![
        ending(End::Before(2), Token::Word, format!("{last}(?s:..)")),
        rule(Token::Word, last),
        rule(Token::Word, format!(r"(?i:{LEADING})\.")),
        ending(End::AfterStop, Token::Word, numbering),
        ending(End::BeforeStop, Token::Word, single),
        rule(Token::Word, format!(r"(?:[A-Za-z]|{ACRONYM})\.")),
    ]
}

/// The first letter as it stands, the others in any case.
fn capitalized(words: &str) -> String {
    let words = words
        .split('|')
        .map(|word| format!("{}(?i:{})", &word[..1], &word[1..]));
    words.collect::<Vec<_>>().join("|")
}
