//! The numbers of METEOR 1.5 on small tables, made by `golden/meteor.py`.

use c3_metrics::{
    MetricError,
    meteor::{Meteor, MeteorScores, Sources, index},
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    references: Vec<Vec<String>>,
    captions: Vec<String>,
    meteor: f64,
    items: Vec<f64>,
}

/// Both sides compute in f64 from the same counts.
const TOLERANCE: f64 = 1e-12;

fn tables() -> Vec<u8> {
    let mut tables = Vec::new();
    index(
        sources(&mut include_str!("golden/meteor/paraphrase-en").as_bytes()),
        &mut tables,
    )
    .unwrap();
    tables
}

/// The small tables, with these paraphrases.
fn sources<'a>(paraphrases: &'a mut &[u8]) -> Sources<'a> {
    let table = |text: &'static str| Box::leak(Box::new(text.as_bytes()));
    Sources {
        paraphrases,
        synsets: table(include_str!("golden/meteor/synonym/english.synsets")),
        exceptions: table(include_str!("golden/meteor/synonym/english.exceptions")),
        function_words: table(include_str!("golden/meteor/function/english.words")),
        prefixes: table(include_str!("golden/meteor/nonbreaking/english.prefixes")),
    }
}

#[test]
fn scores_agree_with_the_reference_tool() {
    let golden: Golden = serde_json::from_str(include_str!("golden/meteor.json")).unwrap();
    let meteor = Meteor::new(tables()).unwrap();
    let scores = meteor.score(&golden.references, &golden.captions).unwrap();
    assert!(
        (scores.meteor - golden.meteor).abs() < TOLERANCE,
        "{}",
        scores.meteor
    );
    assert_eq!(scores.items.len(), golden.items.len());
    for (item, (ours, tool)) in scores.items.iter().zip(&golden.items).enumerate() {
        assert!(
            (ours - tool).abs() < TOLERANCE,
            "item {item}: {ours} != {tool}"
        );
    }
}

#[test]
fn every_module_finds_what_the_one_before_does_not() {
    let meteor = Meteor::new(tables()).unwrap();
    let score = |caption: &str, reference: &str| {
        let scores = meteor.score(&[vec![reference.to_owned()]], &[caption.to_owned()]);
        scores.unwrap().meteor
    };
    assert_eq!(score("a red couch", "a red couch"), 1.0);
    assert!(
        score("a red toy", "a red toys") > score("a red stone", "a red toys"),
        "stems"
    );
    assert!(
        score("a red couch", "a red sofa") > score("a red stone", "a red sofa"),
        "synonyms"
    );
    let (paraphrase, other) = ("stones before it", "stones behind it");
    let reference = "stones in front of it";
    assert!(
        score(paraphrase, reference) > score(other, reference),
        "paraphrases"
    );
    assert_eq!(score("", "a red couch"), 0.0);
}

#[test]
fn bytes_that_are_no_tables_are_refused() {
    assert!(matches!(
        Meteor::new(Vec::new()),
        Err(MetricError::NotTables)
    ));
    let mut tables = tables();
    tables.pop();
    assert!(matches!(Meteor::new(tables), Err(MetricError::NotTables)));
}

#[test]
fn a_table_that_is_cut_off_is_named() {
    let error = index(sources(&mut &b"0.5\na man\n"[..]), Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the table of paraphrases ends in the middle of an entry"
    );
}

/// Sentences in which every module finds something.
fn sentence() -> impl Strategy<Value = String> {
    let words = [
        "a",
        "red",
        "couch",
        "sofa",
        "toys",
        "toy",
        "runs",
        "running",
        "in front of",
        "before",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 1..8)
        .prop_map(|words| words.join(" "))
}

fn items() -> impl Strategy<Value = Vec<(Vec<String>, String)>> {
    let references = prop::collection::vec(sentence(), 1..4);
    prop::collection::vec((references, sentence()), 1..6)
}

fn score_all(items: &[(Vec<String>, String)]) -> Result<MeteorScores, MetricError> {
    let (references, captions): (Vec<_>, Vec<_>) = items.iter().cloned().unzip();
    Meteor::new(tables())?.score(&references, &captions)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_items_and_of_references_does_not_matter(items in items()) {
        let turned: Vec<_> = items
            .iter()
            .rev()
            .map(|(references, caption)| {
                (references.iter().rev().cloned().collect(), caption.clone())
            })
            .collect();
        let (forward, backward) = (score_all(&items)?, score_all(&turned)?);
        for (a, b) in forward.items.iter().zip(backward.items.iter().rev()) {
            prop_assert!((a - b).abs() < TOLERANCE);
        }
    }

    #[test]
    fn a_perfect_caption_scores_one_and_none_scores_more(items in items()) {
        let mut items = items;
        items.push((vec![items[0].1.clone()], items[0].1.clone()));
        let scores = score_all(&items)?;
        prop_assert!((scores.items[items.len() - 1] - 1.0).abs() < TOLERANCE);
        for score in scores.items.iter().chain([&scores.meteor]) {
            prop_assert!((0.0..=1.0 + TOLERANCE).contains(score));
        }
    }

    #[test]
    fn adding_an_image_never_panics(items in items(), reference in ".*", caption in ".*") {
        let mut items = items;
        items.push((vec![reference], caption));
        prop_assert!(score_all(&items)?.meteor.is_finite());
    }
}
