//! What was measured of each system: metrics with their intervals, and scores of each image.

use c3_metrics::bootstrap::{Bootstrap, Difference, Interval, METRICS, Resample};
use c3_metrics::coco::Paired;
use c3_metrics::meteor::MeteorScores;
use c3_metrics::{ItemScores, MetricError, Scores};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::Serialize;

/// The metric that pictures are compared in.
pub(super) const MAIN: &str = "CIDEr";

/// Metrics in the order in which they are shown.
const ORDER: [&str; 10] = [
    "BLEU-1",
    "BLEU-2",
    "BLEU-3",
    "BLEU-4",
    "ROUGE-L",
    "METEOR",
    "CIDEr",
    "CIDEr (plain)",
    "SPICE",
    "SPIDEr",
];

/// One system with everything that was measured of it.
pub(super) struct System {
    /// The name of its file, without folder and ending.
    pub(super) name: String,
    pub(super) paired: Paired,
    pub(super) metrics: Vec<Metric>,
    raw: Raw,
}

/// Scores before they are resampled.
pub(super) struct Raw {
    pub(super) scores: Scores,
    pub(super) meteor: Option<MeteorScores>,
    pub(super) spice: Option<Vec<f64>>,
}

/// One metric of one system.
#[derive(Debug, Serialize)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    /// In the toolkit's own scale: CIDEr 0 to 10, everything else 0 to 1.
    #[serde(flatten)]
    pub(super) interval: Interval,
    #[serde(skip)]
    pub(super) items: Vec<f64>,
}

/// How two systems differ in one metric.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) first: String,
    pub(super) second: String,
    pub(super) name: &'static str,
    #[serde(flatten)]
    pub(super) interval: Interval,
    pub(super) p_value: f64,
}

/// How to resample, and where chance begins.
#[derive(Clone, Copy)]
pub(super) struct Chance {
    pub(super) bootstrap: Bootstrap,
    pub(super) seed: u64,
}

impl Chance {
    fn intervals(self, scores: &(impl Resample + ?Sized)) -> Vec<Interval> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        self.bootstrap.intervals(scores, &mut rng)
    }

    fn differences<S: Resample + ?Sized>(
        self,
        first: &S,
        second: &S,
    ) -> Result<Vec<Difference>, MetricError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        self.bootstrap.differences(first, second, &mut rng)
    }
}

impl Raw {
    /// SPIDEr: the mean of CIDEr and SPICE (Liu et al. 2017, arXiv:1612.00370).
    fn spider(&self) -> Option<Vec<f64>> {
        let pairs = self.scores.items.iter().zip(self.spice.as_ref()?);
        Some(
            pairs
                .map(|(item, spice)| f64::midpoint(item.cider, *spice))
                .collect(),
        )
    }
}

impl System {
    /// Draws the intervals of everything that was scored.
    pub(super) fn new(name: String, paired: Paired, raw: Raw, chance: Chance) -> Self {
        let mut metrics = Vec::new();
        let intervals = chance.intervals(&raw.scores);
        let each = METRICS.into_iter().zip(intervals).enumerate();
        metrics.extend(each.map(|(at, (name, interval))| {
            let items = raw.scores.items.iter().map(|item| value(item, at));
            let items = items.collect();
            Metric {
                name,
                interval,
                items,
            }
        }));
        if let Some(meteor) = &raw.meteor {
            let interval = chance.intervals(meteor).remove(0);
            let (name, items) = ("METEOR", meteor.items.clone());
            metrics.push(Metric {
                name,
                interval,
                items,
            });
        }
        for (name, items) in [("SPICE", raw.spice.clone()), ("SPIDEr", raw.spider())] {
            let Some(items) = items else { continue };
            let interval = chance.intervals(items.as_slice()).remove(0);
            metrics.push(Metric {
                name,
                interval,
                items,
            });
        }
        metrics.sort_by_key(|metric| rank(metric.name));
        Self {
            name,
            paired,
            metrics,
            raw,
        }
    }

    /// One metric, if it was measured.
    pub(super) fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// How `other` differs from this system, in every metric of both.
    pub(super) fn compare(
        &self,
        other: &Self,
        chance: Chance,
    ) -> Result<Vec<Compared>, MetricError> {
        let mut all = Vec::new();
        let mut add = |name, difference: Difference| {
            all.push(Compared {
                first: self.name.clone(),
                second: other.name.clone(),
                name,
                interval: difference.interval,
                p_value: difference.p_value,
            });
        };
        let (first, second) = (&self.raw, &other.raw);
        let differences = chance.differences(&first.scores, &second.scores)?;
        let named = METRICS.into_iter().zip(differences);
        named.for_each(|(name, difference)| add(name, difference));
        if let (Some(a), Some(b)) = (&first.meteor, &second.meteor) {
            add("METEOR", chance.differences(a, b)?.remove(0));
        }
        for name in ["SPICE", "SPIDEr"] {
            if let (Some(a), Some(b)) = (self.metric(name), other.metric(name)) {
                let (a, b) = (a.items.as_slice(), b.items.as_slice());
                add(name, chance.differences(a, b)?.remove(0));
            }
        }
        all.sort_by_key(|compared| rank(compared.name));
        Ok(all)
    }
}

/// What each metric is multiplied with to be printed as papers print it.
pub(super) const HUNDREDTHS: f64 = 100.0;

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|metric| *metric == name)
}

/// A p-value, as in `0.024`; so small a one as resampling cannot tell from zero is `< 0.001`.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// One of the metrics of [`METRICS`].
fn value(item: &ItemScores, metric: usize) -> f64 {
    let others = [item.rouge_l, item.cider, item.cider_plain];
    let mut all = item.bleu.into_iter().chain(others);
    all.nth(metric).expect("an index into METRICS")
}
