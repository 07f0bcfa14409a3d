//! The Fréchet distance of two sets of features: FID where they are Inception's, FAD where
//! they are of sounds.

use faer::{Mat, MatRef, Side, linalg::solvers::SelfAdjointEigen};

use crate::{MetricError, features::Features};

/// Measures how far apart two sets of features are, each seen as a Gaussian.
///
/// `|m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^(1/2))`, with means `m` and covariances `S`
/// (Heusel et al. 2017, arXiv:1706.08500), in f64. The eigenvalues of `S1 S2` are those of
/// the symmetric `S1^(1/2) S2 S1^(1/2)`, so the trace of the root is the sum of their roots:
/// exact, and never complex.
///
/// # Shapes
///
/// - `x`: `[n, d]`, `y`: `[m, d]`; rows need not be paired.
///
/// # Errors
///
/// - [`MetricError::WidthMismatch`] if `x` and `y` differ in `d`.
/// - [`MetricError::FewRows`] if `n` or `m` is not above `d`: the covariance would be
///   singular, and the distance depend on the number of rows.
/// - [`MetricError::NoEigenvalues`] if the decomposition does not converge.
///
/// # Examples
///
/// ```
/// # use c3_metrics::{Features, frechet_distance};
/// let x = Features::new(&[0.0, 1.0, 2.0], 1)?;
/// let y = Features::new(&[3.0, 4.0, 5.0], 1)?;
/// assert!((frechet_distance(&x, &y)? - 9.0).abs() < 1e-12);
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn frechet_distance(x: &Features<'_>, y: &Features<'_>) -> Result<f64, MetricError> {
    x.same_width(y)?;
    for features in [x, y] {
        let (rows, width) = (features.len(), features.width());
        if rows <= width {
            return Err(MetricError::FewRows { rows, width });
        }
    }
    let (mean_x, covariance_x) = moments(x);
    let (mean_y, covariance_y) = moments(y);
    let steps = mean_x.iter().zip(&mean_y).map(|(a, b)| (a - b) * (a - b));
    let traces = trace(covariance_x.as_ref()) + trace(covariance_y.as_ref());
    let root = trace_of_root(covariance_x.as_ref(), covariance_y.as_ref())?;
    Ok(steps.sum::<f64>() + traces - 2.0 * root)
}

/// The mean `[d]` and the covariance `[d, d]`, over `n - 1`.
fn moments(features: &Features<'_>) -> (Vec<f64>, Mat<f64>) {
    let (n, d) = (features.len(), features.width());
    let mut mean = vec![0.0; d];
    for row in features.rows() {
        for (sum, &value) in mean.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    mean.iter_mut().for_each(|sum| *sum /= n as f64);
    let centered = |row: usize, column: usize| f64::from(features.row(row)[column]) - mean[column];
    let centered = Mat::from_fn(n, d, centered);
    let scatter = centered.transpose() * &centered;
    let covariance = scatter * faer::Scale(1.0 / (n - 1) as f64);
    (mean, covariance)
}

fn trace(matrix: MatRef<'_, f64>) -> f64 {
    (0..matrix.nrows()).map(|at| matrix[(at, at)]).sum()
}

/// `tr((S1 S2)^(1/2))`.
fn trace_of_root(first: MatRef<'_, f64>, second: MatRef<'_, f64>) -> Result<f64, MetricError> {
    let failed = |_| MetricError::NoEigenvalues;
    let first = SelfAdjointEigen::new(first, Side::Lower).map_err(failed)?;
    let (vectors, values) = (first.U(), first.S());
    // S1^(1/2) = U s U^T; the outer U does not change eigenvalues.
    let scaled = Mat::from_fn(vectors.nrows(), vectors.ncols(), |row, column| {
        vectors[(row, column)] * values[column].max(0.0).sqrt()
    });
    let product = scaled.transpose() * second * &scaled;
    let eigenvalues = product.self_adjoint_eigenvalues(Side::Lower);
    let eigenvalues = eigenvalues.map_err(failed)?;
    // Rounding may leave a tiny negative where there is zero.
    Ok(eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum())
}
