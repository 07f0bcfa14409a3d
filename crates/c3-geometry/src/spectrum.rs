//! How the variance of a space is spread over directions.

use faer::{Mat, Side};
use ndarray::Array2;

use crate::GeometryError;

/// The share of the variance that [Definition 1](Spectrum::effective_dimension) asks for.
pub const PAPER_GAMMA: f64 = 0.99;

/// Eigenvalues of a covariance, the largest first; for a covariance, its singular values.
///
/// # Examples
///
/// ```
/// # use c3_geometry::Spectrum;
/// # use ndarray::array;
/// let spectrum = Spectrum::of(&array![[2.0, 0.0], [0.0, 6.0]])?;
/// assert_eq!(spectrum.values(), [6.0, 2.0]);
/// assert_eq!(spectrum.effective_dimension(0.7), 1);
/// assert_eq!(spectrum.effective_dimension(0.99), 2);
/// assert_eq!(spectrum.anisotropy(), 1.5);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    values: Vec<f64>,
}

impl Spectrum {
    /// Eigenvalues of a symmetric matrix, `[d, d]`; of it only the lower half is read.
    ///
    /// Values below zero, which rounding alone makes of a covariance, count as zero.
    ///
    /// # Errors
    ///
    /// [`GeometryError::NoSpectrum`] if the matrix is not square, has no rows or holds values
    /// that are not finite.
    pub fn of(covariance: &Array2<f64>) -> Result<Self, GeometryError> {
        let values = symmetric(covariance)?
            .self_adjoint_eigenvalues(Side::Lower)
            .map_err(|_| GeometryError::NoSpectrum)?;
        Ok(Self::from_values(values))
    }

    /// Takes eigenvalues in any order.
    pub(crate) fn from_values(mut values: Vec<f64>) -> Self {
        values.iter_mut().for_each(|value| *value = value.max(0.0));
        values.sort_by(|a, b| b.total_cmp(a));
        Self { values }
    }

    /// The eigenvalues, `[d]`, the largest first.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Sum of the eigenvalues: the total variance.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.values.iter().sum()
    }

    /// The smallest number of directions that hold more than a share `gamma` of the variance.
    ///
    /// Definition 1 of Zhang et al. 2024 (arXiv:2401.08567), which takes `gamma = 0.99`
    /// ([`PAPER_GAMMA`]). Zero if there is no variance at all.
    #[must_use]
    pub fn effective_dimension(&self, gamma: f64) -> usize {
        let total = self.total();
        if total <= 0.0 {
            return 0;
        }
        let mut held = 0.0;
        for (at, value) in self.values.iter().enumerate() {
            held += value;
            if held > gamma * total {
                return at + 1;
            }
        }
        self.values.len()
    }

    /// Largest over mean eigenvalue: 1 if the variance is the same in every direction.
    ///
    /// Of `n` draws from an isotropic Gaussian it is larger than 1; compare it with
    /// [`isotropic_null`](crate::isotropic_null). One if there is no variance.
    #[must_use]
    pub fn anisotropy(&self) -> f64 {
        let mean = self.total() / self.values.len() as f64;
        if mean > 0.0 {
            self.values[0] / mean
        } else {
            1.0
        }
    }
}

/// The `k` directions of largest variance as columns, `[d, k]`.
pub(crate) fn leading(covariance: &Array2<f64>, k: usize) -> Result<Mat<f64>, GeometryError> {
    let eigen = symmetric(covariance)?
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| GeometryError::NoSpectrum)?;
    let d = covariance.nrows(); // in rising order
    Ok(eigen.U().subcols(d - k, k).to_owned())
}

pub(crate) fn symmetric(matrix: &Array2<f64>) -> Result<Mat<f64>, GeometryError> {
    let (rows, columns) = matrix.dim();
    if rows != columns || rows == 0 || matrix.iter().any(|value| !value.is_finite()) {
        return Err(GeometryError::NoSpectrum);
    }
    Ok(Mat::from_fn(rows, columns, |i, j| matrix[[i, j]]))
}

/// How much the two modalities' directions of largest variance span the same space.
///
/// `|U_x^T U_y|_F^2 / k` with the `k` leading eigenvectors of each covariance as columns:
/// the mean squared cosine of the principal angles. Two subspaces that have nothing to do
/// with each other score `k / d`.
///
/// # Shapes
///
/// - `x`, `y`: covariances, `[d, d]`.
/// - result: in `[0, 1]`.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::NoSpectrum`],
/// [`GeometryError::TooFewRows`] if `k` is not in `1..=d`.
///
/// # Examples
///
/// ```
/// # use c3_geometry::subspace_overlap;
/// # use ndarray::array;
/// let flat = array![[4.0, 0.0], [0.0, 1.0]];
/// let tall = array![[1.0, 0.0], [0.0, 4.0]];
/// assert!(subspace_overlap(&flat, &tall, 1)? < 1e-12);
/// assert!((subspace_overlap(&flat, &tall, 2)? - 1.0).abs() < 1e-12);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn subspace_overlap(x: &Array2<f64>, y: &Array2<f64>, k: usize) -> Result<f64, GeometryError> {
    let (left, right) = (x.nrows(), y.nrows());
    if left != right {
        return Err(GeometryError::WidthMismatch { left, right });
    }
    if k == 0 || k > left {
        let (needed, found) = (k.max(1), left);
        return Err(GeometryError::TooFewRows { needed, found });
    }
    let cosines = leading(x, k)?.transpose() * leading(y, k)?;
    let squares: f64 = (0..k)
        .flat_map(|i| (0..k).map(move |j| (i, j)))
        .map(|(i, j)| cosines[(i, j)] * cosines[(i, j)])
        .sum();
    Ok(squares / k as f64)
}

/// How alike two spectra fall: Pearson's correlation of the logarithms of the eigenvalues.
///
/// Only places where both have variance count (above `1e-12` of the largest); nothing if
/// there are fewer than three such places, or one of the spectra is flat.
#[must_use]
pub fn spectral_correlation(x: &Spectrum, y: &Spectrum) -> Option<f64> {
    let floor = |spectrum: &Spectrum| spectrum.values.first().copied().unwrap_or(0.0) * 1e-12;
    let (floor_x, floor_y) = (floor(x), floor(y));
    let pairs: Vec<(f64, f64)> = x
        .values
        .iter()
        .zip(&y.values)
        .filter(|(a, b)| **a > floor_x && **b > floor_y)
        .map(|(a, b)| (a.ln(), b.ln()))
        .collect();
    let n = pairs.len() as f64;
    if n < 3.0 {
        return None;
    }
    let (mean_x, mean_y) = (
        pairs.iter().map(|pair| pair.0).sum::<f64>() / n,
        pairs.iter().map(|pair| pair.1).sum::<f64>() / n,
    );
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (a, b) = (a - mean_x, b - mean_y);
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_known_cut_is_found_with_strictly_more() {
        // Definition 1 of the released code: strictly more than the share.
        let spectrum = Spectrum::from_values(vec![0.0, 10.0, 80.0, 10.0]);
        assert_eq!(spectrum.effective_dimension(0.8), 2);
        assert_eq!(spectrum.effective_dimension(0.79), 1);
        assert_eq!(spectrum.effective_dimension(0.99), 3);
    }

    #[test]
    fn no_variance_has_no_dimension() {
        let spectrum = Spectrum::of(&Array2::zeros((3, 3))).unwrap();
        assert_eq!(spectrum.effective_dimension(0.99), 0);
        assert_eq!(spectrum.anisotropy(), 1.0);
    }

    #[test]
    fn what_is_no_covariance_is_refused() {
        assert_eq!(
            Spectrum::of(&array![[f64::NAN]]),
            Err(GeometryError::NoSpectrum)
        );
        assert!(Spectrum::of(&Array2::zeros((0, 0))).is_err());
        assert!(Spectrum::of(&Array2::zeros((1, 2))).is_err());
        assert!(subspace_overlap(&array![[1.0]], &array![[1.0]], 2).is_err());
    }

    #[test]
    fn spectra_that_fall_alike_correlate() {
        let falling = Spectrum::from_values(vec![8.0, 4.0, 2.0, 1.0]);
        let same = Spectrum::from_values(vec![80.0, 40.0, 20.0, 10.0]);
        assert!((spectral_correlation(&falling, &same).unwrap() - 1.0).abs() < 1e-12);
        let flat = Spectrum::from_values(vec![1.0; 4]);
        assert_eq!(spectral_correlation(&falling, &flat), None);
    }
}
