//! What is done to one row of numbers at a time.
//!
//! Sums run in 16 lanes side by side, one vector of the widest processors: they have one order,
//! and the same bits on every processor.

use crate::exp;

/// Numbers summed side by side.
const LANES: usize = 16;

/// `sum of left * right`, of rows of one length.
#[inline(always)]
#[must_use]
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest = left_rest.iter().zip(right_rest);
    fold(sums) + rest.map(|(left, right)| left * right).sum::<f32>()
}

/// `out += weight * row`
#[inline(always)]
pub fn add_scaled(out: &mut [f32], row: &[f32], weight: f32) {
    for (out, value) in out.iter_mut().zip(row) {
        *out += weight * value;
    }
}

/// Makes a row of scores the shares `exp(score) / sum of exp(scores)`.
#[inline(always)]
pub fn softmax(row: &mut [f32]) {
    let highest = highest(row);
    for value in row.iter_mut() {
        *value = exp(*value - highest);
    }
    let share = 1.0 / sum(row, |value| value);
    for value in row {
        *value *= share;
    }
}

/// Subtracts `ln(sum of exp(scores))` from a row of scores.
#[inline(always)]
pub fn log_softmax(row: &mut [f32]) {
    let highest = highest(row);
    let all = highest + sum(row, |value| exp(value - highest)).ln();
    for value in row {
        *value -= all;
    }
}

/// `(row - mean) / sqrt(variance + epsilon) * gain + bias` (Ba et al. 2016, arXiv:1607.06450).
#[inline(always)]
pub fn layer_norm(row: &[f32], [gain, bias]: [&[f32]; 2], epsilon: f32, out: &mut [f32]) {
    let count = row.len() as f32;
    let mean = sum(row, |value| value) / count;
    let variance = sum(row, |value| (value - mean) * (value - mean)) / count;
    let scale = 1.0 / (variance + epsilon).sqrt();
    let terms = row.iter().zip(gain).zip(bias);
    for (out, ((value, gain), bias)) in out.iter_mut().zip(terms) {
        *out = (value - mean) * scale * gain + bias;
    }
}

/// `row / sqrt(mean square + epsilon) * gain` (Zhang and Sennrich 2019, arXiv:1910.07467).
#[inline(always)]
pub fn length_norm(row: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    let square = sum(row, |value| value * value) / row.len() as f32;
    let scale = 1.0 / (square + epsilon).sqrt();
    for (out, (value, gain)) in out.iter_mut().zip(row.iter().zip(gain)) {
        *out = value * scale * gain;
    }
}

/// The highest of a row.
#[inline(always)]
fn highest(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(*value);
        }
    }
    lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max)
}

/// The sum of what the values of a row are worth; of long rows in two steps, so that no lane
/// grows far beyond what is added to it.
#[inline(always)]
fn sum(row: &[f32], worth: impl Fn(f32) -> f32) -> f32 {
    const STEP: usize = 64 * LANES;
    let steps = row.chunks(STEP).map(|row| {
        let (chunks, rest) = row.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for chunk in chunks {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += worth(*value);
            }
        }
        fold(sums) + rest.iter().map(|value| worth(*value)).sum::<f32>()
    });
    steps.sum()
}

#[inline(always)]
fn fold(sums: [f32; LANES]) -> f32 {
    let mut sums = sums;
    let mut half = LANES / 2;
    while half > 0 {
        for at in 0..half {
            sums[at] += sums[at + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths with and without whole chunks and steps.
    const LENGTHS: [usize; 6] = [1, 7, 16, 41, 1024, 2500];

    fn waves(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|at| (at as f32 * step).sin() * 3.0).collect()
    }

    fn wide(row: &[f32]) -> Vec<f64> {
        row.iter().copied().map(f64::from).collect()
    }

    fn assert_near(ours: &[f32], exact: impl Iterator<Item = f64>, within: f64) {
        for (ours, exact) in ours.iter().zip(exact) {
            assert!((f64::from(*ours) - exact).abs() < within, "{ours} {exact}");
        }
    }

    #[test]
    fn sums_of_products_are_those_of_double_precision() {
        for n in LENGTHS {
            let (left, right) = (waves(n, 0.7), waves(n, 1.3));
            let exact = wide(&left)
                .iter()
                .zip(wide(&right))
                .map(|(a, b)| a * b)
                .sum::<f64>();
            assert!((f64::from(dot(&left, &right)) - exact).abs() < 1e-5 * n as f64);
            let mut out = right.clone();
            add_scaled(&mut out, &left, 0.5);
            let exact = wide(&left)
                .into_iter()
                .zip(wide(&right))
                .map(|(a, b)| b + 0.5 * a);
            assert_near(&out, exact, 1e-6);
        }
    }

    #[test]
    fn shares_and_their_logarithms_are_those_of_double_precision() {
        for n in LENGTHS {
            let row = waves(n, 0.7);
            let total: f64 = wide(&row).iter().map(|value| value.exp()).sum();
            let mut shares = row.clone();
            softmax(&mut shares);
            assert_near(
                &shares,
                wide(&row).iter().map(|value| value.exp() / total),
                1e-6,
            );
            let mut logs = row.clone();
            log_softmax(&mut logs);
            assert_near(
                &logs,
                wide(&row).iter().map(|value| value - total.ln()),
                4e-6,
            );
        }
    }

    #[test]
    fn a_far_lower_score_has_no_share() {
        let mut shares = [0.0, f32::NEG_INFINITY, -200.0];
        softmax(&mut shares);
        assert_eq!(shares[0], 1.0);
        assert!(shares[1..].iter().all(|share| *share < 1e-37));
    }

    #[test]
    fn norms_are_those_of_double_precision() {
        for n in LENGTHS {
            let (row, gain, bias) = (waves(n, 0.7), waves(n, 0.2), waves(n, 0.5));
            let (count, values) = (n as f64, wide(&row));
            let mean = values.iter().sum::<f64>() / count;
            let variance = values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>()
                / count;
            let scale = (variance + 1e-3).sqrt();
            let mut out = vec![0.0; n];
            layer_norm(&row, [&gain, &bias], 1e-3, &mut out);
            let terms = values.iter().zip(wide(&gain)).zip(wide(&bias));
            let exact = terms.map(|((value, gain), bias)| (value - mean) / scale * gain + bias);
            assert_near(&out, exact, 1e-5);

            let square = values.iter().map(|value| value * value).sum::<f64>() / count;
            let scale = (square + 1e-3).sqrt();
            length_norm(&row, &gain, 1e-3, &mut out);
            let exact = values
                .iter()
                .zip(wide(&gain))
                .map(|(value, gain)| value / scale * gain);
            assert_near(&out, exact, 1e-5);
        }
    }
}
