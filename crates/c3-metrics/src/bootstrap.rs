//! How far scores can be trusted: resampling the captions that were scored.

use rand::{Rng, RngExt};
use serde::Serialize;

use crate::{MetricError, Scores, bleu::BleuCounts, meteor::MeteorScores};

/// The scores that [`Scores`] are resampled in, in order.
pub const METRICS: [&str; 7] = [
    "BLEU-1",
    "BLEU-2",
    "BLEU-3",
    "BLEU-4",
    "ROUGE-L",
    "CIDEr",
    "CIDEr (plain)",
];

/// A score with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The score of all captions.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The difference between two systems in one score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Second system less the first, with its interval.
    pub interval: Interval,
    /// Share of resamples in which the difference has not the sign it has in all
    /// captions, twice, at most 1: a small one says that the difference is no accident.
    pub p_value: f64,
}

/// How to resample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// How many resamples to draw.
    pub resamples: usize,
    /// Share of resamples that the interval holds, such as 0.95.
    pub confidence: f64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1_000,
            confidence: 0.95,
        }
    }
}

/// Scores of a set of captions that can be computed anew for any choice of them.
///
/// [`Scores`] gives those of [`METRICS`], [`MeteorScores`] one, and a slice of scores of
/// each caption (such as CLIPScore's) its mean.
pub trait Resample {
    /// How many captions were scored.
    fn captions(&self) -> usize;

    /// The scores of the captions at `picks`, which may repeat.
    fn scores_of(&self, picks: &[usize]) -> Vec<f64>;
}

impl Bootstrap {
    /// An interval for each score, by the percentile bootstrap (Efron 1979) over captions.
    ///
    /// BLEU and METEOR are computed anew from the counts of each resample (Koehn 2004); the
    /// others are means, with the document frequencies of all references.
    ///
    /// # Examples
    ///
    /// ```
    /// # use c3_metrics::{bootstrap::{Bootstrap, METRICS}, score};
    /// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// let references = [vec!["a red bike"], vec!["two dogs run"], vec!["the sea"]];
    /// let scores = score(&references, &["a bike", "two dogs run", "a house"])?;
    /// let mut rng = ChaCha8Rng::seed_from_u64(1);
    /// for (metric, interval) in METRICS.iter().zip(Bootstrap::default().intervals(&scores, &mut rng)) {
    ///     println!("{metric}: {:.3} ({:.3} to {:.3})", interval.value, interval.low, interval.high);
    /// }
    /// # Ok::<_, c3_metrics::MetricError>(())
    /// ```
    pub fn intervals(
        &self,
        scores: &(impl Resample + ?Sized),
        rng: &mut impl Rng,
    ) -> Vec<Interval> {
        let captions = scores.captions();
        let all = scores.scores_of(&every(captions));
        let samples = self.draw(captions, rng, |picks| scores.scores_of(picks));
        let values = all.iter().enumerate();
        values
            .map(|(metric, &value)| self.interval(value, column(&samples, metric)))
            .collect()
    }

    /// Differences of `second` to `first` in each score, both resampled alike.
    ///
    /// # Errors
    ///
    /// [`MetricError::NotPaired`] if the two were not scored on equally many captions.
    pub fn differences<S: Resample + ?Sized>(
        &self,
        first: &S,
        second: &S,
        rng: &mut impl Rng,
    ) -> Result<Vec<Difference>, MetricError> {
        let (left, right) = (first.captions(), second.captions());
        if left != right {
            return Err(MetricError::NotPaired { left, right });
        }
        let differ = |picks: &[usize]| -> Vec<f64> {
            let pairs = first.scores_of(picks).into_iter();
            let pairs = pairs.zip(second.scores_of(picks));
            pairs.map(|(first, second)| second - first).collect()
        };
        let samples = self.draw(left, rng, differ);
        let difference = |(metric, value)| {
            let sample = column(&samples, metric);
            let p_value = p_value(value, &sample);
            Difference {
                interval: self.interval(value, sample),
                p_value,
            }
        };
        let all = differ(&every(left)).into_iter();
        Ok(all.enumerate().map(difference).collect())
    }

    fn draw(
        &self,
        captions: usize,
        rng: &mut impl Rng,
        summarize: impl Fn(&[usize]) -> Vec<f64>,
    ) -> Vec<Vec<f64>> {
        let mut picks = vec![0; captions];
        let mut sample = |_| {
            picks.fill_with(|| rng.random_range(0..captions));
            summarize(&picks)
        };
        (0..self.resamples.max(1)).map(&mut sample).collect()
    }

    fn interval(&self, value: f64, mut sample: Vec<f64>) -> Interval {
        sample.sort_by(f64::total_cmp);
        let outside = (1.0 - self.confidence.clamp(0.0, 1.0)) / 2.0;
        let at = |share: f64| sample[(share * (sample.len() - 1) as f64).round() as usize];
        Interval {
            value,
            low: at(outside),
            high: at(1.0 - outside),
        }
    }
}

impl Resample for Scores {
    fn captions(&self) -> usize {
        self.items.len()
    }

    fn scores_of(&self, picks: &[usize]) -> Vec<f64> {
        let mut counts = BleuCounts::default();
        let mut sums = [0.0; 3];
        for &pick in picks {
            counts = counts + self.bleu_counts[pick];
            let item = &self.items[pick];
            let values = [item.rouge_l, item.cider, item.cider_plain];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
        let means = sums.map(|sum| sum / picks.len() as f64);
        counts.scores().into_iter().chain(means).collect()
    }
}

impl Resample for MeteorScores {
    fn captions(&self) -> usize {
        self.items.len()
    }

    fn scores_of(&self, picks: &[usize]) -> Vec<f64> {
        vec![self.meteor_of(picks)]
    }
}

impl Resample for [f64] {
    fn captions(&self) -> usize {
        self.len()
    }

    fn scores_of(&self, picks: &[usize]) -> Vec<f64> {
        let sum: f64 = picks.iter().map(|&pick| self[pick]).sum();
        vec![sum / picks.len() as f64]
    }
}

fn every(captions: usize) -> Vec<usize> {
    (0..captions).collect()
}

fn column(samples: &[Vec<f64>], metric: usize) -> Vec<f64> {
    samples.iter().map(|sample| sample[metric]).collect()
}

fn p_value(all: f64, sample: &[f64]) -> f64 {
    let reversed = sample
        .iter()
        .filter(|&&difference| difference * all <= 0.0)
        .count();
    (2.0 * reversed as f64 / sample.len() as f64).min(1.0)
}
