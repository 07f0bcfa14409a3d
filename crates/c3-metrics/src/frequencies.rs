//! Document frequencies: how rare an n-gram is, which CIDEr weighs it by.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::{
    MetricError,
    coco::read_json,
    ngrams::{MAX_ORDER, Ngrams},
    overlap::{Places, frequencies},
    ptb::Tokenizer,
    score::check_references,
    sentence::{Sentence, Vocabulary, Word},
};

/// In how many items of a corpus each n-gram occurs.
///
/// CIDEr takes them from the references that are scored against, unless a corpus is given to
/// [`score_with`](crate::score_with): a few captions then weigh words as a large set does.
///
/// # Examples
///
/// ```
/// use c3_metrics::{DocumentFrequencies, score_with};
///
/// let corpus = [vec!["a dog runs", "a dog"], vec!["a red bike"], vec!["the sea"]];
/// let frequencies = DocumentFrequencies::of(&corpus)?;
/// assert_eq!((frequencies.items(), frequencies.of_ngram("a dog")), (3, 1));
///
/// let mut file = Vec::new();
/// frequencies.write(&mut file)?;
/// let frequencies = DocumentFrequencies::read(&*file)?;
/// let scores = score_with(&[["a red bike"]], &["a red bike"], &frequencies)?;
/// assert!(scores.cider > 0.0); // one item alone would say that no word is rare
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct DocumentFrequencies {
    items: u32,
    /// Of n-grams of one to four words, joined by single spaces.
    ngrams: BTreeMap<String, u32>,
}

impl DocumentFrequencies {
    /// Counts the n-grams of every item's references, each once an item.
    ///
    /// # Errors
    ///
    /// [`MetricError::NoItems`] or [`MetricError::NoReferences`].
    pub fn of<R, T>(references: &[R]) -> Result<Self, MetricError>
    where
        R: AsRef<[T]>,
        T: AsRef<str> + Sync,
    {
        check_references(references)?;
        let texts: Vec<&T> = references.iter().flat_map(AsRef::as_ref).collect();
        let tokens = Tokenizer::new().tokenize_all(&texts);
        let mut vocabulary = Vocabulary::default();
        let numbered = tokens.iter().map(|line| vocabulary.sentence(line));
        let sentences: Vec<Sentence> = numbered.collect();
        let lengths = references.iter().map(|of_item| of_item.as_ref().len());
        let items: Vec<Places> = Places::of_lengths(lengths, 0).collect();
        let words = vocabulary.words();
        let mut ngrams = BTreeMap::new();
        for order in 1..=MAX_ORDER {
            let numbers = Ngrams::of_order(order, &sentences);
            let counts = frequencies(&numbers, &items);
            numbers.each(&sentences, order, |number, ngram| {
                let spelt = ngram.iter().map(|&word| words[word as usize]);
                let spelt = spelt.collect::<Vec<_>>().join(" ");
                ngrams.insert(spelt, counts[number as usize]);
            });
        }
        let items = u32::try_from(items.len()).expect("fewer than 2^32 items");
        Ok(Self { items, ngrams })
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    ///
    /// [`MetricError::Read`], [`MetricError::NotUtf8`], [`MetricError::Json`], or
    /// [`MetricError::Frequency`] if an n-gram is in more items than there are.
    pub fn read(source: impl Read) -> Result<Self, MetricError> {
        let read: Self = read_json(source)?;
        let mut counts = read.ngrams.iter();
        match counts.find(|&(_, &count)| count > read.items) {
            Some((ngram, &count)) => Err(MetricError::Frequency {
                ngram: ngram.clone(),
                count,
                items: read.items,
            }),
            None if read.items == 0 => Err(MetricError::NoItems),
            None => Ok(read),
        }
    }

    /// Writes the frequencies as JSON.
    ///
    /// # Errors
    ///
    /// [`MetricError::Write`] if `target` takes no more.
    pub fn write(&self, target: impl Write) -> Result<(), MetricError> {
        serde_json::to_writer(target, self).map_err(|source| MetricError::Write(source.into()))
    }

    /// Items of the corpus.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items as usize
    }

    /// Items whose references have an n-gram: tokens joined by single spaces.
    #[must_use]
    pub fn of_ngram(&self, ngram: &str) -> usize {
        self.ngrams.get(ngram).map_or(0, |&count| count as usize)
    }

    /// The same for the words of the captions at hand.
    pub(crate) fn numbered(&self, vocabulary: &Vocabulary<'_>) -> Numbered {
        let of_known_words = self.ngrams.iter().filter_map(|(ngram, &count)| {
            let words = ngram.split(' ').map(|word| vocabulary.find(word));
            Some((words.collect::<Option<Box<[Word]>>>()?, count))
        });
        Numbered {
            items: self.items,
            counts: of_known_words.collect(),
        }
    }
}

/// Document frequencies by the numbers of words.
#[derive(Debug)]
pub(crate) struct Numbered {
    items: u32,
    counts: FxHashMap<Box<[Word]>, u32>,
}

impl Numbered {
    /// `ln(items) - ln(max(1, df))` of every n-gram of one order.
    pub(crate) fn rarities(
        &self,
        ngrams: &Ngrams,
        sentences: &[Sentence],
        order: usize,
    ) -> Vec<f64> {
        let rarest = f64::from(self.items).ln();
        let mut rarities = vec![rarest; ngrams.distinct()];
        ngrams.each(sentences, order, |number, words| {
            let count = self.counts.get(words).copied().unwrap_or(1);
            rarities[number as usize] = rarest - f64::from(count.max(1)).ln();
        });
        rarities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ngram_counts_once_an_item() {
        let corpus = [vec!["A dog, a dog.", "the dog"], vec!["a cat"]];
        let frequencies = DocumentFrequencies::of(&corpus).unwrap();
        assert_eq!(frequencies.of_ngram("a"), 2);
        assert_eq!(frequencies.of_ngram("dog"), 1);
        assert_eq!(frequencies.of_ngram("a dog a dog"), 1);
        assert_eq!(frequencies.of_ngram("the cat"), 0);
    }

    #[test]
    fn more_items_than_there_are_cannot_have_an_ngram() {
        let file = br#"{"items": 2, "ngrams": {"a dog": 3}}"#;
        let error = DocumentFrequencies::read(&file[..]).unwrap_err();
        assert_eq!(error.to_string(), "`a dog` is in 3 of 2 items");
        let file = br#"{"items": 0, "ngrams": {}}"#;
        assert!(DocumentFrequencies::read(&file[..]).is_err());
    }
}
