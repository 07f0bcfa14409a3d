//! Distances of features and CLIPScore: numbers of `golden/features.py`, and laws.

use std::collections::BTreeMap;

use c3_metrics::{
    Features, Subsets, clip_scores, inception_score, kernel_distance, kernel_distances,
};
use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    d: usize,
    x: Vec<f32>,
    y: Vec<f32>,
    #[cfg(feature = "frechet")]
    frechet: f64,
    kernel: f64,
    /// Mean and standard deviation by the number of parts.
    inception: BTreeMap<usize, [f64; 2]>,
    d_clip: usize,
    pictures: Vec<f32>,
    captions: Vec<f32>,
    references: Vec<f32>,
    clip_score: Vec<f64>,
    ref_clip_score: Vec<f64>,
}

/// Both sides compute in f64 from the same f32; the order of sums differs.
const TOLERANCE: f64 = 1e-9;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/features.json")).unwrap()
}

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= TOLERANCE * theirs.abs().max(1.0)
}

#[test]
fn the_kernel_distance_agrees_with_numpy() {
    let golden = golden();
    let x = Features::new(&golden.x, golden.d).unwrap();
    let y = Features::new(&golden.y, golden.d).unwrap();
    let ours = kernel_distance(&x, &y).unwrap();
    assert!(close(ours, golden.kernel), "{ours} != {}", golden.kernel);
}

#[test]
fn subsets_of_everything_are_the_whole() {
    let golden = golden();
    let x = Features::new(&golden.x, golden.d).unwrap();
    let y = Features::new(&golden.y[..], golden.d).unwrap();
    let n = y.len();
    let x = Features::new(&golden.x[..n * golden.d], x.width()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let subsets = Subsets { count: 3, size: n };
    let spread = kernel_distances(&x, &y, subsets, &mut rng).unwrap();
    assert!(close(spread.mean, kernel_distance(&x, &y).unwrap()));
    assert!(spread.sd < TOLERANCE);
    let subsets = Subsets {
        count: 20,
        size: 10,
    };
    let spread = kernel_distances(&x, &y, subsets, &mut rng).unwrap();
    assert!(spread.sd > 1e-3, "subsets differ");
}

#[test]
fn the_inception_score_agrees_with_scipy() {
    let golden = golden();
    let logits = Features::new(&golden.x, golden.d).unwrap();
    for (parts, [mean, sd]) in golden.inception {
        let ours = inception_score(&logits, parts).unwrap();
        assert!(close(ours.mean, mean) && close(ours.sd, sd), "{ours:?}");
    }
}

#[test]
fn clip_scores_agree_with_numpy() {
    let golden = golden();
    let rows = |values| Features::new(values, golden.d_clip).unwrap();
    let (pictures, captions) = (rows(&golden.pictures), rows(&golden.captions));
    let of_item = golden.references.len() / captions.len();
    let references: Vec<_> = golden.references.chunks(of_item).map(rows).collect();
    let scores = clip_scores(&pictures, &captions, &references).unwrap();
    for (ours, theirs) in [
        (&scores.items, &golden.clip_score),
        (&scores.ref_items, &golden.ref_clip_score),
    ] {
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            assert!(close(*a, *b), "{a} != {b}");
        }
    }
}

#[test]
fn too_few_rows_are_said() {
    let rows = [0.0; 6];
    let (two, three) = (Features::new(&rows[..4], 2), Features::new(&rows, 2));
    let (two, three) = (two.unwrap(), three.unwrap());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let subsets = Subsets { count: 1, size: 3 };
    let error = kernel_distances(&two, &three, subsets, &mut rng).unwrap_err();
    let said = "2 features are too few for a kernel distance; expected at least 3";
    assert_eq!(error.to_string(), said);
    let one = Features::new(&rows[..2], 2).unwrap();
    assert!(kernel_distance(&one, &three).is_err());
    let error = inception_score(&two, 3).unwrap_err();
    assert_eq!(error.to_string(), "2 rows cannot be cut into 3 parts");
}

#[cfg(feature = "frechet")]
mod frechet {
    use c3_metrics::frechet_distance;

    use super::*;

    #[test]
    fn the_distance_agrees_with_scipy() {
        let golden = golden();
        let x = Features::new(&golden.x, golden.d).unwrap();
        let y = Features::new(&golden.y, golden.d).unwrap();
        let ours = frechet_distance(&x, &y).unwrap();
        assert!(close(ours, golden.frechet), "{ours} != {}", golden.frechet);
        assert!(frechet_distance(&x, &x).unwrap().abs() < TOLERANCE);
    }

    #[test]
    fn fewer_features_than_dimensions_are_said() {
        let golden = golden();
        let x = Features::new(&golden.x[..24 * 24], golden.d).unwrap();
        let y = Features::new(&golden.y, golden.d).unwrap();
        let error = frechet_distance(&y, &x).unwrap_err();
        let said = "24 features of width 24 are too few; a Fréchet distance needs more than 24";
        assert_eq!(error.to_string(), said);
    }

    proptest! {
        #[test]
        fn moving_a_set_adds_the_square_of_the_step(step in -4.0..4.0_f32) {
            let golden = golden();
            let x = Features::new(&golden.x, golden.d).unwrap();
            let moved: Vec<f32> = golden.x.iter().map(|value| value + step).collect();
            let y = Features::new(&moved, golden.d).unwrap();
            let expected = f64::from(step).powi(2) * golden.d as f64;
            // The moved values are rounded to f32.
            prop_assert!((frechet_distance(&x, &y)? - expected).abs() < 1e-3);
        }
    }
}

proptest! {
    #[test]
    fn the_inception_score_lies_between_one_and_the_classes(
        logits in prop::collection::vec(-30.0..30.0_f32, 5..60),
    ) {
        let whole = logits.len() / 5 * 5;
        let score = inception_score(&Features::new(&logits[..whole], 5)?, 1)?.mean;
        prop_assert!((1.0 - TOLERANCE..=5.0 + TOLERANCE).contains(&score));
    }

    #[test]
    fn a_caption_like_its_picture_has_the_highest_clip_score(
        rows in prop::collection::vec(0.1..3.0_f32, 4..40),
    ) {
        let whole = rows.len() / 4 * 4;
        let rows = Features::new(&rows[..whole], 4)?;
        let scores = clip_scores(&rows, &rows, &[])?;
        prop_assert!((scores.clip_score - 2.5).abs() < TOLERANCE);
    }
}
