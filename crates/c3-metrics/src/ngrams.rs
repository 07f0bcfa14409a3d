//! Numbers the n-grams of all sentences, one order at a time.

use rustc_hash::FxHashMap;

use crate::sentence::{Sentence, Word};

/// Longest n-gram counted.
pub(crate) const MAX_ORDER: usize = 4;

/// The n-grams of one order in every sentence, as numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ngrams {
    /// Numbers of all sentences, one after the other.
    numbers: Vec<u32>,
    /// Where each sentence begins, and where the last one ends.
    starts: Vec<usize>,
    /// Distinct n-grams; every number is smaller.
    distinct: usize,
}

impl Ngrams {
    /// Numbers the n-grams of `order` words, one to [`MAX_ORDER`].
    pub(crate) fn of_order(order: usize, sentences: &[Sentence]) -> Self {
        match order {
            1 => Self::of::<1>(sentences),
            2 => Self::of::<2>(sentences),
            3 => Self::of::<3>(sentences),
            _ => Self::of::<MAX_ORDER>(sentences),
        }
    }

    /// Calls `see` with the number and the words of each n-gram, where it is met first.
    pub(crate) fn each(
        &self,
        sentences: &[Sentence],
        order: usize,
        mut see: impl FnMut(u32, &[Word]),
    ) {
        let mut next = 0; // numbers were given in this order
        let sentences = sentences.iter().enumerate();
        let ngrams = sentences.flat_map(|(index, sentence)| {
            let words = sentence.words.windows(order);
            words.zip(self.sentence(index))
        });
        for (words, &number) in ngrams {
            if number == next {
                see(number, words);
                next += 1;
            }
        }
    }

    /// Numbers the n-grams of `N` words, in the order in which they are met.
    pub(crate) fn of<const N: usize>(sentences: &[Sentence]) -> Self {
        let total = sentences.iter().map(|sentence| sentence.words.len()).sum();
        let mut known: FxHashMap<[Word; N], u32> = FxHashMap::default();
        let mut numbers = Vec::with_capacity(total);
        let mut starts = Vec::with_capacity(sentences.len() + 1);
        for sentence in sentences {
            starts.push(numbers.len());
            numbers.extend(sentence.words.array_windows().map(|ngram: &[Word; N]| {
                let next = u32::try_from(known.len()).expect("fewer than 2^32 distinct n-grams");
                *known.entry(*ngram).or_insert(next)
            }));
        }
        starts.push(numbers.len());
        Self {
            numbers,
            starts,
            distinct: known.len(),
        }
    }

    /// The n-grams of one sentence.
    pub(crate) fn sentence(&self, index: usize) -> &[u32] {
        &self.numbers[self.starts[index]..self.starts[index + 1]]
    }

    /// How many n-grams there are, each counted once.
    pub(crate) fn distinct(&self) -> usize {
        self.distinct
    }
}

/// Each n-gram of a sentence with its count, in ascending order of numbers.
pub(crate) fn count(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|a, b| a == b);
    runs.map(|run| {
        (
            run[0],
            u32::try_from(run.len()).expect("a sentence is shorter"),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::Vocabulary;

    #[test]
    fn equal_ngrams_share_a_number_across_sentences() {
        let mut vocabulary = Vocabulary::default();
        let sentences = ["a b a b", "b a", "c"].map(|text| vocabulary.sentence(text));
        let bigrams = Ngrams::of::<2>(&sentences);
        assert_eq!(bigrams.sentence(0), [0, 1, 0]);
        assert_eq!(bigrams.sentence(1), [1]);
        assert!(bigrams.sentence(2).is_empty());
        assert_eq!(bigrams.distinct(), 2);
    }

    #[test]
    fn each_ngram_is_seen_once_with_its_words() {
        let mut vocabulary = Vocabulary::default();
        let sentences = ["a b a b", "b a c"].map(|text| vocabulary.sentence(text));
        let mut seen = Vec::new();
        let bigrams = Ngrams::of_order(2, &sentences);
        bigrams.each(&sentences, 2, |number, words| {
            seen.push((number, words.to_vec()));
        });
        assert_eq!(seen, [(0, vec![1, 2]), (1, vec![2, 1]), (2, vec![1, 3])]);
    }

    #[test]
    fn a_sentence_shorter_than_the_order_has_no_ngram() {
        let sentences = [Vocabulary::default().sentence("")];
        assert!(Ngrams::of::<1>(&sentences).sentence(0).is_empty());
        assert!(Ngrams::of::<4>(&sentences).sentence(0).is_empty());
    }

    #[test]
    fn repeated_ngrams_are_counted() {
        assert_eq!(count(&[7, 3, 7]), [(3, 1), (7, 2)]);
    }
}
