//! The directions of a covariance, beside how much it varies in each.

use faer::Side;
use ndarray::{Array1, Array2};

use crate::spectrum::symmetric;
use crate::{GeometryError, Spectrum};

/// Eigenvalues of a covariance with their directions, the widest first.
///
/// `covariance = sum_k lambda_k u_k u_k^T` with unit `u_k`, each orthogonal to the others.
///
/// # Examples
///
/// ```
/// # use c3_geometry::PrincipalAxes;
/// # use ndarray::array;
/// let axes = PrincipalAxes::of(&array![[1.0, 0.0], [0.0, 4.0]])?;
/// assert_eq!(axes.spectrum.values(), [4.0, 1.0]);
/// assert!((axes.directions[[0, 1]].abs() - 1.0).abs() < 1e-12); // row 0 is the wide one
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalAxes {
    /// The eigenvalues, `[d]`.
    pub spectrum: Spectrum,
    /// The unit directions as rows, `[d, d]`, in the order of the eigenvalues.
    pub directions: Array2<f64>,
}

impl PrincipalAxes {
    /// Decomposes a symmetric matrix, `[d, d]`; of it only the lower half is read.
    ///
    /// # Errors
    ///
    /// As [`Spectrum::of`].
    pub fn of(covariance: &Array2<f64>) -> Result<Self, GeometryError> {
        let eigen = symmetric(covariance)?
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| GeometryError::NoSpectrum)?;
        let d = covariance.nrows();
        let rising = eigen.S().column_vector();
        let values = Array1::from_shape_fn(d, |k| rising[d - 1 - k]);
        let columns = eigen.U();
        Ok(Self {
            spectrum: Spectrum::from_values(values.to_vec()),
            directions: Array2::from_shape_fn((d, d), |(k, i)| columns[(i, d - 1 - k)]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covariance_is_the_sum_of_its_axes() {
        let rows = Array2::from_shape_fn((9, 5), |(i, j)| ((i * 5 + j) as f64 * 1.7).sin());
        let covariance = rows.t().dot(&rows);
        let axes = PrincipalAxes::of(&covariance).unwrap();
        let values = Array2::from_diag(&Array1::from(axes.spectrum.values().to_vec()));
        let rebuilt = axes.directions.t().dot(&values).dot(&axes.directions);
        assert!((&rebuilt - &covariance).iter().all(|off| off.abs() < 1e-12));
        assert_eq!(axes.spectrum, Spectrum::of(&covariance).unwrap());
        assert!(PrincipalAxes::of(&Array2::zeros((1, 2))).is_err());
    }
}
