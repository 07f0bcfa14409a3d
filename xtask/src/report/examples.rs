//! Pictures with what people and decoders say of them.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::arms;
use super::page::{Example, Picture};

/// Words that stand in nearly every sentence, and alone say nothing of a picture.
const SMALL: [&str; 12] = [
    "a", "an", "and", "are", "at", "in", "is", "of", "on", "the", "to", "with",
];

/// Pictures of a split, each with its references and captions.
pub(super) fn grid(examples: &[Example], split: &str) -> Markup {
    html! {
        p.note {
            "Pictures of split " code { (split) } ", a reference in bold. What also stands in a reference is "
            mark { "marked" } ", save for words like “the” or “of” on their own."
        }
        div.grid {
            @for example in examples {
                (card(example))
            }
        }
    }
}

fn card(example: &Example) -> Markup {
    let known = known(&example.references);
    let alt = example
        .references
        .first()
        .map_or(example.name.as_str(), String::as_str);
    html! {
        figure.card {
            @if let Some(picture) = &example.picture {
                // Only photos have no see-through parts that need a light ground.
                div class=(if picture.media_type == "image/jpeg" { "mat photo" } else { "mat" }) {
                    img src=(source(picture)) alt=(alt);
                }
            }
            figcaption {
                (references(&example.references))
                dl {
                    @for (arm, caption) in &example.captions {
                        dt { (arms::label(arm)) }
                        dd dir="auto" { (marked(caption, &known)) }
                    }
                }
                @if example.name != alt { p.file { (example.name) } }
            }
        }
    }
}

/// The picture itself, so that the page needs no other file.
fn source(picture: &Picture) -> String {
    format!(
        "data:{};base64,{}",
        picture.media_type,
        STANDARD.encode(&picture.bytes)
    )
}

/// The words of references.
pub(crate) fn known(references: &[String]) -> HashSet<String> {
    references.iter().flat_map(|text| words(text)).collect()
}

/// The first reference, and the others folded away.
pub(crate) fn references(references: &[String]) -> Markup {
    let Some((first, others)) = references.split_first() else {
        return html! {};
    };
    html! {
        p.reference dir="auto" { (first) }
        @if !others.is_empty() {
            details {
                summary { (others.len()) " more" }
                ul { @for other in others { li dir="auto" { (other) } } }
            }
        }
    }
}

/// A caption in which runs of known words stand out.
pub(crate) fn marked(caption: &str, known: &HashSet<String>) -> Markup {
    let words: Vec<&str> = caption.split_whitespace().collect();
    if words.is_empty() {
        return html! { i { "no words" } };
    }
    let is_known = |text: &str| word(text).is_some_and(|word| known.contains(&word));
    let runs = words.chunk_by(|a, b| is_known(a) == is_known(b));
    let stands_out = |run: &[&str]| is_known(run[0]) && !run.iter().all(|text| is_small(text));
    html! {
        @for (index, run) in runs.enumerate() {
            @if index > 0 { " " }
            @if stands_out(run) { mark { (run.join(" ")) } } @else { (run.join(" ")) }
        }
    }
}

fn is_small(text: &str) -> bool {
    word(text).is_some_and(|word| SMALL.contains(&word.as_str()))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().filter_map(word)
}

/// A word without case and the signs around it; nothing if only signs are left.
fn word(text: &str) -> Option<String> {
    let bare = text.trim_matches(|sign: char| !sign.is_alphanumeric());
    (!bare.is_empty()).then(|| bare.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(caption: &str, reference: &str) -> String {
        marked(caption, &words(reference).collect()).into_string()
    }

    #[test]
    fn words_of_a_reference_are_marked_in_runs() {
        let shown = marks("A dog runs on GRASS", "two dogs; a dog on the grass.");
        assert_eq!(shown, "<mark>A dog</mark> runs <mark>on GRASS</mark>");
    }

    #[test]
    fn small_words_alone_are_not_marked() {
        assert_eq!(
            marks("a cat in the rain", "a dog in the rain"),
            "a cat <mark>in the rain</mark>"
        );
    }

    #[test]
    fn signs_alone_are_no_words() {
        assert_eq!(marks("- cat", "- dog"), "- cat");
        assert_eq!(marks("  ", "dog"), "<i>no words</i>");
    }

    #[test]
    fn a_hostile_caption_is_text() {
        let shown = marks("<script>alert(1)</script> dog", "dog");
        assert_eq!(
            shown,
            "&lt;script&gt;alert(1)&lt;/script&gt; <mark>dog</mark>"
        );
    }
}
