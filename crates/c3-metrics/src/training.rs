//! References that stand in the text a system learned from.

use rustc_hash::FxHashMap;

use crate::Tokenizer;

/// Sentences of the training text that are tokenized at a time.
const BATCH: usize = 8_192;

/// A reference that stands word for word in the training text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Seen {
    /// Its item, from zero.
    pub item: usize,
    /// Its place among the references of the item, from zero.
    pub reference: usize,
}

/// Finds the references that stand in the training text, in order.
///
/// Sentences are equal if their tokens are: case and punctuation do not count. Scores on such
/// references say how well a system remembers, not how well it describes. The training text
/// is read once and not kept; an empty reference is never seen.
///
/// # Examples
///
/// ```
/// # use c3_metrics::{Seen, seen_in_training};
/// let references = [vec!["A dog runs.", "The dog is running."], vec!["A red bike"]];
/// let seen = seen_in_training(&references, ["two cats", "a dog runs!"]);
/// assert_eq!(seen, [Seen { item: 0, reference: 0 }]);
/// ```
pub fn seen_in_training<R, T, S>(
    references: &[R],
    training: impl IntoIterator<Item = S>,
) -> Vec<Seen>
where
    R: AsRef<[T]>,
    T: AsRef<str> + Sync,
    S: AsRef<str> + Sync,
{
    let tokenizer = Tokenizer::new();
    let texts: Vec<&T> = references.iter().flat_map(AsRef::as_ref).collect();
    let counts = references.iter().map(|of_item| of_item.as_ref().len());
    let places = counts.enumerate();
    let places =
        places.flat_map(|(item, count)| (0..count).map(move |reference| Seen { item, reference }));
    let mut wanted: FxHashMap<String, Vec<Seen>> = FxHashMap::default();
    for (tokens, place) in tokenizer.tokenize_all(&texts).into_iter().zip(places) {
        wanted.entry(tokens).or_default().push(place);
    }
    wanted.remove("");
    let mut seen = Vec::new();
    let mut training = training.into_iter();
    loop {
        let batch: Vec<S> = training.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        for tokens in tokenizer.tokenize_all(&batch) {
            seen.extend(wanted.remove(&tokens).unwrap_or_default());
        }
    }
    seen.sort_unstable();
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_seen_once_however_often_it_stands_there() {
        let references = [vec!["a cat"], vec!["", "A cat."]];
        let seen = seen_in_training(&references, ["a cat", "", "a cat"]);
        let place = |item, reference| Seen { item, reference };
        assert_eq!(seen, [place(0, 0), place(1, 1)]);
    }

    #[test]
    fn nothing_is_seen_in_no_text() {
        assert!(seen_in_training(&[["a cat"]], [""; 0]).is_empty());
    }
}
