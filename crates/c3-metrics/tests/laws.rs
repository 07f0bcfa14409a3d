//! Laws that hold for every set of captions.

use c3_metrics::{MetricError, Scores, Tokenizer, score};
use proptest::prelude::*;

/// Sums in another order differ by a few roundings.
const TOLERANCE: f64 = 1e-9;

/// No single letters: with a full stop behind, those depend on the next caption.
const WORDS: [&str; 12] = [
    "the", "dog", "dog's", "runs", "isn't", "red", "T-shirt", "over", "5", "grass", ",", "(big)",
];

fn caption(words: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), words).prop_map(|w| w.join(" "))
}

/// References and a caption for each of a few items.
fn items() -> impl Strategy<Value = Vec<(Vec<String>, String)>> {
    let references = prop::collection::vec(caption(1..12), 1..4);
    prop::collection::vec((references, caption(0..12)), 1..8)
}

fn score_all(items: &[(Vec<String>, String)]) -> Result<Scores, MetricError> {
    let (references, captions): (Vec<_>, Vec<_>) = items.iter().cloned().unzip();
    score(&references, &captions)
}

fn corpus(scores: &Scores) -> Vec<f64> {
    let means = [scores.rouge_l, scores.cider, scores.cider_plain];
    scores.bleu.iter().copied().chain(means).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_items_does_not_matter(items in items()) {
        let reversed: Vec<_> = items.iter().rev().cloned().collect();
        let (forward, backward) = (score_all(&items)?, score_all(&reversed)?);
        for (a, b) in corpus(&forward).iter().zip(corpus(&backward)) {
            prop_assert!((a - b).abs() < TOLERANCE);
        }
        for (a, b) in forward.items.iter().zip(backward.items.iter().rev()) {
            prop_assert!((a.cider - b.cider).abs() < TOLERANCE);
            prop_assert_eq!(a.bleu, b.bleu);
        }
    }

    #[test]
    fn the_order_of_references_does_not_matter(items in items()) {
        let turned: Vec<_> = items
            .iter()
            .map(|(references, caption)| {
                (references.iter().rev().cloned().collect(), caption.clone())
            })
            .collect();
        for (a, b) in corpus(&score_all(&items)?).iter().zip(corpus(&score_all(&turned)?)) {
            prop_assert!((a - b).abs() < TOLERANCE);
        }
    }

    #[test]
    fn scores_stay_in_their_range(items in items()) {
        let scores = score_all(&items)?;
        prop_assert_eq!(scores.items.len(), items.len());
        for item in &scores.items {
            prop_assert!(item.bleu.iter().all(|bleu| (0.0..=1.0).contains(bleu)));
            prop_assert!((0.0..=1.0 + TOLERANCE).contains(&item.rouge_l));
            prop_assert!((0.0..=10.0 + TOLERANCE).contains(&item.cider));
            prop_assert!((0.0..=10.0 + TOLERANCE).contains(&item.cider_plain));
        }
    }

    #[test]
    fn a_perfect_caption_scores_the_maximum(items in items(), perfect in caption(4..12)) {
        let mut items = items;
        items.push((vec![perfect.clone()], perfect.clone()));
        let scores = score_all(&items)?;
        let item = scores.items.last().expect("one was pushed");
        let words = Tokenizer::new().tokenize(&perfect).split(' ').count();
        prop_assume!(words >= 4);
        prop_assert!(item.bleu.iter().all(|bleu| *bleu > 1.0 - 1e-6)); // 1e-9 of smoothing
        prop_assert!((item.rouge_l - 1.0).abs() < TOLERANCE);
    }

    #[test]
    fn an_unheard_of_perfect_caption_scores_ten(items in items()) {
        let mut items = items;
        let perfect = "zebras quietly admire purple volcanoes".to_owned();
        items.push((vec![perfect.clone()], perfect));
        let scores = score_all(&items)?;
        let item = scores.items.last().expect("one was pushed");
        prop_assert!((item.cider - 10.0).abs() < TOLERANCE);
        prop_assert!((item.cider_plain - 10.0).abs() < TOLERANCE);
    }

    #[test]
    fn adding_an_image_never_panics(items in items(), reference in ".*", caption in ".*") {
        let mut items = items;
        items.push((vec![reference], caption));
        prop_assert!(corpus(&score_all(&items)?).iter().all(|score| score.is_finite()));
    }

    #[test]
    fn tokenizing_never_panics_and_leaves_single_spaces(text in ".*") {
        let tokens = Tokenizer::new().tokenize(&text);
        prop_assert!(!tokens.contains("  "));
        prop_assert!(!tokens.starts_with(' ') && !tokens.ends_with(' '));
    }
}

#[test]
fn bad_input_is_said_in_one_sentence() {
    let said = |references: &[Vec<String>], captions: &[String]| {
        score(references, captions).unwrap_err().to_string()
    };
    assert_eq!(said(&[], &[]), "there are no captions to score");
    let one = vec!["a dog".to_owned()];
    assert_eq!(
        said(&[], &one),
        "1 captions cannot be scored against references of 0 items"
    );
    assert_eq!(
        said(&[one.clone(), Vec::new()], &[one[0].clone(), String::new()]),
        "item 1 has no reference caption"
    );
}

#[test]
fn an_empty_caption_scores_nothing() {
    let references = vec![vec!["a dog runs".to_owned()], vec!["a cat".to_owned()]];
    let scores = score(&references, &[String::new(), "a cat".to_owned()]).unwrap();
    assert_eq!(scores.items[0].bleu, [0.0; 4]);
    assert_eq!((scores.items[0].rouge_l, scores.items[0].cider), (0.0, 0.0));
}
