//! Results: sums over seeds against numbers from elsewhere, and what is refused.

use std::collections::BTreeMap;
use std::fs;

use c3_artifacts::results::{
    ArmResult, ArmRuns, Curve, FineTuned, Gap, Results, Retrieval, SeedScores, Timing, summarize,
};

fn runs(arm: &str, scores: &[f64]) -> ArmRuns {
    let seeds = (0..).zip(scores).map(|(seed, &score)| SeedScores {
        seed,
        scores: BTreeMap::from([
            ("CIDEr".to_owned(), score),
            ("BLEU-4".to_owned(), score / 4.0),
        ]),
    });
    ArmRuns {
        arm: arm.to_owned(),
        sigma: Some(0.1),
        seeds: seeds.collect(),
    }
}

fn arms() -> Vec<ArmResult> {
    let arms = vec![runs("C3", &[38.0, 40.0, 45.0]), runs("paired", &[50.0])];
    summarize(arms, "paired").unwrap()
}

fn results() -> Results {
    Results {
        recipe: "tea".to_owned(),
        split: "test".to_owned(),
        arms: arms(),
        fine_tuned: vec![FineTuned {
            fraction: 0.05,
            arms: arms(),
        }],
        retrieval: vec![Retrieval {
            split: "dev".to_owned(),
            direction: "image_to_text".to_owned(),
            queries: 10,
            candidates: 50,
            recall: BTreeMap::from([(1, 0.1), (5, 0.3), (10, 0.1 + 0.2)]),
        }],
        gaps: vec![Gap {
            space: "connected".to_owned(),
            split: "train".to_owned(),
            distance: 0.41,
            pair_cosine: 0.376,
        }],
        curves: vec![Curve {
            run: "C3, seed 0".to_owned(),
            value: "train loss".to_owned(),
            over: "epoch".to_owned(),
            points: vec![(1.0, 3.5), (2.0, 1e-300)],
        }],
        timings: vec![Timing {
            stage: "connect".to_owned(),
            seconds: 12.5,
            items: Some(6000),
        }],
    }
}

#[test]
fn shares_begin_with_the_arms_as_they_were_without_pairs() {
    let scratch = summarize(vec![runs("from scratch", &[1.0])], "paired").unwrap();
    let mut results = results();
    results.fine_tuned[0].arms = [&arms()[..1], &scratch[..]].concat();
    let shares = results.by_share();
    let fractions: Vec<f64> = shares.iter().map(|share| share.fraction).collect();
    assert_eq!(fractions, [0.0, 0.05]);
    assert_eq!(shares[0].arms, arms()[..1], "the bound does not go on");
    results.fine_tuned.clear();
    assert!(results.by_share().is_empty());
}

#[test]
fn seeds_are_summed_up_as_by_hand() {
    let arms = arms();
    assert_eq!(arms[0].mean["CIDEr"], 41.0);
    // Deviations -3, -1, 4: (9 + 1 + 16) / 2 = 13.
    assert_eq!(arms[0].sd["CIDEr"], 13.0_f64.sqrt());
    assert_eq!(arms[0].share_of_paired["CIDEr"], 0.82);
    assert_eq!(arms[0].mean["BLEU-4"], 10.25);
    assert_eq!(arms[1].share_of_paired["CIDEr"], 1.0);
    assert!(arms[1].sd.is_empty(), "one seed has no spread");
}

#[test]
fn without_a_bound_there_are_no_shares() {
    let arms = summarize(vec![runs("C3", &[38.0]), runs("paired", &[0.0])], "paired").unwrap();
    assert!(arms[0].share_of_paired.is_empty());
    let arms = summarize(vec![runs("C3", &[38.0])], "paired").unwrap();
    assert!(arms[0].share_of_paired.is_empty());
}

#[test]
fn an_arm_that_never_ran_has_no_mean() {
    let arms = summarize(vec![runs("C3", &[])], "paired").unwrap();
    assert!(arms[0].mean.is_empty() && arms[0].sd.is_empty());
}

#[test]
fn a_seed_without_a_metric_is_named() {
    let mut arm = runs("C3", &[38.0, 40.0]);
    arm.seeds[1].scores.remove("CIDEr");
    let error = summarize(vec![arm], "paired").unwrap_err().to_string();
    assert_eq!(error, "seed 1 of arm C3 lacks the metric CIDEr");
}

#[test]
fn results_come_back_and_are_written_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    results().write(&first).unwrap();
    let read = Results::read(&first).unwrap();
    assert_eq!(read, results());
    read.write(&second).unwrap();
    assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
}

#[test]
fn a_result_that_is_not_a_number_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    type Break = fn(&mut Results);
    let breaks: [(Break, &str); 7] = [
        (|r| r.arms[0].sigma = Some(f64::NAN), "sigma of C3"),
        (
            |r| r.fine_tuned[0].fraction = f64::NAN,
            "a share of the pairs",
        ),
        (
            |r| *r.arms[0].mean.get_mut("CIDEr").unwrap() = f64::NAN,
            "a score of C3",
        ),
        (
            |r| *r.retrieval[0].recall.get_mut(&5).unwrap() = f64::NAN,
            "recall image_to_text",
        ),
        (
            |r| r.gaps[0].distance = f64::INFINITY,
            "the gap of connected",
        ),
        (
            |r| r.curves[0].points[1].1 = f64::NAN,
            "train loss of C3, seed 0",
        ),
        (|r| r.timings[0].seconds = f64::NAN, "a timing"),
    ];
    for (break_it, what) in breaks {
        let mut results = results();
        break_it(&mut results);
        let error = results.write(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{what} is not a finite number"));
        assert!(!path.exists());
    }
    let error = summarize(vec![runs("C3", &[f64::NAN])], "paired")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "BLEU-4 of arm C3 is not a finite number");
}

#[test]
fn results_of_another_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.json");
    results().write(&path).unwrap();
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("\"version\": 1", "\"version\": 7");
    fs::write(&path, text).unwrap();
    let error = Results::read(&path).unwrap_err().to_string();
    assert!(error.ends_with("is version 7 of c3-results; this program reads version 1"));
}
