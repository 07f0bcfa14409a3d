//! All metrics of a set of captions in one pass.

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    MetricError,
    bleu::BleuCounts,
    cider::{ciders, penalty},
    frequencies::{DocumentFrequencies, Numbered},
    ngrams::{MAX_ORDER, Ngrams},
    overlap::{Overlap, Places, overlaps, rarities},
    ptb::Tokenizer,
    rouge::rouge_l,
    sentence::{Sentence, Vocabulary, Word},
};

/// Scores of a set of captions, and of each of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// What the BLEU of some of the captions is computed from.
    #[serde(skip)]
    pub(crate) bleu_counts: Vec<BleuCounts>,
}

/// Scores of one caption.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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
/// let references = [
///     vec!["A dog runs on grass.", "The dog is running."],
///     vec!["Two people ride bikes."],
/// ];
/// let captions = ["a dog runs on grass", "a man"];
/// let scores = c3_metrics::score(&references, &captions)?;
/// assert!(scores.items[0].cider > scores.items[1].cider);
/// println!("CIDEr {:.1}", 100.0 * scores.cider);
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn score<R, T, C>(references: &[R], captions: &[C]) -> Result<Scores, MetricError>
where
    R: AsRef<[T]>,
    T: AsRef<str> + Sync,
    C: AsRef<str> + Sync,
{
    score_by(references, captions, None)
}

/// Scores captions against their references, with document frequencies of another corpus.
///
/// CIDEr alone differs from [`score`]: an n-gram weighs `ln(items) - ln(max(1, df))`, both
/// of the corpus.
///
/// # Errors
///
/// As [`score`].
pub fn score_with<R, T, C>(
    references: &[R],
    captions: &[C],
    frequencies: &DocumentFrequencies,
) -> Result<Scores, MetricError>
where
    R: AsRef<[T]>,
    T: AsRef<str> + Sync,
    C: AsRef<str> + Sync,
{
    score_by(references, captions, Some(frequencies))
}

fn score_by<R, T, C>(
    references: &[R],
    captions: &[C],
    frequencies: Option<&DocumentFrequencies>,
) -> Result<Scores, MetricError>
where
    R: AsRef<[T]>,
    T: AsRef<str> + Sync,
    C: AsRef<str> + Sync,
{
    check(references, captions)?;
    let tokenizer = Tokenizer::new();
    let texts: Vec<&T> = references.iter().flat_map(AsRef::as_ref).collect();
    let mut tokens = tokenizer.tokenize_all(&texts);
    tokens.extend(tokenizer.tokenize_all(captions));
    let mut vocabulary = Vocabulary::default();
    let sentences: Vec<Sentence> = tokens
        .iter()
        .map(|line| vocabulary.sentence(line))
        .collect();
    let lengths = references.iter().map(|of_item| of_item.as_ref().len());
    let items: Vec<Places> = Places::of_lengths(lengths, texts.len()).collect();
    let frequencies = frequencies.map(|frequencies| frequencies.numbered(&vocabulary));
    Ok(score_items(&sentences, &items, frequencies.as_ref()))
}

/// Says what is wrong with captions and their references.
pub(crate) fn check<R: AsRef<[T]>, T, C>(
    references: &[R],
    captions: &[C],
) -> Result<(), MetricError> {
    if references.len() != captions.len() {
        let (references, captions) = (references.len(), captions.len());
        return Err(MetricError::CountMismatch {
            references,
            captions,
        });
    }
    check_references(references)
}

/// Says what is wrong with references.
pub(crate) fn check_references<R: AsRef<[T]>, T>(references: &[R]) -> Result<(), MetricError> {
    if references.is_empty() {
        return Err(MetricError::NoItems);
    }
    let empty = |of_item: &R| of_item.as_ref().is_empty();
    match references.iter().position(empty) {
        Some(item) => Err(MetricError::NoReferences { item }),
        None => Ok(()),
    }
}

fn score_items(sentences: &[Sentence], items: &[Places], frequencies: Option<&Numbered>) -> Scores {
    let orders = compare(sentences, items, frequencies);
    let scored: Vec<(BleuCounts, ItemScores)> = items
        .par_iter()
        .enumerate()
        .map(|(item, places)| {
            score_item(
                sentences,
                places,
                &orders.each_ref().map(|order| order[item]),
            )
        })
        .collect();
    let total = scored
        .iter()
        .map(|(counts, _)| *counts)
        .fold(BleuCounts::default(), |a, b| a + b);
    let (bleu_counts, items): (Vec<BleuCounts>, Vec<ItemScores>) = scored.into_iter().unzip();
    let mean =
        |value: fn(&ItemScores) -> f64| items.iter().map(value).sum::<f64>() / items.len() as f64;
    Scores {
        bleu: total.scores(),
        rouge_l: mean(|item| item.rouge_l),
        cider: mean(|item| item.cider),
        cider_plain: mean(|item| item.cider_plain),
        items,
        bleu_counts,
    }
}

/// Compares captions and references, each order of n-grams by itself.
fn compare(
    sentences: &[Sentence],
    items: &[Places],
    frequencies: Option<&Numbered>,
) -> [Vec<Overlap>; MAX_ORDER] {
    let length = |place: usize| sentences[place].words.len();
    let penalty = |caption, reference| penalty(length(caption), length(reference));
    let compare = |order: usize| {
        let ngrams = Ngrams::of_order(order, sentences);
        let rarity = match frequencies {
            Some(frequencies) => frequencies.rarities(&ngrams, sentences, order),
            None => rarities(&ngrams, items),
        };
        overlaps(&ngrams, items, &rarity, penalty)
    };
    let mut orders = [const { Vec::new() }; MAX_ORDER];
    let each = orders.par_iter_mut().enumerate();
    each.for_each(|(index, overlaps)| *overlaps = compare(index + 1));
    orders
}

fn score_item(
    sentences: &[Sentence],
    places: &Places,
    orders: &[Overlap; MAX_ORDER],
) -> (BleuCounts, ItemScores) {
    let caption = &sentences[places.caption];
    let references = &sentences[places.references.clone()];
    let lengths = references.iter().map(|reference| reference.words.len());
    let counts = BleuCounts::of(orders, caption.words.len(), lengths);
    let pieces: Vec<&[Word]> = references.iter().map(Sentence::pieces).collect();
    let [cider_plain, cider] = ciders(orders, references.len());
    let rouge_l = rouge_l(caption.pieces(), &pieces);
    (
        counts,
        ItemScores {
            bleu: counts.scores(),
            rouge_l,
            cider,
            cider_plain,
        },
    )
}
