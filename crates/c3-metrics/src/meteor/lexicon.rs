//! What METEOR knows of each word of the captions at hand.

use rayon::prelude::*;
use rust_stemmers::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;

use super::tables::Tables;

/// Endings of inflected words and what takes their place in the base form: nouns,
/// verbs, adjectives; the rules of detachment of WordNet's Morphy.
const ENDINGS: [(&str, &str); 20] = [
    ("s", ""),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
    ("s", ""),
    ("ies", "y"),
    ("es", "e"),
    ("es", ""),
    ("ed", "e"),
    ("ed", ""),
    ("ing", "e"),
    ("ing", ""),
    ("er", ""),
    ("est", ""),
    ("er", "e"),
    ("est", "e"),
];

/// What the modules compare of a word.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The same for words with the same stem.
    pub(super) stem: u32,
    /// Synsets of the word and of its base forms, in ascending order.
    pub(super) synsets: Vec<u32>,
    /// Its number in the table of paraphrases.
    pub(super) paraphrased: Option<u32>,
    /// Counts less than a content word.
    pub(super) function: bool,
}

/// The words of all captions.
#[derive(Clone, Debug)]
pub(super) struct Lexicon {
    pub(super) entries: Vec<Entry>,
}

/// Numbers words in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct WordNumbers {
    numbers: FxHashMap<String, u32>,
    words: Vec<String>,
}

impl WordNumbers {
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let number = u32::try_from(self.words.len()).expect("fewer than 2^32 distinct words");
        self.words.push(word.to_owned());
        self.numbers.insert(word.to_owned(), number);
        number
    }
}

impl Lexicon {
    /// Looks every word up once.
    pub(super) fn of<B: AsRef<[u8]> + Sync>(words: &WordNumbers, tables: &Tables<B>) -> Self {
        let looked_up: Vec<(String, Vec<u32>, Option<u32>)> = words
            .words
            .par_iter()
            .map_init(
                || Stemmer::create(Algorithm::English),
                |stemmer, word| {
                    (
                        stemmer.stem(word).into_owned(),
                        synsets(word, tables),
                        tables.word(word),
                    )
                },
            )
            .collect();
        let mut stems = WordNumbers::default();
        let entries = words.words.iter().zip(looked_up).map(|(word, found)| {
            let (stem, synsets, paraphrased) = found;
            let function = tables.function_words.contains(word);
            Entry {
                stem: stems.number(&stem),
                synsets,
                paraphrased,
                function,
            }
        });
        Self {
            entries: entries.collect(),
        }
    }
}

/// The synsets of a word and of its base forms.
fn synsets<B: AsRef<[u8]>>(word: &str, tables: &Tables<B>) -> Vec<u32> {
    let mut synsets: Vec<u32> = tables.synsets(word).into_iter().flatten().collect();
    match tables.form_synsets(word) {
        Some(irregular) => synsets.extend(irregular),
        None => synsets.extend(base_synsets(word, tables)),
    }
    synsets.sort_unstable();
    synsets.dedup();
    synsets
}

fn base_synsets<B: AsRef<[u8]>>(word: &str, tables: &Tables<B>) -> Vec<u32> {
    if word.ends_with("ss") || word.chars().count() <= 2 {
        return Vec::new(); // its own base
    }
    let base = |&(ending, replacement): &(&str, &str)| {
        let stem = word.strip_suffix(ending)?;
        Some(tables.synsets(&format!("{stem}{replacement}"))?.collect())
    };
    ENDINGS.iter().find_map(base).unwrap_or_default()
}
