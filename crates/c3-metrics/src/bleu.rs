//! BLEU (Papineni et al. 2002) with the constants of the COCO toolkit.

use std::ops::Add;

use crate::{ngrams::MAX_ORDER, overlap::Overlap};

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
    /// Counts of one caption, given the numbers of words.
    pub(crate) fn of(
        orders: &[Overlap; MAX_ORDER],
        caption_length: usize,
        reference_lengths: impl Iterator<Item = usize>,
    ) -> Self {
        Self {
            caption_length,
            reference_length: closest(reference_lengths, caption_length),
            guessed: std::array::from_fn(|order| caption_length.saturating_sub(order)),
            correct: orders.map(|order| order.correct),
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

    fn counts(correct: [usize; 4], caption: usize, references: &[usize]) -> BleuCounts {
        let orders = correct.map(|correct| Overlap {
            correct,
            ..Overlap::default()
        });
        BleuCounts::of(&orders, caption, references.iter().copied())
    }

    #[test]
    fn the_score_is_the_geometric_mean_of_precisions() {
        let scores = counts([2, 1, 0, 0], 7, &[6]).scores();
        assert!((scores[0] - 2.0 / 7.0).abs() < 1e-9);
        assert!((scores[1] - (2.0 / 7.0 / 6.0_f64).sqrt()).abs() < 1e-9);
        assert!(scores[2] < 1e-5);
    }

    #[test]
    fn of_two_equally_near_lengths_the_shorter_counts() {
        assert_eq!(closest([7, 5].into_iter(), 6), 5);
        assert_eq!(closest([9, 7].into_iter(), 6), 7);
    }

    #[test]
    fn a_short_caption_pays_for_it() {
        let scores = counts([2, 1, 0, 0], 2, &[4]).scores();
        assert!((scores[0] - (-1.0_f64).exp()).abs() < 1e-8);
    }

    #[test]
    fn an_empty_caption_scores_nothing() {
        assert_eq!(counts([0; 4], 0, &[2]).scores(), [0.0; 4]);
    }
}
