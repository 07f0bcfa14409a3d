//! `results.json`: every number of a run, with its spread.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ArtifactError;
use crate::document::{self, Document};

const ADVICE: &str = "run the step that writes it first (`train`)";

/// Every number of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Name of the recipe.
    pub recipe: String,
    /// Split the captions were scored on.
    pub split: String,
    /// The arms, and what stands beside them for comparison, in the order of the table.
    pub arms: Vec<ArmResult>,
    /// Decoders that went on with a share of the pairs, by share; empty without a second stage.
    #[serde(default)]
    pub fine_tuned: Vec<FineTuned>,
    /// Recall of one modality by the other.
    pub retrieval: Vec<Retrieval>,
    /// Distance between the modalities, before and after each step.
    pub gaps: Vec<Gap>,
    /// Losses and scores over training.
    pub curves: Vec<Curve>,
    /// How long what took.
    pub timings: Vec<Timing>,
}

impl Document for Results {
    const FORMAT: &'static str = "c3-results";
    const VERSION: u32 = 1;
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmResult {
    /// Name of the arm, or of what it is compared with.
    pub arm: String,
    /// Standard deviation of the training noise per dimension, if there is noise.
    pub sigma: Option<f64>,
    /// Scores of each seed.
    pub seeds: Vec<SeedScores>,
    /// Mean over the seeds, by metric.
    pub mean: BTreeMap<String, f64>,
    /// Sample standard deviation over the seeds, by metric; empty for one seed.
    pub sd: BTreeMap<String, f64>,
    /// Mean as a share of the bound's mean, by metric; empty without a bound.
    pub share_of_paired: BTreeMap<String, f64>,
}

/// What a share of the pairs made of the arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FineTuned {
    /// Share of the pairs, above 0 and at most 1; 0 before the second stage.
    pub fraction: f64,
    /// The arms after it.
    pub arms: Vec<ArmResult>,
}

/// Scores of one decoder seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedScores {
    /// The seed.
    pub seed: u64,
    /// Scores by metric.
    pub scores: BTreeMap<String, f64>,
}

/// What an arm scored, before it is summed up.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmRuns {
    /// Name of the arm.
    pub arm: String,
    /// Standard deviation of the training noise per dimension, if there is noise.
    pub sigma: Option<f64>,
    /// Scores of each seed, the same metrics in all.
    pub seeds: Vec<SeedScores>,
}

/// How often the right partner is among the first `k`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// Split it was measured on.
    pub split: String,
    /// As in `image_to_text`.
    pub direction: String,
    /// Rows that were searched with.
    pub queries: usize,
    /// Rows that were searched in.
    pub candidates: usize,
    /// Share found, from 0 to 1, by `k`.
    pub recall: BTreeMap<usize, f64>,
}

/// How far apart the modalities are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Space it was measured in, as in `connected` or `collapsed`.
    pub space: String,
    /// Split it was measured on.
    pub split: String,
    /// Length of the difference of the means.
    pub distance: f64,
    /// Mean cosine of matched pairs.
    pub pair_cosine: f64,
}

/// A value that was followed over training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What was trained, as in `C3, seed 0`.
    pub run: String,
    /// What was followed, as in `train loss`.
    pub value: String,
    /// What it is followed over, as in `epoch`.
    pub over: String,
    /// Pairs of both.
    pub points: Vec<(f64, f64)>,
}

/// How long a piece of work took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The work.
    pub stage: String,
    /// Wall-clock time.
    pub seconds: f64,
    /// Things worked on, if they can be counted.
    pub items: Option<u64>,
}

impl Results {
    /// The arms by the share of the pairs that they went on with, and first as they were without any;
    /// empty without a second stage. What skipped the first stage is only in the later ones.
    #[must_use]
    pub fn by_share(&self) -> Vec<FineTuned> {
        let Some(first) = self.fine_tuned.first() else {
            return Vec::new();
        };
        let goes_on = |arm: &&ArmResult| first.arms.iter().any(|other| other.arm == arm.arm);
        let before = FineTuned {
            fraction: 0.0,
            arms: self.arms.iter().filter(goes_on).cloned().collect(),
        };
        let shares = self.fine_tuned.iter().cloned();
        std::iter::once(before).chain(shares).collect()
    }

    /// Writes `results.json` under `path`, all or nothing.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::NotFinite`], [`ArtifactError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        self.check()?;
        document::write(path, self)
    }

    /// Reads results that [`Results::write`] wrote.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        document::read(path, ADVICE)
    }

    /// JSON has no NaN: it would be written as `null` and not be read again.
    fn check(&self) -> Result<(), ArtifactError> {
        let fine_tuned = self.fine_tuned.iter().flat_map(|share| &share.arms);
        for arm in self.arms.iter().chain(fine_tuned) {
            let sigma = arm.sigma.iter().copied();
            finite(&format!("sigma of {}", arm.arm), sigma)?;
            let seeds = arm.seeds.iter().map(|seed| &seed.scores);
            for scores in seeds.chain([&arm.mean, &arm.sd, &arm.share_of_paired]) {
                finite(&format!("a score of {}", arm.arm), scores.values().copied())?;
            }
        }
        let shares = self.fine_tuned.iter().map(|share| share.fraction);
        finite("a share of the pairs", shares)?;
        for found in &self.retrieval {
            finite(
                &format!("recall {}", found.direction),
                found.recall.values().copied(),
            )?;
        }
        for gap in &self.gaps {
            finite(
                &format!("the gap of {}", gap.space),
                [gap.distance, gap.pair_cosine],
            )?;
        }
        for curve in &self.curves {
            let values = curve.points.iter().flat_map(|&(over, value)| [over, value]);
            finite(&format!("{} of {}", curve.value, curve.run), values)?;
        }
        let seconds = self.timings.iter().map(|timing| timing.seconds);
        finite("a timing", seconds)
    }
}

/// Sums the seeds of every arm up; `bound` names the arm that the others are a share of.
///
/// # Errors
///
/// [`ArtifactError::MissingMetric`] if the seeds of an arm were scored by different
/// metrics, [`ArtifactError::NotFinite`].
///
/// # Examples
///
/// ```
/// # use c3_artifacts::results::{ArmRuns, SeedScores, summarize};
/// let arm = |name: &str, scores: [f64; 2]| ArmRuns {
///     arm: name.to_owned(),
///     sigma: None,
///     seeds: (0..).zip(scores).map(|(seed, score)| SeedScores {
///         seed,
///         scores: [("CIDEr".to_owned(), score)].into(),
///     }).collect(),
/// };
/// let arms = summarize(vec![arm("C3", [44.0, 46.0]), arm("paired", [49.0, 51.0])], "paired")?;
/// assert_eq!(arms[0].mean["CIDEr"], 45.0);
/// assert_eq!(arms[0].sd["CIDEr"], 2.0_f64.sqrt());
/// assert_eq!(arms[0].share_of_paired["CIDEr"], 0.9);
/// # Ok::<_, c3_artifacts::ArtifactError>(())
/// ```
pub fn summarize(arms: Vec<ArmRuns>, bound: &str) -> Result<Vec<ArmResult>, ArtifactError> {
    let mut results = arms
        .into_iter()
        .map(ArmResult::new)
        .collect::<Result<Vec<_>, _>>()?;
    let bound = results.iter().find(|result| result.arm == bound);
    let bound = bound.map(|result| result.mean.clone()).unwrap_or_default();
    for result in &mut results {
        let means = result.mean.iter();
        // Of a bound of zero there is no share.
        let shares = means.filter_map(|(metric, mean)| {
            let whole = bound.get(metric).filter(|whole| **whole > 0.0)?;
            Some((metric.clone(), mean / whole))
        });
        result.share_of_paired = shares.collect();
    }
    Ok(results)
}

impl ArmResult {
    fn new(runs: ArmRuns) -> Result<Self, ArtifactError> {
        let ArmRuns { arm, sigma, seeds } = runs;
        let metrics = seeds.first().map(|first| first.scores.keys().cloned());
        let (mut mean, mut sd) = (BTreeMap::new(), BTreeMap::new());
        for metric in metrics.into_iter().flatten() {
            let values = values(&arm, &metric, &seeds)?;
            finite(&format!("{metric} of arm {arm}"), values.iter().copied())?;
            let middle = values.iter().sum::<f64>() / values.len() as f64;
            if let Some(spread) = spread(&values, middle) {
                sd.insert(metric.clone(), spread);
            }
            mean.insert(metric, middle);
        }
        Ok(Self {
            arm,
            sigma,
            seeds,
            mean,
            sd,
            share_of_paired: BTreeMap::new(),
        })
    }
}

fn values(arm: &str, metric: &str, seeds: &[SeedScores]) -> Result<Vec<f64>, ArtifactError> {
    let scores = seeds.iter().map(|seed| {
        let score = seed.scores.get(metric).copied();
        score.ok_or_else(|| ArtifactError::MissingMetric {
            arm: arm.to_owned(),
            seed: seed.seed,
            metric: metric.to_owned(),
        })
    });
    scores.collect()
}

/// Sample standard deviation; one value has none.
fn spread(values: &[f64], mean: f64) -> Option<f64> {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

fn finite(what: &str, values: impl IntoIterator<Item = f64>) -> Result<(), ArtifactError> {
    match values.into_iter().all(f64::is_finite) {
        true => Ok(()),
        false => Err(ArtifactError::NotFinite {
            what: what.to_owned(),
        }),
    }
}
