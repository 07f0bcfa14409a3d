//! BLEU (Papineni et al. 2002) with the constants of the COCO toolkit.

use std::ops::Add;

use crate::ngrams::{MAX_ORDER, NgramCounts, order_index};

/// Keeps a product of precisions from becoming zero.
const TINY: f64 = 1e-15;
/// Keeps a division by the number of guesses defined.
const SMALL: f64 = 1e-9;

/// What BLEU counts; counts of a corpus are the sum of its items'.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BleuCounts {
    caption_length: usize,
    reference_length: usize,
    guessed: [usize; MAX_ORDER],
    correct: [usize; MAX_ORDER],
}

impl BleuCounts {
    /// Compares one caption with its references, given as n-grams and number of words.
    pub(crate) fn of(caption: (&NgramCounts, usize), references: &[(NgramCounts, usize)]) -> Self {
        let (ngrams, caption_length) = caption;
        let mut correct = [0; MAX_ORDER];
        for (ngram, count) in ngrams.iter() {
            let most = references
                .iter()
                .map(|(counts, _)| counts.get(&ngram))
                .max();
            correct[order_index(&ngram)] += count.min(most.unwrap_or(0)) as usize;
        }
        let lengths = references.iter().map(|&(_, length)| length);
        Self {
            caption_length,
            reference_length: closest(lengths, caption_length),
            guessed: std::array::from_fn(|order| caption_length.saturating_sub(order)),
            correct,
        }
    }

    /// BLEU-1 to BLEU-4.
    ///
    /// `(prod_k (correct_k + 1e-15) / (guessed_k + 1e-9))^(1/n)`, times
    /// `exp(1 - 1 / ratio)` where the captions are shorter than the references.
    pub(crate) fn scores(&self) -> [f64; MAX_ORDER] {
        let ratio = (self.caption_length as f64 + TINY) / (self.reference_length as f64 + SMALL);
        let penalty = if ratio < 1.0 {
            (1.0 - 1.0 / ratio).exp()
        } else {
            1.0
        };
        let mut product = 1.0;
        std::array::from_fn(|index| {
            let (correct, guessed) = (self.correct[index] as f64, self.guessed[index] as f64);
            product *= (correct + TINY) / (guessed + SMALL);
            f64::powf(product, 1.0 / (index + 1) as f64) * penalty
        })
    }
}

impl Add for BleuCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            caption_length: self.caption_length + other.caption_length,
            reference_length: self.reference_length + other.reference_length,
            guessed: std::array::from_fn(|order| self.guessed[order] + other.guessed[order]),
            correct: std::array::from_fn(|order| self.correct[order] + other.correct[order]),
        }
    }
}

/// The reference length nearest to `length`; of two, the shorter.
fn closest(lengths: impl Iterator<Item = usize>, length: usize) -> usize {
    lengths
        .min_by_key(|&other| (other.abs_diff(length), other))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(words: &[u32]) -> (NgramCounts, usize) {
        (NgramCounts::of(words), words.len())
    }

    fn compare(caption: &[u32], references: &[&[u32]]) -> BleuCounts {
        let caption = counts(caption);
        let references: Vec<_> = references.iter().map(|words| counts(words)).collect();
        BleuCounts::of((&caption.0, caption.1), &references)
    }

    #[test]
    fn a_word_counts_no_more_often_than_in_one_reference() {
        // The example of the paper: "the the the ..." against one with two of them.
        let bleu = compare(&[1; 7], &[&[1, 2, 3, 4, 1, 5], &[6, 3, 2, 7, 1]]);
        assert!((bleu.scores()[0] - 2.0 / 7.0).abs() < 1e-9);
    }

    #[test]
    fn of_two_equally_near_lengths_the_shorter_counts() {
        assert_eq!(closest([7, 5].into_iter(), 6), 5);
        assert_eq!(closest([9, 7].into_iter(), 6), 7);
    }

    #[test]
    fn a_short_caption_pays_for_it() {
        let bleu = compare(&[1, 2], &[&[1, 2, 3, 4]]);
        assert!((bleu.scores()[0] - (-1.0_f64).exp()).abs() < 1e-8);
    }

    #[test]
    fn an_empty_caption_scores_nothing() {
        assert!(
            compare(&[], &[&[1, 2]])
                .scores()
                .iter()
                .all(|&score| score == 0.0)
        );
    }
}
