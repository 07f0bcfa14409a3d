//! Laws of moments of rows at unit length, that hold for every input.

use c3_geometry::{Embeddings, Moments, Side, UnitRows};
use ndarray::{Array2, Axis};
use proptest::prelude::*;

const DIM: usize = 19; // a whole tile and part of another

/// Rows of any length but zero.
fn rows(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let scale = prop_oneof![4 => Just(1.0_f32), 1 => Just(1e-20), 1 => Just(3e18)];
    let row = (prop::collection::vec(-1.0..1.0_f32, DIM), scale);
    let row = row.prop_map(|(row, scale)| row.iter().map(|value| value * scale).collect());
    let row = row.prop_filter("it has no direction", |row: &Vec<f32>| {
        row.iter().any(|value| *value != 0.0)
    });
    prop::collection::vec(row, n)
}

fn unit_rows(rows: &[Vec<f32>]) -> UnitRows {
    UnitRows::new(Embeddings::new(rows.concat(), DIM).unwrap()).unwrap()
}

fn moments(rows: &[Vec<f32>]) -> Moments {
    let mut moments = Moments::unpaired(DIM);
    moments.add_unit_rows(&unit_rows(rows)).unwrap();
    moments
}

fn portable(rows: &[Vec<f32>]) -> Moments {
    let mut moments = Moments::unpaired(DIM).portable();
    moments.add_unit_rows(&unit_rows(rows)).unwrap();
    moments
}

/// Rows of unit length in f64, `[n, d]`.
fn units(rows: &[Vec<f32>]) -> Array2<f64> {
    let unit_rows = unit_rows(rows);
    let lengths = ndarray::Array1::from(unit_rows.lengths().to_vec());
    unit_rows.rows().view().mapv(f64::from) / lengths.insert_axis(Axis(1))
}

/// The most that two tables differ by.
fn apart(one: &Array2<f64>, other: &Array2<f64>) -> f64 {
    let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f64::max)
}

/// The covariance of two tables of as many rows, by two passes.
fn covariance(x: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    let centred = |rows: &Array2<f64>| rows - &rows.mean_axis(Axis(0)).unwrap();
    centred(x).t().dot(&centred(y)) / (x.nrows() as f64 - 1.0)
}

proptest! {
    #[test]
    fn any_order_and_any_split_give_the_same_bits(
        rows in rows(2..600),
        at in any::<prop::sample::Index>(),
    ) {
        let cut = at.index(rows.len());
        for of in [moments, portable] {
            let mut turned = rows.clone();
            turned.reverse();
            let mut merged = of(&turned[cut..]);
            if cut > 0 {
                merged.merge(&of(&turned[..cut])).unwrap();
            }
            prop_assert_eq!(merged, of(&rows));
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits(rows in rows(2..900)) {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| moments(&rows))
        };
        prop_assert_eq!(on(1), on(3));
    }

    #[test]
    fn lengths_do_not_count(rows in rows(2..100)) {
        let longer: Vec<Vec<f32>> =
            rows.iter().map(|row| row.iter().map(|value| value * 4.0).collect()).collect();
        prop_assert_eq!(moments(&rows), moments(&longer));
    }

    #[test]
    fn every_way_of_multiplying_says_the_same(rows in rows(2..300)) {
        let (best, portable) = (moments(&rows), portable(&rows));
        prop_assert_eq!(best.mean(Side::X).unwrap(), portable.mean(Side::X).unwrap());
        let (one, other) =
            (best.covariance(Side::X).unwrap(), portable.covariance(Side::X).unwrap());
        // Each product moves by `2^-37` at most, and two rows are divided by one.
        prop_assert!(apart(&one, &other) <= 2.0_f64.powi(-36));
    }

    #[test]
    fn moments_are_those_of_two_passes(rows in rows(2..60)) {
        let (found, units) = (moments(&rows), units(&rows));
        let expected = units.mean_axis(Axis(0)).unwrap();
        for (found, expected) in found.mean(Side::X).unwrap().iter().zip(&expected) {
            prop_assert!((found - expected).abs() <= 2.0_f64.powi(-31), "{} {}", found, expected);
        }
        let found = found.covariance(Side::X).unwrap();
        // A value moves by `2^-31` at most.
        prop_assert!(apart(&found, &covariance(&units, &units)) <= 2.0_f64.powi(-28));
    }
}

/// Their columns share a tile, and there are more of them than a square of the product has.
#[test]
fn pairs_at_unit_length_have_the_moments_of_two_passes() {
    let n = 700;
    let wave = |step: f32| {
        let value =
            |row: usize, at: usize| ((row * DIM + at) as f32 * step).sin() * (1 + row) as f32;
        let row = |row| (0..DIM).map(|at| value(row, at)).collect();
        (0..n).map(row).collect::<Vec<Vec<f32>>>()
    };
    let (x, y) = (wave(1.37), wave(0.83));
    let (a, b) = (units(&x), units(&y));
    for mut pairs in [Moments::paired(DIM), Moments::paired(DIM).portable()] {
        pairs
            .add_unit_pairs(&unit_rows(&x), &unit_rows(&y))
            .unwrap();
        let near = |found: Array2<f64>, expected: Array2<f64>| {
            assert!(
                apart(&found, &expected) < 1e-10,
                "{}",
                apart(&found, &expected)
            );
        };
        near(pairs.covariance(Side::X).unwrap(), covariance(&a, &a));
        near(pairs.covariance(Side::Y).unwrap(), covariance(&b, &b));
        near(pairs.cross_covariance().unwrap(), covariance(&a, &b));
        assert!(pairs.add_unit_rows(&unit_rows(&x)).is_err());
    }
}
