//! Intervals of what is drawn, against numpy's own draws; `golden/statistics.py` made the numbers.
//!
//! Both sides draw apart, so an interval has no digits to compare. With [`DRAWS`] of them its ends
//! err by 1 % of its width; the ends of an interval of 90 % would be 8 % off.

use c3_geometry::{Embeddings, Interval, VerdictSettings, caption_spread, isotropic_null, verdict};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

const DRAWS: usize = 4000;
/// Of the width of an interval.
const TOLERANCE: f64 = 0.05;

#[derive(Deserialize)]
struct Golden {
    dim: usize,
    x: Vec<f32>,
    y: Vec<f32>,
    drawn: Drawn,
}

/// The lower end, the middle and the upper end of 95 % of the draws.
#[derive(Deserialize)]
struct Drawn {
    cosine: [f64; 3],
    sigma: [f64; 3],
    shuffled: [f64; 3],
    swapped: [f64; 3],
    spread: [f64; 3],
    isotropic: [f64; 3],
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

impl Golden {
    fn sides(&self) -> [Embeddings; 2] {
        [&self.x, &self.y].map(|values| Embeddings::new(values.clone(), self.dim).unwrap())
    }
}

#[track_caller]
fn near(ours: f64, theirs: f64, [low, _, high]: [f64; 3]) {
    let apart = (ours - theirs).abs() / (high - low);
    assert!(apart < TOLERANCE, "{ours} is not {theirs}");
}

#[track_caller]
fn ends(ours: Interval, theirs: [f64; 3]) {
    near(ours.low, theirs[0], theirs);
    near(ours.high, theirs[2], theirs);
}

#[test]
fn intervals_of_the_verdict() {
    let golden = golden();
    let [x, y] = golden.sides();
    let settings = VerdictSettings {
        resamples: DRAWS,
        shuffles: DRAWS,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let found = verdict(&x, &y, None, settings, &mut rng).unwrap();
    ends(found.cosine, golden.drawn.cosine);
    ends(found.sigma, golden.drawn.sigma);
    for (ours, theirs) in [
        (found.shuffled, golden.drawn.shuffled),
        (found.swapped, golden.drawn.swapped),
    ] {
        ends(ours, theirs);
        near(ours.estimate, theirs[1], theirs); // of a null, the middle draw
    }
}

#[test]
fn the_interval_of_the_spread_of_captions() {
    let golden = golden();
    let [_, y] = golden.sides();
    let items: Vec<usize> = (0..y.len()).map(|row| row / 3).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let found = caption_spread(&y, &items, DRAWS, &mut rng).unwrap();
    ends(found.cosine, golden.drawn.spread);
}

/// numpy takes covariances of whole tables, where we draw their decomposition.
#[test]
fn the_anisotropy_of_isotropic_rows() {
    let golden = golden();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let null = isotropic_null(40, golden.dim, DRAWS, &mut rng).unwrap();
    let theirs = golden.drawn.isotropic;
    for (share, end) in [0.025, 0.5, 0.975].into_iter().zip(theirs) {
        near(null[((DRAWS - 1) as f64 * share) as usize], end, theirs);
    }
}
