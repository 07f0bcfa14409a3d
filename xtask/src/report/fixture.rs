//! Small results for the tests of the page.

use c3_artifacts::Results;
use c3_artifacts::results::{ArmRuns, SeedScores, summarize};

use crate::run::PAIRED;
use crate::tables::METRICS;

/// Results with these arms, each with the CIDEr of its seeds.
pub(super) fn results(arms: &[(&str, &[f64])]) -> Results {
    let runs = arms.iter().map(|(arm, ciders)| ArmRuns {
        arm: (*arm).to_owned(),
        sigma: arm.ends_with('3').then_some(0.0742),
        seeds: (1..)
            .zip(*ciders)
            .map(|(seed, cider)| scores(seed, *cider))
            .collect(),
    });
    let arms = summarize(runs.collect(), PAIRED).expect("every seed has every metric");
    Results {
        recipe: "toy".to_owned(),
        split: "test".to_owned(),
        arms,
        ..Results::default()
    }
}

/// Every metric, each of its own height.
fn scores(seed: u64, cider: f64) -> SeedScores {
    let scores = METRICS
        .iter()
        .rev()
        .enumerate()
        .map(|(place, metric)| ((*metric).to_owned(), cider / (place + 1) as f64));
    SeedScores {
        seed,
        scores: scores.collect(),
    }
}
