//! Which emoji show the same thing.

/// Words that only say who it is.
const PEOPLE: [&str; 13] = [
    "man",
    "woman",
    "person",
    "men",
    "women",
    "people",
    "man’s",
    "woman’s",
    "men’s",
    "women’s",
    "Santa",
    "Mrs.",
    "Mx",
];

/// Words that only say which way the same drawing is turned.
const DIRECTIONS: [&str; 18] = [
    "left",
    "right",
    "up",
    "down",
    "up-right",
    "down-right",
    "down-left",
    "up-left",
    "up-down",
    "left-right",
    "leftwards",
    "rightwards",
    "upwards",
    "downwards",
    "left-facing",
    "right-facing",
    "increasing",
    "decreasing",
];

/// Words that only say in which colour or size, or how full, the same drawing is.
const LOOKS: [&str; 21] = [
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "brown",
    "black",
    "white",
    "grey",
    "pink",
    "light",
    "large",
    "medium",
    "small",
    "medium-small",
    "low",
    "high",
    "1st",
    "2nd",
    "3rd",
];

/// The concept of the emoji whose form without skin tone is called `base`.
pub(super) fn concept(base: &str) -> String {
    if let Some(family) = family(base) {
        return family.to_owned();
    }
    let base = base.strip_suffix(" facing right").unwrap_or(base);
    [&PEOPLE[..], &DIRECTIONS, &LOOKS]
        .iter()
        .fold(base.to_owned(), |name, words| without(&name, words))
}

/// Drawings that vary in more than a word of their name.
fn family(base: &str) -> Option<&'static str> {
    let (head, tail) = base.split_once(": ").unwrap_or((base, ""));
    match (base, head) {
        ("boy" | "girl" | "child", _) => Some("child"),
        ("older person" | "old man" | "old woman", _) => Some("older person"),
        ("prince" | "princess" | "person with crown", _) => Some("royalty"),
        ("merperson" | "merman" | "mermaid", _) => Some("merperson"),
        ("breast-feeding", _) => Some("feeding baby"),
        ("woman and man holding hands", _) => Some("holding hands"),
        ("index pointing up", _) => Some("backhand index pointing"),
        (_, "person" | "man" | "woman") if is_hair(tail) => Some("person"),
        (_, "family") => Some("family"),
        (_, "kiss" | "couple with heart") => Some("couple"),
        (_, "keycap") => Some("keycap"),
        _ if base.ends_with(" o’clock") || base.ends_with("-thirty") => Some("clock face"),
        _ if base.ends_with(" moon") || base.ends_with(" moon face") => Some("moon"),
        _ if base.contains(" mailbox ") => Some("mailbox"),
        _ => None,
    }
}

/// True for no remark on the hair, too.
fn is_hair(remark: &str) -> bool {
    ["", "bald", "beard"].contains(&remark) || remark.ends_with(" hair")
}

/// `name` without `words`; `name` itself if nothing would be left.
fn without(name: &str, words: &[&str]) -> String {
    let kept = name.split(' ').filter(|word| !words.contains(word));
    let kept = kept.collect::<Vec<_>>().join(" ");
    if kept.is_empty() {
        name.to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_a_concept(names: &[&str]) {
        for name in names {
            assert_eq!(concept(name), concept(names[0]), "{name}");
        }
    }

    #[test]
    fn gender_hair_and_direction_do_not_make_a_concept() {
        share_a_concept(&["firefighter", "man firefighter", "woman firefighter"]);
        share_a_concept(&["person running", "woman running facing right"]);
        share_a_concept(&["person", "man: beard", "woman: red hair", "person: bald"]);
        share_a_concept(&["Santa Claus", "Mrs. Claus", "Mx Claus"]);
        share_a_concept(&["merperson", "merman", "mermaid"]);
        share_a_concept(&["man in tuxedo", "person in tuxedo"]);
        share_a_concept(&["left-facing fist", "right-facing fist"]);
        share_a_concept(&["family: man, woman, boy", "family: adult, child", "family"]);
        share_a_concept(&["kiss", "kiss: woman, man", "couple with heart: man, man"]);
        share_a_concept(&["women holding hands", "woman and man holding hands"]);
    }

    #[test]
    fn colour_size_hour_and_phase_do_not_make_a_concept() {
        share_a_concept(&["red heart", "light blue heart"]);
        share_a_concept(&[
            "black large square",
            "white medium-small square",
            "red square",
        ]);
        share_a_concept(&["one o’clock", "twelve-thirty"]);
        share_a_concept(&["new moon", "waning crescent moon", "full moon face"]);
        share_a_concept(&["2nd place medal", "3rd place medal"]);
    }

    #[test]
    fn different_things_are_different_concepts() {
        let names = [
            "firefighter",
            "farmer",
            "dog",
            "dog face",
            "moon cake",
            "person kneeling",
            "person",
            "child",
            "baby",
            "raised fist",
            "right-facing fist",
            "kiss mark",
        ];
        let mut concepts: Vec<String> = names.iter().map(|name| concept(name)).collect();
        concepts.sort();
        concepts.dedup();
        assert_eq!(concepts.len(), names.len(), "{concepts:?}");
    }

    #[test]
    fn a_name_of_such_words_alone_stays() {
        assert_eq!(concept("man’s"), "man’s");
        assert_eq!(concept("man’s shoe"), "shoe");
    }
}
