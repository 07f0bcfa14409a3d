//! What must hold of intervals and comparisons.

use c3_metrics::{
    MetricError, Scores,
    bootstrap::{Bootstrap, METRICS},
    score,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const BOOTSTRAP: Bootstrap = Bootstrap {
    resamples: 300,
    confidence: 0.9,
};

/// Captions that get `kept` words of their reference right.
fn scores(items: usize, kept: usize) -> Scores {
    let word = |item: usize, place: usize| format!("w{}", (item * 7 + place * place) % 31);
    let sentence = |item, right| {
        let words: Vec<String> = (0..8).map(|place| word(item, place)).collect();
        let wrong = (right..8).map(|place| format!("x{place}"));
        words
            .into_iter()
            .take(right)
            .chain(wrong)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let references: Vec<Vec<String>> = (0..items).map(|item| vec![sentence(item, 8)]).collect();
    let captions: Vec<String> = (0..items)
        .map(|item| sentence(item, kept + item % 3))
        .collect();
    score(&references, &captions).unwrap()
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(5)
}

#[test]
fn an_interval_holds_its_value_and_is_not_empty() {
    let scores = scores(60, 4);
    let intervals = BOOTSTRAP.intervals(&scores, &mut rng());
    for (interval, metric) in intervals.iter().zip(METRICS) {
        assert!(interval.low < interval.value, "{metric}: {interval:?}");
        assert!(interval.value < interval.high, "{metric}: {interval:?}");
    }
    assert!((intervals[3].value - scores.bleu[3]).abs() < 1e-12);
    assert!((intervals[4].value - scores.rouge_l).abs() < 1e-12);
    assert!((intervals[5].value - scores.cider).abs() < 1e-12);
}

#[test]
fn more_captions_make_an_interval_narrower() {
    let width = |items| {
        let interval = BOOTSTRAP.intervals(&scores(items, 4), &mut rng())[4];
        interval.high - interval.low
    };
    assert!(width(400) < width(25) / 2.0);
}

#[test]
fn more_confidence_makes_an_interval_wider() {
    let width = |confidence| {
        let bootstrap = Bootstrap {
            confidence,
            ..BOOTSTRAP
        };
        let interval = bootstrap.intervals(&scores(60, 4), &mut rng())[4];
        interval.high - interval.low
    };
    assert!(width(0.99) > width(0.5));
}

#[test]
fn one_seed_gives_one_interval() {
    let scores = scores(30, 4);
    let intervals = || BOOTSTRAP.intervals(&scores, &mut rng());
    assert_eq!(intervals(), intervals());
}

#[test]
fn a_system_does_not_differ_from_itself() {
    let scores = scores(40, 4);
    for difference in BOOTSTRAP.differences(&scores, &scores, &mut rng()).unwrap() {
        assert_eq!(difference.interval.value, 0.0);
        assert_eq!(difference.p_value, 1.0);
    }
}

#[test]
fn a_better_system_is_told_from_a_worse_one() {
    let (worse, better) = (scores(60, 3), scores(60, 5));
    for difference in BOOTSTRAP.differences(&worse, &better, &mut rng()).unwrap() {
        assert!(difference.interval.low > 0.0);
        assert_eq!(difference.p_value, 0.0);
    }
}

#[test]
fn systems_on_other_captions_are_not_compared() {
    let error = BOOTSTRAP
        .differences(&scores(4, 4), &scores(5, 4), &mut rng())
        .unwrap_err();
    assert!(matches!(
        error,
        MetricError::NotPaired { left: 4, right: 5 }
    ));
    assert_eq!(
        error.to_string(),
        "cannot compare scores of 4 and of 5 captions"
    );
}
