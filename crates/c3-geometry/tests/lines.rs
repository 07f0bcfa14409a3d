//! Ridge regression against numpy's least squares; `golden/statistics.py` made the numbers.

use c3_geometry::{Embeddings, Ridge, RidgeSums};
use serde::Deserialize;

const TAGS: usize = 3;

#[derive(Deserialize)]
struct Golden {
    dim: usize,
    x: Vec<f32>,
    y: Vec<f32>,
    tags: Vec<Vec<usize>>,
    ridges: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    penalty: f64,
    weights: Vec<f64>,
    intercept: Vec<f64>,
    scores: Vec<f64>,
    squared_error: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

impl Golden {
    fn embeddings(&self, values: &[f32]) -> Embeddings {
        Embeddings::new(values.to_vec(), self.dim).unwrap()
    }

    fn fit(&self) -> Vec<Ridge> {
        let mut sums = RidgeSums::new(self.dim, TAGS);
        sums.add(&self.embeddings(&self.x), &self.tags).unwrap();
        let penalties: Vec<f64> = self.ridges.iter().map(|line| line.penalty).collect();
        sums.fit(&penalties).unwrap()
    }
}

#[track_caller]
fn all_near(ours: impl IntoIterator<Item = f64>, theirs: &[f64], tolerance: f64) {
    let ours: Vec<f64> = ours.into_iter().collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let apart = (ours - theirs).abs();
        assert!(
            apart <= tolerance * theirs.abs().max(0.1),
            "{ours} is not {theirs}"
        );
    }
}

#[test]
fn weights_are_those_of_least_squares() {
    let golden = golden();
    let fitted = golden.fit();
    assert_eq!(fitted.len(), golden.ridges.len());
    for (ours, theirs) in fitted.iter().zip(&golden.ridges) {
        all_near(ours.weights().iter().copied(), &theirs.weights, 1e-10);
        all_near(ours.intercept().iter().copied(), &theirs.intercept, 1e-10);
    }
}

/// Scores are summed in f32, which holds seven digits.
#[test]
fn scores_and_their_error_are_those_of_least_squares() {
    let golden = golden();
    let y = golden.embeddings(&golden.y);
    for (ours, theirs) in golden.fit().iter().zip(&golden.ridges) {
        let scores = ours.predict(&y).unwrap();
        all_near(scores.iter().copied().map(f64::from), &theirs.scores, 2e-6);
        let error = ours.squared_error(&y, &golden.tags).unwrap();
        all_near([error], &[theirs.squared_error], 1e-6);
    }
}
