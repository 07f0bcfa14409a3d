//! Counts the n-grams of a sentence.

use crate::sentence::Word;

/// Longest n-gram counted.
pub(crate) const MAX_ORDER: usize = 4;

/// Up to four words; unused places are zero, which no word is.
pub(crate) type Ngram = [Word; MAX_ORDER];

/// The n-grams of a sentence, each with its count, in ascending order.
#[derive(Clone, Debug, Default)]
pub(crate) struct NgramCounts {
    counts: Vec<(Ngram, u32)>,
}

impl NgramCounts {
    /// Counts the n-grams of 1 to 4 words.
    pub(crate) fn of(words: &[Word]) -> Self {
        let mut all = Vec::with_capacity(MAX_ORDER * words.len());
        for order in 1..=MAX_ORDER {
            for window in words.windows(order) {
                let mut ngram = [0; MAX_ORDER];
                ngram[..order].copy_from_slice(window);
                all.push(ngram);
            }
        }
        all.sort_unstable();
        let mut counts: Vec<(Ngram, u32)> = Vec::with_capacity(all.len());
        for ngram in all {
            match counts.last_mut() {
                Some((last, count)) if *last == ngram => *count += 1,
                _ => counts.push((ngram, 1)),
            }
        }
        Self { counts }
    }

    /// Every n-gram with its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ngram, u32)> {
        self.counts.iter().copied()
    }

    /// How often `ngram` occurs.
    pub(crate) fn get(&self, ngram: &Ngram) -> u32 {
        match self.counts.binary_search_by(|(other, _)| other.cmp(ngram)) {
            Ok(at) => self.counts[at].1,
            Err(_) => 0,
        }
    }
}

/// Number of words in an n-gram, less one: the place of its order in a table.
pub(crate) fn order_index(ngram: &Ngram) -> usize {
    ngram.iter().skip(1).filter(|&&word| word != 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_words_are_counted() {
        let counts = NgramCounts::of(&[7, 8, 7]);
        assert_eq!(counts.get(&[7, 0, 0, 0]), 2);
        assert_eq!(counts.get(&[7, 8, 0, 0]), 1);
        assert_eq!(counts.get(&[8, 7, 0, 0]), 1);
        assert_eq!(counts.get(&[7, 8, 7, 0]), 1);
        assert_eq!(counts.get(&[8, 8, 0, 0]), 0);
        assert_eq!(counts.iter().count(), 5);
    }

    #[test]
    fn the_order_of_an_ngram_is_its_number_of_words() {
        assert_eq!(order_index(&[3, 0, 0, 0]), 0);
        assert_eq!(order_index(&[3, 1, 2, 9]), 3);
    }
}
