//! METEOR 1.5 (Denkowski and Lavie 2014) for English.
//!
//! The tables of synonyms and paraphrases belong to the reference package and are not
//! part of this crate: [`index`] turns them into one block of bytes, once, and
//! [`Meteor::new`] takes that block, be it read or mapped from a file.

mod alignment;
mod keys;
mod lexicon;
mod matching;
mod normalize;
mod statistics;
mod tables;

use std::fmt;

use rayon::prelude::*;
use serde::Serialize;

use crate::{MetricError, ptb::Tokenizer, score::check};
use lexicon::{Lexicon, WordNumbers};
use matching::{Matches, Prepared};
use normalize::normalize;
use statistics::Statistics;
use tables::Tables;

pub use tables::{Sources, index};

/// METEOR of a set of captions, and of each of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeteorScores {
    /// METEOR of the whole set, 0 to 1.
    pub meteor: f64,
    /// METEOR of each caption, in the order given.
    pub items: Vec<f64>,
    /// What the METEOR of some of the captions is computed from.
    #[serde(skip)]
    statistics: Vec<Statistics>,
}

impl MeteorScores {
    fn of(statistics: Vec<Statistics>) -> Self {
        Self {
            meteor: statistics.iter().copied().sum::<Statistics>().score(),
            items: statistics.iter().map(Statistics::score).collect(),
            statistics,
        }
    }

    /// METEOR of the captions at `picks`, which may repeat.
    pub(crate) fn meteor_of(&self, picks: &[usize]) -> f64 {
        let picked = picks.iter().map(|&pick| self.statistics[pick]);
        picked.sum::<Statistics>().score()
    }
}

/// METEOR 1.5 with the parameters that it has for English by default.
#[derive(Clone)]
pub struct Meteor<B> {
    tables: Tables<B>,
}

impl<B: AsRef<[u8]> + Sync> Meteor<B> {
    /// Takes the tables that [`index`] wrote.
    ///
    /// # Errors
    ///
    /// [`MetricError::NotTables`] if the bytes are something else, or not all of it.
    pub fn new(tables: B) -> Result<Self, MetricError> {
        Ok(Self {
            tables: Tables::new(tables)?,
        })
    }

    /// Scores captions against their references, as the COCO toolkit has it done.
    ///
    /// Each caption counts with the reference that suits it best.
    ///
    /// # Errors
    ///
    /// As [`score`](crate::score).
    pub fn score<R, T, C>(
        &self,
        references: &[R],
        captions: &[C],
    ) -> Result<MeteorScores, MetricError>
    where
        R: AsRef<[T]>,
        T: AsRef<str> + Sync,
        C: AsRef<str> + Sync,
    {
        check(references, captions)?;
        let texts: Vec<&T> = references.iter().flat_map(AsRef::as_ref).collect();
        let tokenizer = Tokenizer::new();
        let mut lines = tokenizer.tokenize_all(captions);
        lines.extend(tokenizer.tokenize_all(&texts));
        let (lexicon, sentences) = self.prepare(&lines);
        let (captions, mut behind) = sentences.split_at(captions.len());
        let mut items = Vec::with_capacity(captions.len());
        for (caption, of_item) in captions.iter().zip(references) {
            let (references, rest) = behind.split_at(of_item.as_ref().len());
            behind = rest;
            items.push((caption, references));
        }
        let best = |(caption, references): &(&Prepared, &[Prepared])| {
            let each = references
                .iter()
                .map(|reference| self.compare(caption, reference, &lexicon));
            Statistics::best(each)
        };
        let statistics: Vec<Statistics> = items.par_iter().map(best).collect();
        Ok(MeteorScores::of(statistics))
    }

    fn prepare(&self, lines: &[String]) -> (Lexicon, Vec<Prepared>) {
        let words: Vec<Vec<String>> = lines
            .par_iter()
            // The toolkit halves double spaces, which an unbreakable one is not.
            .map(|line| normalize(&line.replace("|||", ""), &self.tables.prefixes))
            .collect();
        let mut numbers = WordNumbers::default();
        let sentences: Vec<Vec<u32>> = words
            .iter()
            .map(|words| words.iter().map(|word| numbers.number(word)).collect())
            .collect();
        let lexicon = Lexicon::of(&numbers, &self.tables);
        let prepare = |words| Prepared::new(words, &lexicon, &self.tables);
        let sentences = sentences.into_par_iter().map(prepare).collect();
        (lexicon, sentences)
    }

    fn compare(&self, caption: &Prepared, reference: &Prepared, lexicon: &Lexicon) -> Statistics {
        let matches = Matches::find(caption, reference, lexicon, &self.tables);
        Statistics::of(caption, reference, &alignment::align(&matches), lexicon)
    }
}

impl<B> fmt::Debug for Meteor<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Meteor").finish_non_exhaustive()
    }
}
