//! CIDEr and CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726).

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ngrams::{MAX_ORDER, Ngram, NgramCounts, order_index};

/// Width of the length penalty of CIDEr-D, in words.
const SIGMA: f64 = 6.0;
/// Both metrics are ten times a mean cosine.
const SCALE: f64 = 10.0;

/// In how many items' references each n-gram occurs.
#[derive(Clone, Debug)]
pub(crate) struct DocumentFrequencies {
    counts: FxHashMap<Ngram, u32>,
    log_items: f64,
}

/// An n-gram and its weight, in ascending order of n-grams.
type Weights = Vec<(Ngram, f64)>;

/// A sentence as a vector of weighted n-grams, one part for each order.
#[derive(Clone, Debug)]
struct Weighted {
    weights: Weights,
    norms: [f64; MAX_ORDER],
    bigrams: f64,
}

/// Both metrics of one caption.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CiderScores {
    /// Without clipping and length penalty.
    pub(crate) plain: f64,
    /// CIDEr-D.
    pub(crate) clipped: f64,
}

impl DocumentFrequencies {
    /// Counts over the references of every item.
    pub(crate) fn of<'a>(items: impl ExactSizeIterator<Item = &'a [(NgramCounts, usize)]>) -> Self {
        let log_items = (items.len() as f64).ln();
        let mut counts = FxHashMap::default();
        let mut seen = FxHashSet::default();
        for references in items {
            seen.clear();
            let ngrams = references.iter().flat_map(|(counts, _)| counts.iter());
            for (ngram, _) in ngrams.filter(|&(ngram, _)| seen.insert(ngram)) {
                *counts.entry(ngram).or_insert(0) += 1;
            }
        }
        Self { counts, log_items }
    }

    /// Scores one caption against its references.
    ///
    /// For each order `n` the cosine of the tf-idf vectors, with
    /// `idf = ln(items) - ln(max(1, df))`; CIDEr-D takes `min(h, r) r` for `h r` and
    /// multiplies by `exp(-d^2 / 72)`, `d` the difference in number of bigrams. The
    /// mean over orders and references, times 10.
    pub(crate) fn scores(
        &self,
        caption: &NgramCounts,
        references: &[(NgramCounts, usize)],
    ) -> CiderScores {
        let caption = self.weigh(caption);
        let mut sum = CiderScores::default();
        for (reference, _) in references {
            let similarity = caption.similarity(&self.weigh(reference));
            sum.plain += similarity.plain;
            sum.clipped += similarity.clipped;
        }
        let scale = SCALE / (MAX_ORDER * references.len().max(1)) as f64;
        CiderScores {
            plain: scale * sum.plain,
            clipped: scale * sum.clipped,
        }
    }

    fn weigh(&self, ngrams: &NgramCounts) -> Weighted {
        let mut squares = [0.0; MAX_ORDER];
        let mut bigrams = 0.0;
        let weights = ngrams.iter().map(|(ngram, count)| {
            let frequency = self.counts.get(&ngram).copied().unwrap_or(0).max(1);
            let weight = f64::from(count) * (self.log_items - f64::from(frequency).ln());
            let order = order_index(&ngram);
            squares[order] += weight * weight;
            bigrams += if order == 1 { f64::from(count) } else { 0.0 };
            (ngram, weight)
        });
        let weights = weights.collect();
        Weighted {
            weights,
            norms: squares.map(f64::sqrt),
            bigrams,
        }
    }
}

impl Weighted {
    /// Sums the cosines of the four orders.
    fn similarity(&self, reference: &Self) -> CiderScores {
        let (mut plain, mut clipped) = ([0.0; MAX_ORDER], [0.0; MAX_ORDER]);
        for (ngram, ours, theirs) in shared(&self.weights, &reference.weights) {
            let order = order_index(&ngram);
            plain[order] += ours * theirs;
            clipped[order] += ours.min(theirs) * theirs;
        }
        let difference = self.bigrams - reference.bigrams;
        let penalty = (-difference * difference / (2.0 * SIGMA * SIGMA)).exp();
        let mut sum = CiderScores::default();
        for order in 0..MAX_ORDER {
            let norm = self.norms[order] * reference.norms[order];
            let norm = if norm == 0.0 { 1.0 } else { norm };
            sum.plain += plain[order] / norm;
            sum.clipped += clipped[order] / norm * penalty;
        }
        sum
    }
}

/// The n-grams that two sentences share, with both weights.
fn shared(left: &Weights, right: &Weights) -> impl Iterator<Item = (Ngram, f64, f64)> {
    let mut at = 0;
    left.iter().filter_map(move |&(ngram, ours)| {
        at += right[at..]
            .iter()
            .take_while(|(other, _)| *other < ngram)
            .count();
        let &(other, theirs) = right.get(at)?;
        (other == ngram).then_some((ngram, ours, theirs))
    })
}
