//! What moments say of a few rows.

use super::*;

#[test]
fn a_constant_dimension_has_no_variance() {
    let batch = Embeddings::new((0..40).flat_map(|i| [0.3, i as f32]).collect(), 2).unwrap();
    let mut moments = Moments::unpaired(2);
    moments.add(&batch).unwrap();
    let covariance = moments.covariance(Side::X).unwrap();
    assert!(covariance[[0, 0]].abs() < 1e-8, "{covariance}"); // rows reach 39, so scale 64
    assert!((covariance[[1, 1]] - 410.0 / 3.0).abs() < 1e-6); // (n^2 + n) / 12
}

#[test]
fn the_residual_is_the_covariance_of_the_difference() {
    let x = Embeddings::new(vec![1.0, 0.5, 2.0, 0.25, -1.0, 0.0, 0.5, 0.5], 2).unwrap();
    let y = Embeddings::new(vec![0.5, 0.5, 1.0, 0.75, -1.0, 1.0, 0.0, 0.5], 2).unwrap();
    let difference: Vec<f32> = x
        .as_slice()
        .iter()
        .zip(y.as_slice())
        .map(|(a, b)| a - b)
        .collect();
    let mut pairs = Moments::paired(2);
    pairs.add_pairs(&x, &y).unwrap();
    let mut single = Moments::unpaired(2);
    single
        .add(&Embeddings::new(difference, 2).unwrap())
        .unwrap();
    let (one, other) = (
        pairs.residual_covariance().unwrap(),
        single.covariance(Side::X).unwrap(),
    );
    assert!(
        (&one - &other).iter().all(|apart| apart.abs() < 1e-10),
        "{one} {other}"
    );
}

#[test]
fn one_row_has_a_mean_and_no_covariance() {
    let mut moments = Moments::unpaired(1);
    moments
        .add(&Embeddings::new(vec![2.0], 1).unwrap())
        .unwrap();
    assert_eq!(moments.mean(Side::X), Ok(vec![2.0]));
    let error = GeometryError::TooFewRows {
        needed: 2,
        found: 1,
    };
    assert_eq!(moments.covariance(Side::X), Err(error));
}

#[test]
fn pairs_and_singles_do_not_mix() {
    let x = Embeddings::new(vec![2.0], 1).unwrap();
    assert!(Moments::paired(1).add(&x).is_err());
    assert!(Moments::unpaired(1).add_pairs(&x, &x).is_err());
    assert!(Moments::paired(1).merge(&Moments::unpaired(1)).is_err());
    assert!(Moments::paired(1).merge(&Moments::paired(2)).is_err());
}
