//! Finds everything in a caption that may match something in a reference.

use std::{cmp::Ordering, ops::Range};

use super::{
    keys::to_bytes,
    lexicon::{Entry, Lexicon},
    tables::Tables,
};

/// A way in which words match, in the order in which they are tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Module {
    Exact,
    Stem,
    Synonym,
    Paraphrase,
}

/// Words of the caption that match words of the reference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Match {
    pub(super) module: Module,
    /// First word in the reference, and how many.
    pub(super) start: usize,
    pub(super) length: usize,
    /// First word in the caption, and how many.
    pub(super) caption_start: usize,
    pub(super) caption_length: usize,
}

/// A caption or reference, ready to be matched.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    /// Numbers in the lexicon.
    pub(super) words: Vec<u32>,
    /// Phrases of the table by place, the shorter first.
    phrases: Vec<Phrase>,
    /// The same by number, then by place.
    by_number: Vec<Phrase>,
}

/// A phrase of the table of paraphrases in a sentence.
#[derive(Clone, Copy, Debug)]
struct Phrase {
    number: u32,
    start: usize,
    length: usize,
}

/// All matches between a caption and a reference.
#[derive(Clone, Debug)]
pub(super) struct Matches {
    /// Those that start at each word of the reference.
    pub(super) at: Vec<Vec<Match>>,
    /// How many matches cover each word of the reference.
    pub(super) coverage: Vec<usize>,
    /// How many matches cover each word of the caption.
    pub(super) caption_coverage: Vec<usize>,
}

impl Prepared {
    pub(super) fn new<B: AsRef<[u8]>>(
        words: Vec<u32>,
        lexicon: &Lexicon,
        tables: &Tables<B>,
    ) -> Self {
        let mut phrases = Vec::new();
        for start in 0..words.len() {
            let known = words[start..]
                .iter()
                .map(|&word| lexicon.entries[word as usize].paraphrased);
            let known = to_bytes(known.take(tables.longest).map_while(|number| number));
            let each = (1..=known.len() / 4).map_while(|length| {
                let number = tables.phrase(&known[..4 * length])?;
                Some(Phrase {
                    number,
                    start,
                    length,
                })
            });
            phrases.extend(each.filter(|phrase| tables.is_whole(phrase.number)));
        }
        let mut by_number = phrases.clone();
        by_number.sort_by_key(|phrase| phrase.number); // stable
        Self {
            words,
            phrases,
            by_number,
        }
    }

    /// The places of a phrase.
    fn places(&self, number: u32) -> &[Phrase] {
        let first = self
            .by_number
            .partition_point(|phrase| phrase.number < number);
        let behind = &self.by_number[first..];
        &behind[..behind.partition_point(|phrase| phrase.number == number)]
    }
}

impl Matches {
    /// Tries every module; sentences of the same words need only the first.
    pub(super) fn find<B: AsRef<[u8]>>(
        caption: &Prepared,
        reference: &Prepared,
        lexicon: &Lexicon,
        tables: &Tables<B>,
    ) -> Self {
        let mut matches = Self {
            at: vec![Vec::new(); reference.words.len()],
            coverage: vec![0; reference.words.len()],
            caption_coverage: vec![0; caption.words.len()],
        };
        let entries =
            |a: u32, b: u32| -> [&Entry; 2] { [a, b].map(|word| &lexicon.entries[word as usize]) };
        let stem = |a, b| {
            let [a_entry, b_entry] = entries(a, b);
            a != b && a_entry.stem == b_entry.stem
        };
        let synonym = |a, b| {
            let [a_entry, b_entry] = entries(a, b);
            a != b && share(&a_entry.synsets, &b_entry.synsets)
        };
        matches.add_words(Module::Exact, caption, reference, |a, b| a == b);
        if caption.words != reference.words {
            matches.add_words(Module::Stem, caption, reference, stem);
            matches.add_words(Module::Synonym, caption, reference, synonym);
            matches.add_paraphrases(caption, reference, tables);
        }
        matches
    }

    fn add_words(
        &mut self,
        module: Module,
        caption: &Prepared,
        reference: &Prepared,
        alike: impl Fn(u32, u32) -> bool,
    ) {
        for (start, &theirs) in reference.words.iter().enumerate() {
            let ours = caption
                .words
                .iter()
                .enumerate()
                .filter(|&(_, &ours)| alike(ours, theirs));
            for (caption_start, _) in ours {
                self.add(Match {
                    module,
                    start,
                    length: 1,
                    caption_start,
                    caption_length: 1,
                });
            }
        }
    }

    fn add_paraphrases<B: AsRef<[u8]>>(
        &mut self,
        caption: &Prepared,
        reference: &Prepared,
        tables: &Tables<B>,
    ) {
        let module = Module::Paraphrase;
        for &Phrase {
            number,
            start,
            length,
        } in &reference.phrases
        {
            let theirs = tables
                .paraphrases(number)
                .flat_map(|target| caption.places(target));
            for &Phrase {
                start: caption_start,
                length: caption_length,
                ..
            } in theirs
            {
                self.add(Match {
                    module,
                    start,
                    length,
                    caption_start,
                    caption_length,
                });
            }
        }
        for &Phrase {
            number,
            start: caption_start,
            length: caption_length,
        } in &caption.phrases
        {
            let ours = tables
                .paraphrases(number)
                .flat_map(|target| reference.places(target));
            for &Phrase { start, length, .. } in ours {
                self.add(Match {
                    module,
                    start,
                    length,
                    caption_start,
                    caption_length,
                });
            }
        }
    }

    fn add(&mut self, found: Match) {
        self.at[found.start].push(found);
        found.words().for_each(|word| self.coverage[word] += 1);
        found
            .caption_words()
            .for_each(|word| self.caption_coverage[word] += 1);
    }
}

impl Match {
    /// Words of the reference.
    pub(super) fn words(&self) -> Range<usize> {
        self.start..self.start + self.length
    }

    /// Words of the caption.
    pub(super) fn caption_words(&self) -> Range<usize> {
        self.caption_start..self.caption_start + self.caption_length
    }
}

/// Whether two ascending lists have a number in common.
fn share(left: &[u32], right: &[u32]) -> bool {
    let (mut left, mut right) = (left, right);
    while let ([a, behind_a @ ..], [b, behind_b @ ..]) = (left, right) {
        match a.cmp(b) {
            Ordering::Less => left = behind_a,
            Ordering::Greater => right = behind_b,
            Ordering::Equal => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_share_a_number_wherever_it_is() {
        assert!(share(&[1, 5, 9], &[2, 9]));
        assert!(!share(&[1, 5], &[2, 6]));
        assert!(!share(&[], &[1]));
    }
}
