//! The numbers of the COCO caption toolkit, made by `golden/toolkit.py`.

use c3_metrics::{ItemScores, Tokenizer, score};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    references: Vec<Vec<String>>,
    captions: Vec<String>,
    reference_tokens: Vec<Vec<String>>,
    caption_tokens: Vec<String>,
    bleu: [f64; 4],
    rouge_l: f64,
    cider: f64,
    cider_plain: f64,
    items: GoldenItems,
}

#[derive(Deserialize)]
struct GoldenItems {
    bleu: [Vec<f64>; 4],
    rouge_l: Vec<f64>,
    cider: Vec<f64>,
    cider_plain: Vec<f64>,
}

#[derive(Deserialize)]
struct GoldenTokens {
    sentences: Vec<String>,
    tokens: Vec<String>,
    words: Vec<String>,
    word_tokens: Vec<String>,
}

/// Both sides compute in f64; only the order of sums and one rounding of a root differ.
const TOLERANCE: f64 = 1e-9;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/toolkit.json")).unwrap()
}

fn assert_equal(name: &str, ours: &[f64], toolkit: &[f64]) {
    assert_eq!(ours.len(), toolkit.len(), "{name}");
    for (item, (a, b)) in ours.iter().zip(toolkit).enumerate() {
        assert!(
            (a - b).abs() < TOLERANCE,
            "{name} of item {item}: {a} != {b}"
        );
    }
}

#[test]
fn tokens_agree_with_the_toolkit() {
    let golden = golden();
    let tokenizer = Tokenizer::new();
    assert_eq!(
        tokenizer.tokenize_all(&golden.captions),
        golden.caption_tokens
    );
    assert_eq!(
        tokenizer.tokenize_all(&golden.references.concat()),
        golden.reference_tokens.concat()
    );
}

#[test]
fn tokens_of_difficult_sentences_agree_with_the_toolkit() {
    let golden: GoldenTokens = serde_json::from_str(include_str!("golden/tokens.json")).unwrap();
    let tokenizer = Tokenizer::new();
    for (texts, expected) in [
        (golden.sentences, golden.tokens),
        (golden.words, golden.word_tokens),
    ] {
        let ours = tokenizer.tokenize_all(&texts);
        assert_eq!(ours.len(), expected.len());
        for ((ours, expected), text) in ours.iter().zip(&expected).zip(&texts) {
            assert_eq!(ours, expected, "{text}");
        }
    }
}

#[test]
fn scores_of_the_set_agree_with_the_toolkit() {
    let golden = golden();
    let scores = score(&golden.references, &golden.captions).unwrap();
    assert_equal("bleu", &scores.bleu, &golden.bleu);
    assert_equal("rouge_l", &[scores.rouge_l], &[golden.rouge_l]);
    assert_equal("cider", &[scores.cider], &[golden.cider]);
    assert_equal("cider_plain", &[scores.cider_plain], &[golden.cider_plain]);
}

#[test]
fn scores_of_every_item_agree_with_the_toolkit() {
    let golden = golden();
    let scores = score(&golden.references, &golden.captions).unwrap();
    let column = |value: &dyn Fn(&ItemScores) -> f64| -> Vec<f64> {
        scores.items.iter().map(value).collect()
    };
    for order in 0..4 {
        let name = format!("bleu-{}", order + 1);
        assert_equal(
            &name,
            &column(&|item| item.bleu[order]),
            &golden.items.bleu[order],
        );
    }
    assert_equal(
        "rouge_l",
        &column(&|item| item.rouge_l),
        &golden.items.rouge_l,
    );
    assert_equal("cider", &column(&|item| item.cider), &golden.items.cider);
    assert_equal(
        "cider_plain",
        &column(&|item| item.cider_plain),
        &golden.items.cider_plain,
    );
}
