//! How far scores can be trusted: resampling the captions that were scored.

use rand::{Rng, RngExt};
use serde::Serialize;

use crate::{MetricError, Scores, bleu::BleuCounts};

/// Scores that are resampled together, in the order of the arrays here.
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

impl Bootstrap {
    /// Intervals of [`METRICS`], by the percentile bootstrap (Efron 1979) over captions.
    ///
    /// BLEU is computed anew from the counts of each resample (Koehn 2004); the others
    /// are means, with the document frequencies of all references.
    pub fn intervals(&self, scores: &Scores, rng: &mut impl Rng) -> [Interval; METRICS.len()] {
        let samples: Vec<_> = self.draw(scores.items.len(), rng, |picks| summarize(scores, picks));
        let all = summarize(scores, &every(scores));
        std::array::from_fn(|metric| self.interval(all[metric], column(&samples, metric)))
    }

    /// Differences of `second` to `first` in [`METRICS`], both resampled alike.
    ///
    /// # Errors
    ///
    /// [`MetricError::NotPaired`] if the two were not scored on equally many captions.
    pub fn differences(
        &self,
        first: &Scores,
        second: &Scores,
        rng: &mut impl Rng,
    ) -> Result<[Difference; METRICS.len()], MetricError> {
        let (left, right) = (first.items.len(), second.items.len());
        if left != right {
            return Err(MetricError::NotPaired { left, right });
        }
        let differ = |picks: &[usize]| {
            let (first, second) = (summarize(first, picks), summarize(second, picks));
            std::array::from_fn(|metric| second[metric] - first[metric])
        };
        let samples: Vec<[f64; METRICS.len()]> = self.draw(left, rng, differ);
        let all = differ(&every(first));
        Ok(std::array::from_fn(|metric| {
            let sample = column(&samples, metric);
            let p_value = p_value(all[metric], &sample);
            Difference {
                interval: self.interval(all[metric], sample),
                p_value,
            }
        }))
    }

    fn draw<T>(
        &self,
        items: usize,
        rng: &mut impl Rng,
        summarize: impl Fn(&[usize]) -> T,
    ) -> Vec<T> {
        let mut picks = vec![0; items];
        let mut sample = |_| {
            picks.fill_with(|| rng.random_range(0..items));
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

fn every(scores: &Scores) -> Vec<usize> {
    (0..scores.items.len()).collect()
}

/// The scores of some of the captions.
fn summarize(scores: &Scores, picks: &[usize]) -> [f64; METRICS.len()] {
    let mut counts = BleuCounts::default();
    let mut sums = [0.0; 3];
    for &pick in picks {
        counts = counts + scores.bleu_counts[pick];
        let item = &scores.items[pick];
        for (sum, score) in sums
            .iter_mut()
            .zip([item.rouge_l, item.cider, item.cider_plain])
        {
            *sum += score;
        }
    }
    let [bleu_1, bleu_2, bleu_3, bleu_4] = counts.scores();
    let [rouge_l, cider, cider_plain] = sums.map(|sum| sum / picks.len() as f64);
    [bleu_1, bleu_2, bleu_3, bleu_4, rouge_l, cider, cider_plain]
}

fn column(samples: &[[f64; METRICS.len()]], metric: usize) -> Vec<f64> {
    samples.iter().map(|sample| sample[metric]).collect()
}

fn p_value(all: f64, sample: &[f64]) -> f64 {
    let reversed = sample
        .iter()
        .filter(|&&difference| difference * all <= 0.0)
        .count();
    (2.0 * reversed as f64 / sample.len() as f64).min(1.0)
}
