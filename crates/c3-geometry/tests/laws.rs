//! Laws that hold for every input.

use c3_geometry::{
    Embeddings, Moments, MomentsState, Side, Spectrum, alignment_noise, modality_gap, separability,
};
use ndarray::Array2;
use proptest::prelude::*;

const DIM: usize = 5;

/// Rows of any scale: unit rows, tiny ones and large ones side by side.
fn rows(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let scale = prop_oneof![4 => Just(1.0_f32), 1 => Just(1e-6), 1 => Just(3e4)];
    let row = (prop::collection::vec(-1.0..1.0_f32, DIM), scale)
        .prop_map(|(row, scale)| row.into_iter().map(|value| value * scale).collect());
    prop::collection::vec(row, n)
}

fn batch(rows: &[Vec<f32>]) -> Embeddings {
    Embeddings::new(rows.concat(), DIM).unwrap()
}

fn moments(rows: &[Vec<f32>]) -> Moments {
    let mut moments = Moments::unpaired(DIM);
    moments.add(&batch(rows)).unwrap();
    moments
}

/// Every bit of what moments say.
fn bits(moments: &Moments) -> Vec<u64> {
    let (mean, covariance) = (
        moments.mean(Side::X).unwrap(),
        moments.covariance(Side::X).unwrap(),
    );
    mean.iter()
        .chain(&covariance)
        .map(|v| v.to_bits())
        .collect()
}

proptest! {
    #[test]
    fn any_order_and_any_split_give_the_same_bits(
        rows in rows(2..300),
        order in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let whole = moments(&rows);
        let mut turned = rows.clone();
        turned.rotate_left(order.index(rows.len()));
        turned.reverse();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len())).collect();
        cuts.extend([0, rows.len()]);
        cuts.sort_unstable();
        let mut merged = Moments::unpaired(DIM);
        for ends in cuts.windows(2).rev() {
            merged.merge(&moments(&turned[ends[0]..ends[1]])).unwrap();
        }
        prop_assert_eq!(bits(&merged), bits(&whole));
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits(rows in rows(2..400)) {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| moments(&rows))
        };
        prop_assert_eq!(bits(&on(1)), bits(&on(3)));
    }

    #[test]
    fn every_way_of_multiplying_says_the_same(rows in rows(2..300)) {
        let (best, mut portable) = (moments(&rows), Moments::unpaired(DIM).portable());
        portable.add(&batch(&rows)).unwrap();
        prop_assert_eq!(best.mean(Side::X).unwrap(), portable.mean(Side::X).unwrap());
        let largest = rows.concat().iter().fold(0.0_f64, |most, v| most.max(f64::from(v.abs())));
        // Each product moves by `2^-43` of the squared scale at most.
        let step = 256.0 * largest * largest * 2.0_f64.powi(-42);
        let (one, other) =
            (best.covariance(Side::X).unwrap(), portable.covariance(Side::X).unwrap());
        for (a, b) in one.iter().zip(&other) {
            prop_assert!((a - b).abs() <= 2.0 * step, "{} {}", a, b);
        }
    }

    #[test]
    fn any_order_gives_the_same_bits_on_every_processor(
        rows in rows(2..300),
        at in any::<prop::sample::Index>(),
    ) {
        let cut = at.index(rows.len());
        let mut whole = Moments::unpaired(DIM).portable();
        whole.add(&batch(&rows)).unwrap();
        let mut merged = Moments::unpaired(DIM).portable();
        for part in [&rows[cut..], &rows[..cut]] {
            let mut moments = Moments::unpaired(DIM).portable();
            moments.add(&batch(part)).unwrap();
            merged.merge(&moments).unwrap();
        }
        prop_assert_eq!(bits(&merged), bits(&whole));
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn moments_survive_being_kept(rows in rows(2..40)) {
        let before = moments(&rows);
        let after = Moments::try_from(&MomentsState::from(&before)).unwrap();
        prop_assert_eq!(bits(&after), bits(&before));
        prop_assert_eq!(after, before);
    }

    #[test]
    fn moments_are_those_of_two_passes(rows in rows(2..60)) {
        let found = moments(&rows).covariance(Side::X).unwrap();
        let n = rows.len() as f64;
        let mean = batch(&rows).mean();
        let largest = rows.concat().iter().fold(0.0_f64, |most, v| most.max(f64::from(v.abs())));
        for i in 0..DIM {
            for j in 0..DIM {
                let from_mean = |row: &Vec<f32>, at: usize| f64::from(row[at]) - mean[at];
                let sum: f64 = rows.iter().map(|row| from_mean(row, i) * from_mean(row, j)).sum();
                // The grid: 2^-44 of the squared scale, which is below 16 times the largest.
                let step = 256.0 * largest * largest * 2.0_f64.powi(-44);
                prop_assert!((found[[i, j]] - sum / (n - 1.0)).abs() <= 4.0 * step);
            }
        }
    }

    #[test]
    fn a_rotation_changes_no_spectrum_and_no_length(
        rows in prop::collection::vec(prop::collection::vec(-1.0..1.0_f32, DIM), 12..40),
        angle in 0.0..6.3_f32,
    ) {
        let (x, y) = rows.split_at(rows.len() / 2);
        let y = &y[..x.len()];
        let turn = |rows: &[Vec<f32>]| {
            let turned: Vec<Vec<f32>> = rows.iter().map(|row| turned(row, angle)).collect();
            batch(&turned)
        };
        let (before, after) = (noise(&batch(x), &batch(y)), noise(&turn(x), &turn(y)));
        prop_assert!((before.gap_length - after.gap_length).abs() < 1e-5);
        for (a, b) in before.spectrum.values().iter().zip(after.spectrum.values()) {
            prop_assert!((a - b).abs() < 1e-5, "{} {}", a, b); // f32 rows
        }
    }

    #[test]
    fn a_power_of_sixteen_scales_exactly(
        rows in prop::collection::vec(prop::collection::vec(-1.0..1.0_f32, DIM), 2..40),
    ) {
        let larger: Vec<Vec<f32>> =
            rows.iter().map(|row| row.iter().map(|value| value * 16.0).collect()).collect();
        let (one, other) = (moments(&rows), moments(&larger));
        let scaled: Array2<f64> = one.covariance(Side::X).unwrap() * 256.0;
        prop_assert_eq!(scaled, other.covariance(Side::X).unwrap());
    }

    #[test]
    fn pairs_may_be_permuted(
        rows in prop::collection::vec(prop::collection::vec(-1.0..1.0_f32, DIM), 8..40),
        by in any::<prop::sample::Index>(),
    ) {
        let half = rows.len() / 2;
        let (x, y) = (batch(&rows[..half]), batch(&rows[half..2 * half]));
        let mut order: Vec<usize> = (0..half).collect();
        order.rotate_left(by.index(half));
        let (one, other) = (noise(&x, &y), noise(&x.select(&order), &y.select(&order)));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn the_spectrum_holds_the_variance(rows in rows(3..40)) {
        let covariance = moments(&rows).covariance(Side::X).unwrap();
        let (trace, total) = (covariance.diag().sum(), Spectrum::of(&covariance).unwrap().total());
        prop_assert!((trace - total).abs() <= 1e-9 * trace);
    }

    #[test]
    fn a_wide_gap_is_separable(
        rows in prop::collection::vec(prop::collection::vec(-1.0..1.0_f32, DIM), 16..40),
    ) {
        let x = batch(&rows);
        let moved: Vec<Vec<f32>> =
            rows.iter().map(|row| row.iter().map(|value| value + 3.0).collect()).collect();
        let y = batch(&moved);
        // Few rows make a poor cut, but never one that misses a gap this wide.
        prop_assert!(separability(&x, &y).unwrap() > 0.8);
        prop_assert!(modality_gap(&x, &y).unwrap().distance > 6.0);
    }
}

/// More columns than a square of the product has, and a panel that both sides share.
#[test]
fn wide_pairs_have_the_moments_of_two_passes() {
    let (n, d) = (300, 37);
    let wave = |step: f32| {
        let values = (0..n * d).map(|at| (at as f32 * step).sin() / 2.0);
        Embeddings::new(values.collect(), d).unwrap()
    };
    let (x, y) = (wave(1.37), wave(0.83));
    let mut pairs = Moments::paired(d);
    pairs.add_pairs(&x, &y).unwrap();
    let centred = |side: &Embeddings| {
        let mean = ndarray::Array1::from(side.mean());
        side.view().mapv(f64::from) - mean
    };
    let (a, b) = (centred(&x), centred(&y));
    let expected = |left: &Array2<f64>, right: &Array2<f64>| left.t().dot(right) / (n as f64 - 1.0);
    let near = |found: Array2<f64>, expected: Array2<f64>| {
        let apart = (&found - &expected).mapv(f64::abs);
        assert!(apart.iter().all(|apart| *apart < 1e-13), "{apart}");
    };
    near(pairs.covariance(Side::X).unwrap(), expected(&a, &a));
    near(pairs.covariance(Side::Y).unwrap(), expected(&b, &b));
    near(pairs.cross_covariance().unwrap(), expected(&a, &b));
    let kept = Moments::try_from(&MomentsState::from(&pairs)).unwrap();
    assert_eq!(kept, pairs);
}

fn noise(x: &Embeddings, y: &Embeddings) -> c3_geometry::AlignmentNoise {
    let mut moments = Moments::paired(DIM);
    moments.add_pairs(x, y).unwrap();
    alignment_noise(&moments).unwrap()
}

/// Turned in the planes of the axes 0 and 1, and 2 and 3.
fn turned(row: &[f32], angle: f32) -> Vec<f32> {
    let (sin, cos) = angle.sin_cos();
    let mut turned = row.to_vec();
    for at in [0, 2] {
        turned[at] = cos * row[at] - sin * row[at + 1];
        turned[at + 1] = sin * row[at] + cos * row[at + 1];
    }
    turned
}
