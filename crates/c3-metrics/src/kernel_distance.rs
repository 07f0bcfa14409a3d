//! The kernel distance of two sets of features: KID where they are Inception's.

use rand::{Rng, seq::index};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    MetricError,
    features::{Features, dot},
};

/// Mean and spread of a score over subsets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, over the number of subsets.
    pub sd: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|value| (value - mean) * (value - mean));
        let sd = (squares.sum::<f64>() / n).sqrt();
        Self { mean, sd }
    }
}

/// The subsets that a kernel distance is averaged over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subsets {
    /// How many; papers take 100.
    pub count: usize,
    /// Rows of each; papers take 1,000.
    pub size: usize,
}

/// Measures how far apart two sets of features are, without bias.
///
/// The squared maximum mean discrepancy with the kernel `(x . y / d + 1)^3`
/// (Binkowski et al. 2018, arXiv:1801.01401), its unbiased estimate, which may be negative.
///
/// # Shapes
///
/// - `x`: `[n, d]`, `y`: `[m, d]`; rows need not be paired.
///
/// # Errors
///
/// - [`MetricError::WidthMismatch`] if `x` and `y` differ in `d`.
/// - [`MetricError::FewForKernel`] if a set has fewer than two rows.
///
/// # Examples
///
/// ```
/// # use c3_metrics::{Features, kernel_distance};
/// let x = Features::new(&[0.0, 1.0], 1)?;
/// let y = Features::new(&[0.0, 1.0, 0.0, 1.0], 1)?;
/// assert!(kernel_distance(&x, &y)? < 0.0); // as near as chance allows
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn kernel_distance(x: &Features<'_>, y: &Features<'_>) -> Result<f64, MetricError> {
    x.same_width(y)?;
    for rows in [x.len(), y.len()] {
        if rows < 2 {
            return Err(MetricError::FewForKernel { rows, wanted: 2 });
        }
    }
    let (all_x, all_y): (Vec<_>, Vec<_>) = (x.rows().collect(), y.rows().collect());
    Ok(discrepancy(&all_x, &all_y))
}

/// The kernel distance of random subsets, as papers print it.
///
/// # Errors
///
/// As [`kernel_distance`]; also if a set has fewer rows than a subset, a subset fewer than
/// two, or there is none.
pub fn kernel_distances(
    x: &Features<'_>,
    y: &Features<'_>,
    subsets: Subsets,
    rng: &mut impl Rng,
) -> Result<Spread, MetricError> {
    x.same_width(y)?;
    let wanted = subsets.size.max(2);
    for rows in [x.len(), y.len(), subsets.size] {
        if rows < wanted {
            return Err(MetricError::FewForKernel { rows, wanted });
        }
    }
    if subsets.count == 0 {
        return Err(MetricError::NoItems);
    }
    let mut pick = |features: &Features<'_>| -> Vec<_> {
        let rows = index::sample(rng, features.len(), subsets.size);
        rows.into_iter().collect()
    };
    let picks: Vec<[Vec<usize>; 2]> = (0..subsets.count).map(|_| [pick(x), pick(y)]).collect();
    let distance = |[of_x, of_y]: &[Vec<usize>; 2]| {
        let x: Vec<_> = of_x.iter().map(|&row| x.row(row)).collect();
        let y: Vec<_> = of_y.iter().map(|&row| y.row(row)).collect();
        discrepancy(&x, &y)
    };
    let distances: Vec<f64> = picks.iter().map(distance).collect();
    Ok(Spread::of(&distances))
}

/// The unbiased estimate of the squared maximum mean discrepancy.
fn discrepancy(x: &[&[f32]], y: &[&[f32]]) -> f64 {
    let (n, m) = (x.len() as f64, y.len() as f64);
    let between = sum_kernel(x, y, |_, _| true) / (n * m);
    let within = |rows: &[&[f32]], n: f64| sum_kernel(rows, rows, |a, b| a != b) / (n * (n - 1.0));
    within(x, n) + within(y, m) - 2.0 * between
}

/// The sum of the kernel over the pairs of rows that count.
fn sum_kernel(x: &[&[f32]], y: &[&[f32]], counts: impl Fn(usize, usize) -> bool + Sync) -> f64 {
    let of_row = |(a, left): (usize, &&[f32])| -> f64 {
        let others = y.iter().enumerate().filter(|&(b, _)| counts(a, b));
        others.map(|(_, right)| kernel(left, right)).sum()
    };
    let sums: Vec<f64> = x.par_iter().enumerate().map(of_row).collect();
    sums.iter().sum() // in the order of rows, whatever the threads do
}

fn kernel(left: &[f32], right: &[f32]) -> f64 {
    (dot(left, right) / left.len() as f64 + 1.0).powi(3)
}
