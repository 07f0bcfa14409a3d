//! Compares the n-grams of one order between captions and their references.

use std::ops::Range;

use rayon::prelude::*;

use crate::ngrams::{Ngrams, count};

/// What one order of n-grams says of one caption.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Overlap {
    /// N-grams of the caption that are in a reference, each counted no more often than
    /// in the reference that has it most often.
    pub(crate) correct: usize,
    /// Sum over the references of the cosine of tf-idf vectors.
    pub(crate) cosine: f64,
    /// The same with the caption's weights clipped to those of the reference, and each
    /// summand times the penalty for a reference of another length.
    pub(crate) clipped: f64,
}

/// Where the sentences of an item lie among all sentences.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The caption.
    pub(crate) caption: usize,
    /// The references.
    pub(crate) references: Range<usize>,
}

/// The n-grams of a caption: number, count and weight, in ascending order of numbers.
struct Caption {
    ngrams: Vec<(u32, u32, f64)>,
    norm: f64,
}

impl Places {
    /// Items with this many references each: the references lie first, in order, and the
    /// captions from `captions` on.
    pub(crate) fn of_lengths(
        references: impl Iterator<Item = usize>,
        captions: usize,
    ) -> impl Iterator<Item = Self> {
        references.enumerate().scan(0, move |next, (item, length)| {
            let references = *next..*next + length;
            *next = references.end;
            let caption = captions + item;
            Some(Self {
                caption,
                references,
            })
        })
    }
}

/// Compares every item's caption with its references.
///
/// `rarity` weighs the n-grams; `penalty` is what CIDEr-D multiplies with for a caption and
/// a reference.
pub(crate) fn overlaps(
    ngrams: &Ngrams,
    items: &[Places],
    rarity: &[f64],
    penalty: impl Fn(usize, usize) -> f64 + Sync,
) -> Vec<Overlap> {
    let overlap = |places: &Places| {
        let caption = Caption::of(ngrams.sentence(places.caption), rarity);
        let mut most = vec![0; caption.ngrams.len()];
        let mut overlap = Overlap::default();
        for reference in places.references.clone() {
            let counts = count(ngrams.sentence(reference));
            let (cosine, clipped) = caption.compare(&counts, rarity, &mut most);
            overlap.cosine += cosine;
            overlap.clipped += clipped * penalty(places.caption, reference);
        }
        let counts = caption.ngrams.iter().map(|&(_, times, _)| times);
        overlap.correct = counts
            .zip(most)
            .map(|(times, most)| times.min(most) as usize)
            .sum();
        overlap
    };
    items.par_iter().map(overlap).collect()
}

/// `ln(items) - ln(max(1, df))` of every n-gram, where `df` is the number of items whose
/// references have it.
pub(crate) fn rarities(ngrams: &Ngrams, items: &[Places]) -> Vec<f64> {
    let rarest = (items.len() as f64).ln();
    frequencies(ngrams, items)
        .into_iter()
        .map(|items| rarest - f64::from(items.max(1)).ln())
        .collect()
}

/// The number of items whose references have each n-gram.
pub(crate) fn frequencies(ngrams: &Ngrams, items: &[Places]) -> Vec<u32> {
    let mut frequencies = vec![0_u32; ngrams.distinct()];
    let mut last = vec![usize::MAX; ngrams.distinct()];
    for (item, places) in items.iter().enumerate() {
        for &ngram in places
            .references
            .clone()
            .flat_map(|place| ngrams.sentence(place))
        {
            let ngram = ngram as usize;
            if last[ngram] != item {
                last[ngram] = item;
                frequencies[ngram] += 1;
            }
        }
    }
    frequencies
}

impl Caption {
    fn of(numbers: &[u32], rarity: &[f64]) -> Self {
        let weigh = |(ngram, times)| (ngram, times, f64::from(times) * rarity[ngram as usize]);
        let ngrams: Vec<(u32, u32, f64)> = count(numbers).into_iter().map(weigh).collect();
        let norm = ngrams
            .iter()
            .map(|(_, _, weight)| weight * weight)
            .sum::<f64>()
            .sqrt();
        Self { ngrams, norm }
    }

    /// The cosine with a reference, plain and clipped; raises `most` to the reference's
    /// counts of the caption's n-grams.
    fn compare(&self, reference: &[(u32, u32)], rarity: &[f64], most: &mut [u32]) -> (f64, f64) {
        let (mut dot, mut clipped, mut square) = (0.0, 0.0, 0.0);
        let mut at = 0;
        for &(ngram, times) in reference {
            let theirs = f64::from(times) * rarity[ngram as usize];
            square += theirs * theirs;
            at += self.ngrams[at..]
                .iter()
                .take_while(|(ours, ..)| *ours < ngram)
                .count();
            if let Some(&(number, _, ours)) = self.ngrams.get(at)
                && number == ngram
            {
                most[at] = most[at].max(times);
                dot += ours * theirs;
                clipped += ours.min(theirs) * theirs;
            }
        }
        // A vector of length zero has only zero products.
        let norm = Some(self.norm * square.sqrt())
            .filter(|&norm| norm != 0.0)
            .unwrap_or(1.0);
        (dot / norm, clipped / norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::{Sentence, Vocabulary};

    /// Two items: sentences 0 and 1 are references of caption 3, sentence 2 of caption 4.
    fn unigrams() -> (Ngrams, [Places; 2]) {
        let mut vocabulary = Vocabulary::default();
        let texts = [
            "the cat sat",
            "the the dog",
            "the bird",
            "the the the cat",
            "a fish",
        ];
        let sentences: Vec<Sentence> = texts.map(|text| vocabulary.sentence(text)).into();
        let items = [
            Places {
                caption: 3,
                references: 0..2,
            },
            Places {
                caption: 4,
                references: 2..3,
            },
        ];
        (Ngrams::of::<1>(&sentences), items)
    }

    #[test]
    fn a_word_counts_no_more_often_than_in_one_reference() {
        let (ngrams, items) = unigrams();
        let rarity = rarities(&ngrams, &items);
        let overlaps = overlaps(&ngrams, &items, &rarity, |_, _| 1.0);
        assert_eq!(overlaps[0].correct, 3); // "the" twice, "cat" once
        assert_eq!(overlaps[1], Overlap::default());
    }

    #[test]
    fn a_word_of_every_item_weighs_nothing() {
        let (ngrams, items) = unigrams();
        let rarity = rarities(&ngrams, &items);
        let the = ngrams.sentence(0)[0] as usize;
        let cat = ngrams.sentence(0)[1] as usize;
        let fish = ngrams.sentence(4)[1] as usize;
        assert_eq!(
            (rarity[the], rarity[cat], rarity[fish]),
            (0.0, 2_f64.ln(), 2_f64.ln())
        );
    }

    #[test]
    fn the_penalty_acts_on_the_clipped_cosine_alone() {
        let (ngrams, items) = unigrams();
        let rarity = rarities(&ngrams, &items);
        let halved = overlaps(&ngrams, &items, &rarity, |_, _| 0.5)[0];
        let whole = overlaps(&ngrams, &items, &rarity, |_, _| 1.0)[0];
        assert_eq!(halved.cosine, whole.cosine);
        assert_eq!(halved.clipped, whole.clipped / 2.0);
        assert!(whole.clipped > 0.5);
    }
}
