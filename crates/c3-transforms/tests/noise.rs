//! Laws of the noise, whichever directions it takes.

use c3_geometry::{Embeddings, Moments, Side};
use c3_transforms::{Corrupt, Directions, TransformError};
use ndarray::Array2;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const DIM: usize = 7;
/// Dimensions in which the planted spaces vary; the gap lies in the others.
const SPAN: usize = 3;
const SIGMA: f32 = 0.3;
/// f32 values of at most about 10, rounded once each: far below this.
const TOLERANCE: f64 = 1e-5;

/// Two modalities that vary in the first dimensions, `gap` apart in the others.
fn space(gap: &[f32], seed: u64) -> (Embeddings, Embeddings) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut side = |sign: f32| {
        let rows = Array2::from_shape_fn((20, DIM), |(_, j)| match j < SPAN {
            true => StandardNormal.sample(&mut rng),
            false => sign * gap[j - SPAN],
        });
        Embeddings::from_array(rows).unwrap()
    };
    (side(0.5), side(-0.5))
}

/// `n` rows of nothing but noise.
fn noise(directions: Directions, (x, y): &(Embeddings, Embeddings), n: usize) -> Embeddings {
    let shape = directions.fit(x, y).unwrap();
    let nothing = Embeddings::new(vec![0.0; n * DIM], DIM).unwrap();
    let corrupt = Corrupt::new(SIGMA).unwrap().shaped(shape);
    corrupt
        .apply(&nothing, &mut ChaCha8Rng::seed_from_u64(11))
        .unwrap()
}

/// Parts of a row in the span, and along the planted gap.
fn parts(row: &[f32], gap: &[f32]) -> (f64, f64) {
    let length = |values: &[f32]| {
        let squares = values.iter().map(|v| f64::from(*v).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let along: f64 = row[SPAN..]
        .iter()
        .zip(gap)
        .map(|(v, g)| f64::from(*v) * f64::from(*g))
        .sum();
    (length(&row[..SPAN]), along / length(gap))
}

fn gap() -> impl Strategy<Value = Vec<f32>> {
    let values = prop::collection::vec(-1.0..1.0_f32, DIM - SPAN);
    values.prop_filter("a gap", |gap| gap.iter().any(|value| value.abs() > 0.1))
}

proptest! {
    #[test]
    fn noise_without_the_gap_has_no_part_along_it(gap in gap(), seed in 0..1000_u64) {
        // The planted gap is the whole gap only where the modalities vary around one mean.
        let (x, _) = space(&gap, seed);
        let moved: Vec<f32> = x.rows().flat_map(|row| {
            row.iter().enumerate().map(|(j, v)| if j < SPAN { *v } else { v - gap[j - SPAN] })
        }).collect();
        let y = Embeddings::new(moved, DIM).unwrap();
        for row in noise(Directions::WithoutGap, &(x, y), 5).rows() {
            let (span, along) = parts(row, &gap);
            prop_assert!(along.abs() < TOLERANCE, "{along}");
            prop_assert!(span > 1e-3, "{span}");
        }
    }

    #[test]
    fn noise_of_the_gap_alone_is_a_multiple_of_it(gap in gap(), seed in 0..1000_u64) {
        let space = space(&gap, seed);
        let own = c3_geometry::modality_gap(&space.0, &space.1).unwrap();
        for row in noise(Directions::GapOnly, &space, 5).rows() {
            let values = row.iter().zip(&own.vector).map(|(v, g)| (f64::from(*v), g));
            let along = values.clone().map(|(v, g)| v * g).sum::<f64>() / own.distance;
            let off = values.map(|(v, g)| (v - along * g / own.distance).powi(2)).sum::<f64>();
            prop_assert!(off.sqrt() < TOLERANCE && along.abs() > 1e-4, "{off} {along}");
        }
    }

    #[test]
    fn noise_of_the_span_stays_inside_it(gap in gap(), seed in 0..1000_u64) {
        for row in noise(Directions::JointSpan, &space(&gap, seed), 5).rows() {
            let outside = row[SPAN..].iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
            prop_assert!(outside < TOLERANCE, "{outside}");
            prop_assert!(parts(row, &gap).0 > 1e-3);
        }
    }

    #[test]
    fn every_choice_has_the_expected_length(gap in gap(), seed in 0..1000_u64) {
        let space = space(&gap, seed);
        for directions in Directions::EVERY {
            let n = 2000;
            let found = noise(directions, &space, n).mean_squared_length();
            let expected = f64::from(SIGMA).powi(2) * DIM as f64;
            // In one direction the squared length has a relative deviation of sqrt(2 / n).
            let slack = 5.0 * (2.0 / n as f64).sqrt();
            prop_assert!((found / expected - 1.0).abs() < slack, "{directions:?} {found}");
        }
    }
}

#[test]
fn noise_like_the_residual_has_its_covariance() {
    let space = space(&[0.4, 0.0, -0.2, 0.1], 5);
    let mut pairs = Moments::paired(DIM);
    pairs.add_pairs(&space.0, &space.1).unwrap();
    let residual = pairs.residual_covariance().unwrap();
    let scale = f64::from(SIGMA).powi(2) * DIM as f64 / residual.diag().sum();
    let off = |n: usize| {
        let mut moments = Moments::unpaired(DIM);
        moments
            .add(&noise(Directions::Residual, &space, n))
            .unwrap();
        let found = moments.covariance(Side::X).unwrap();
        let off = found - &residual * scale;
        off.iter().map(|value| value * value).sum::<f64>().sqrt()
    };
    let (few, many) = (off(1_000), off(100_000));
    // A hundred times the rows, a tenth of the error; and little at all.
    assert!(many < few / 3.0, "{few} {many}");
    assert!(many < 0.02 * scale * residual.diag().sum(), "{many}");
}

#[test]
fn isotropic_noise_has_the_bits_it_always_had() {
    let space = space(&[0.1; 4], 1);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for value in noise(Directions::All, &space, 4).as_slice() {
        let z: f32 = StandardNormal.sample(&mut rng);
        assert_eq!(*value, 0.0 + SIGMA * z);
    }
}

#[test]
fn a_space_without_the_direction_is_refused() {
    let (x, _) = space(&[0.1; 4], 1);
    for directions in [
        Directions::WithoutGap,
        Directions::GapOnly,
        Directions::Residual,
    ] {
        let error = directions.fit(&x, &x).unwrap_err();
        assert!(
            matches!(error, TransformError::NoDirection { .. }),
            "{error}"
        );
    }
    let still = Embeddings::new(vec![1.0; 3 * DIM], DIM).unwrap();
    assert!(Directions::JointSpan.fit(&still, &still).is_err());
    let narrow = Embeddings::new(vec![1.0; 4], 2).unwrap();
    assert!(Directions::WithoutGap.fit(&narrow, &x).is_err());
    let (x, y) = space(&[0.1; 4], 1);
    let corrupt = Corrupt::new(0.1).unwrap();
    let corrupt = corrupt.shaped(Directions::GapOnly.fit(&x, &y).unwrap());
    let refused = corrupt.apply(&narrow, &mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!(
        refused,
        Err(TransformError::NoiseWidth {
            noise: DIM,
            embeddings: 2
        })
    );
}
