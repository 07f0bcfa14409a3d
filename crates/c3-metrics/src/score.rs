//! All metrics of a set of captions in one pass.

use rayon::prelude::*;

use crate::{
    MetricError,
    bleu::BleuCounts,
    cider::{CiderScores, DocumentFrequencies},
    ngrams::{MAX_ORDER, NgramCounts},
    ptb::Tokenizer,
    rouge::rouge_l,
    sentence::{Sentence, Vocabulary},
};

/// Scores of a set of captions, and of each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// BLEU-1 to BLEU-4 of the whole set, 0 to 1.
    pub bleu: [f64; MAX_ORDER],
    /// Mean ROUGE-L, 0 to 1.
    pub rouge_l: f64,
    /// What papers and the COCO toolkit call CIDEr, which is CIDEr-D; the mean, 0 to 10.
    /// Papers print it times 100.
    pub cider: f64,
    /// Mean CIDEr without clipping and length penalty, 0 to 10.
    pub cider_plain: f64,
    /// The scores of each caption, in the order given.
    pub items: Vec<ItemScores>,
}

/// Scores of one caption.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ItemScores {
    /// BLEU-1 to BLEU-4 of this caption alone.
    pub bleu: [f64; MAX_ORDER],
    /// ROUGE-L.
    pub rouge_l: f64,
    /// CIDEr-D, with document frequencies of the whole set.
    pub cider: f64,
    /// CIDEr without clipping and length penalty.
    pub cider_plain: f64,
}

/// What the metrics see of one item.
struct Item {
    caption: Sentence,
    references: Vec<Sentence>,
    caption_ngrams: NgramCounts,
    reference_ngrams: Vec<(NgramCounts, usize)>,
}

/// Scores captions against their references.
///
/// The numbers are those of the COCO caption toolkit, tokenization included: BLEU with
/// the closest reference length, ROUGE-L with beta 1.2, CIDEr-D with document
/// frequencies from these references. An empty caption is allowed and scores low.
///
/// # Errors
///
/// - [`MetricError::NoItems`] if there is nothing to score.
/// - [`MetricError::CountMismatch`] if the lists differ in length.
/// - [`MetricError::NoReferences`] if an item has an empty list of references.
///
/// # Examples
///
/// ```
/// let references = vec![
///     vec!["A dog runs on grass.".to_owned(), "The dog is running.".to_owned()],
///     vec!["Two people ride bikes.".to_owned()],
/// ];
/// let captions = ["a dog runs on grass".to_owned(), "a man".to_owned()];
/// let scores = c3_metrics::score(&references, &captions)?;
/// assert!(scores.items[0].cider > scores.items[1].cider);
/// println!("CIDEr {:.1}", 100.0 * scores.cider);
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn score(references: &[Vec<String>], captions: &[String]) -> Result<Scores, MetricError> {
    check(references, captions)?;
    let tokenizer = Tokenizer::new();
    let all_references: Vec<&str> = references.iter().flatten().map(String::as_str).collect();
    let all_captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    let reference_tokens = tokenizer.tokenize_all(&all_references);
    let caption_tokens = tokenizer.tokenize_all(&all_captions);

    let mut vocabulary = Vocabulary::default();
    let mut sentences = reference_tokens
        .iter()
        .map(|tokens| vocabulary.sentence(tokens));
    let reference_sentences: Vec<Vec<Sentence>> = references
        .iter()
        .map(|texts| sentences.by_ref().take(texts.len()).collect())
        .collect();
    let caption_sentences: Vec<Sentence> = caption_tokens
        .iter()
        .map(|tokens| vocabulary.sentence(tokens))
        .collect();
    let items: Vec<Item> = caption_sentences
        .into_par_iter()
        .zip(reference_sentences)
        .map(|(caption, references)| Item::new(caption, references))
        .collect();
    Ok(score_items(&items))
}

fn check(references: &[Vec<String>], captions: &[String]) -> Result<(), MetricError> {
    if references.len() != captions.len() {
        let (references, captions) = (references.len(), captions.len());
        return Err(MetricError::CountMismatch {
            references,
            captions,
        });
    }
    if references.is_empty() {
        return Err(MetricError::NoItems);
    }
    match references.iter().position(Vec::is_empty) {
        Some(item) => Err(MetricError::NoReferences { item }),
        None => Ok(()),
    }
}

fn score_items(items: &[Item]) -> Scores {
    let frequencies = DocumentFrequencies::of(items.iter().map(|i| i.reference_ngrams.as_slice()));
    let scored: Vec<(BleuCounts, ItemScores)> = items
        .par_iter()
        .map(|item| item.score(&frequencies))
        .collect();
    let total = scored
        .iter()
        .map(|(counts, _)| *counts)
        .fold(BleuCounts::default(), |a, b| a + b);
    let items: Vec<ItemScores> = scored.into_iter().map(|(_, scores)| scores).collect();
    let mean =
        |value: fn(&ItemScores) -> f64| items.iter().map(value).sum::<f64>() / items.len() as f64;
    Scores {
        bleu: total.scores(),
        rouge_l: mean(|item| item.rouge_l),
        cider: mean(|item| item.cider),
        cider_plain: mean(|item| item.cider_plain),
        items,
    }
}

impl Item {
    fn new(caption: Sentence, references: Vec<Sentence>) -> Self {
        let caption_ngrams = NgramCounts::of(&caption.words);
        let reference_ngrams = references
            .iter()
            .map(|r| (NgramCounts::of(&r.words), r.words.len()))
            .collect();
        Self {
            caption,
            references,
            caption_ngrams,
            reference_ngrams,
        }
    }

    fn score(&self, frequencies: &DocumentFrequencies) -> (BleuCounts, ItemScores) {
        let ngrams = (&self.caption_ngrams, self.caption.words.len());
        let counts = BleuCounts::of(ngrams, &self.reference_ngrams);
        let pieces: Vec<&[u32]> = self
            .references
            .iter()
            .map(|r| r.pieces.as_slice())
            .collect();
        let CiderScores { plain, clipped } =
            frequencies.scores(&self.caption_ngrams, &self.reference_ngrams);
        let scores = ItemScores {
            bleu: counts.scores(),
            rouge_l: rouge_l(&self.caption.pieces, &pieces),
            cider: clipped,
            cider_plain: plain,
        };
        (counts, scores)
    }
}
