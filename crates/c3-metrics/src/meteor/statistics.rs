//! Counts matched words, and turns the counts into a score.

use std::{iter::Sum, ops::Add};

use super::{
    alignment::chunks,
    lexicon::Lexicon,
    matching::{Match, Prepared},
};

/// Weight of recall against precision.
const ALPHA: f64 = 0.85;
/// Exponent of fragmentation.
const BETA: f64 = 0.2;
/// Weight of fragmentation.
const GAMMA: f64 = 0.6;
/// Weight of content words against function words.
const DELTA: f64 = 0.75;
/// Weights of exact matches, stems, synonyms and paraphrases.
const WEIGHTS: [f64; 4] = [1.0, 0.6, 0.8, 0.6];

/// Words of one sentence: all of them, and those matched by each module.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Side {
    content: usize,
    function: usize,
    content_matched: [usize; 4],
    function_matched: [usize; 4],
}

/// What METEOR counts; counts of a set are the sum of its captions'.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Statistics {
    caption: Side,
    reference: Side,
    chunks: usize,
}

impl Statistics {
    /// Counts the matches of a caption and a reference.
    pub(super) fn of(
        caption: &Prepared,
        reference: &Prepared,
        matches: &[Match],
        lexicon: &Lexicon,
    ) -> Self {
        let ours = matches
            .iter()
            .flat_map(|m| m.caption_words().map(|word| (m.module, word)));
        let theirs = matches
            .iter()
            .flat_map(|m| m.words().map(|word| (m.module, word)));
        let mut statistics = Self {
            caption: Side::of(&caption.words, lexicon),
            reference: Side::of(&reference.words, lexicon),
            chunks: chunks(matches),
        };
        for (module, word) in ours {
            statistics
                .caption
                .count(module as usize, caption.words[word], lexicon);
        }
        for (module, word) in theirs {
            statistics
                .reference
                .count(module as usize, reference.words[word], lexicon);
        }
        if statistics.chunks == 1
            && statistics.caption.is_matched()
            && statistics.reference.is_matched()
        {
            statistics.chunks = 0; // the whole caption in one piece is not fragmented
        }
        statistics
    }

    /// The first of those with the highest score.
    pub(super) fn best(each: impl Iterator<Item = Self>) -> Self {
        let better = |best: Self, next: Self| {
            if next.score() > best.score() {
                next
            } else {
                best
            }
        };
        each.reduce(better).unwrap_or_default()
    }

    /// `F (1 - gamma frag^beta)`, with `F = 1 / ((1 - alpha) / P + alpha / R)` and `frag`
    /// the chunks per matched word.
    pub(super) fn score(&self) -> f64 {
        let (caption, reference) = (self.caption, self.reference);
        let matched = (caption.matched() + reference.matched()) as f64 / 2.0;
        if matched == 0.0 {
            return 0.0;
        }
        let precision = caption.weighted_matched() / caption.weighted();
        let recall = reference.weighted_matched() / reference.weighted();
        let mean = 1.0 / ((1.0 - ALPHA) / precision + ALPHA / recall);
        let fragmentation = self.chunks as f64 / matched;
        (mean * (1.0 - GAMMA * fragmentation.powf(BETA))).max(0.0)
    }
}

impl Side {
    fn of(words: &[u32], lexicon: &Lexicon) -> Self {
        let function = words
            .iter()
            .filter(|&&word| lexicon.entries[word as usize].function)
            .count();
        Self {
            content: words.len() - function,
            function,
            ..Self::default()
        }
    }

    fn count(&mut self, module: usize, word: u32, lexicon: &Lexicon) {
        if lexicon.entries[word as usize].function {
            self.function_matched[module] += 1;
        } else {
            self.content_matched[module] += 1;
        }
    }

    fn is_matched(&self) -> bool {
        self.matched() == self.content + self.function
    }

    fn matched(&self) -> usize {
        self.content_matched
            .iter()
            .chain(&self.function_matched)
            .sum()
    }

    fn weighted(&self) -> f64 {
        DELTA * self.content as f64 + (1.0 - DELTA) * self.function as f64
    }

    fn weighted_matched(&self) -> f64 {
        let sum = |matched: [usize; 4]| -> f64 {
            matched
                .iter()
                .zip(WEIGHTS)
                .map(|(&words, weight)| words as f64 * weight)
                .sum()
        };
        DELTA * sum(self.content_matched) + (1.0 - DELTA) * sum(self.function_matched)
    }
}

impl Add for Statistics {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            caption: self.caption + other.caption,
            reference: self.reference + other.reference,
            chunks: self.chunks + other.chunks,
        }
    }
}

impl Sum for Statistics {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), Add::add)
    }
}

impl Add for Side {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let add =
            |a: [usize; 4], b: [usize; 4]| std::array::from_fn(|module| a[module] + b[module]);
        Self {
            content: self.content + other.content,
            function: self.function + other.function,
            content_matched: add(self.content_matched, other.content_matched),
            function_matched: add(self.function_matched, other.function_matched),
        }
    }
}
