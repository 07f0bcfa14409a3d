//! CIDEr and CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726).
//!
//! Ten times the cosine of tf-idf vectors, averaged over the orders of n-grams and the
//! references; the cosines are in [`crate::overlap`].

use crate::{ngrams::MAX_ORDER, overlap::Overlap};

/// Width of the length penalty, in bigrams.
const SIGMA: f64 = 6.0;
const SCALE: f64 = 10.0;

/// CIDEr and CIDEr-D of one caption with this number of references.
pub(crate) fn ciders(orders: &[Overlap; MAX_ORDER], references: usize) -> [f64; 2] {
    let scale = SCALE / (MAX_ORDER * references) as f64;
    let plain: f64 = orders.iter().map(|order| order.cosine).sum();
    let clipped: f64 = orders.iter().map(|order| order.clipped).sum();
    [scale * plain, scale * clipped]
}

/// Length penalty of CIDEr-D: `exp(-d^2 / 72)`, `d` the difference in number of bigrams,
/// given the numbers of words.
pub(crate) fn penalty(caption: usize, reference: usize) -> f64 {
    let bigrams = |words: usize| words.saturating_sub(1) as f64;
    let difference = bigrams(caption) - bigrams(reference);
    (-difference * difference / (2.0 * SIGMA * SIGMA)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_caption_and_a_word_are_equally_long_in_bigrams() {
        assert_eq!(penalty(0, 1), 1.0);
        assert_eq!(penalty(3, 9), (-0.5_f64).exp());
    }

    #[test]
    fn cosines_of_one_are_ten() {
        let perfect = Overlap {
            correct: 0,
            cosine: 3.0,
            clipped: 3.0,
        };
        assert_eq!(ciders(&[perfect; MAX_ORDER], 3), [10.0, 10.0]);
    }
}
