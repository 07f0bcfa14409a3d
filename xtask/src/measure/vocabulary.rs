//! The words that a probe predicts: those that tell items apart.

use std::collections::{BTreeMap, BTreeSet};

use c3_metrics::Tokenizer;

/// Items that a word needs, to be learned from some and held out with others.
const FEWEST_ITEMS: usize = 5;

/// Words by their number, in alphabetical order.
#[derive(Debug)]
pub(super) struct Vocabulary {
    words: BTreeMap<String, usize>,
}

impl Vocabulary {
    /// Words that at least five items have, and at most half of them: a word of most items,
    /// such as "the", is of no item in particular.
    pub(super) fn of(captions: &[String], owners: &[usize]) -> Self {
        let mut items: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (words, owner) in tokenized(captions).into_iter().zip(owners) {
            for word in words {
                items.entry(word).or_default().insert(*owner);
            }
        }
        let all = owners.iter().collect::<BTreeSet<_>>().len();
        let kept = items
            .into_iter()
            .filter(|(_, own)| own.len() >= FEWEST_ITEMS && own.len() * 2 <= all);
        let words = kept.enumerate().map(|(at, (word, _))| (word, at));
        Self {
            words: words.collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Which of the words each caption has.
    pub(super) fn tags(&self, captions: &[String]) -> Vec<Vec<usize>> {
        let tags = |words: BTreeSet<String>| {
            let known = words.iter().filter_map(|word| self.words.get(word));
            known.copied().collect()
        };
        tokenized(captions).into_iter().map(tags).collect()
    }
}

/// The words of each caption, as the metrics cut them.
fn tokenized(captions: &[String]) -> Vec<BTreeSet<String>> {
    let cut = Tokenizer::new().tokenize_all(captions);
    let words = |text: &String| text.split_whitespace().map(str::to_owned).collect();
    cut.iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_most_items_and_one_of_few_are_not_counted() {
        let mut captions: Vec<String> = (0..6).map(|_| "A dog runs.".to_owned()).collect();
        captions.extend((0..6).map(|_| "a cat sleeps".to_owned()));
        captions.push("a zebra".to_owned());
        let owners: Vec<usize> = (0..13).collect();
        let words = Vocabulary::of(&captions, &owners);
        let known: Vec<&String> = words.words.keys().collect();
        assert_eq!(known, ["cat", "dog", "runs", "sleeps"]);
        assert_eq!(words.tags(&["A dog, a dog sleeps".to_owned()]), [[1, 3]]);
    }

    #[test]
    fn captions_of_one_item_count_once() {
        let captions = vec!["red".to_owned(); 10];
        let words = Vocabulary::of(&captions, &[0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(words.len(), 0); // all five items
        let owners: Vec<usize> = (0..10).map(|row| row / 5).collect();
        assert_eq!(Vocabulary::of(&captions, &owners).len(), 0); // two items
    }
}
