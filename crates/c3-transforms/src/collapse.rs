//! Collapse: subtract the mean of a modality, and with it the modality gap.

use c3_geometry::Embeddings;
use half::f16;

use crate::TransformError;

/// Subtracts the mean of one modality.
///
/// Step 2 of C3 (Zhang et al. 2024, arXiv:2401.08567): `e <- e - mean`. Each
/// modality is centred by its own mean, fitted on its own training split, so
/// no pair is needed.
///
/// # Examples
///
/// ```
/// # use c3_geometry::Embeddings;
/// # use c3_transforms::Collapse;
/// let texts = Embeddings::new(vec![1.0, 0.0, 3.0, 2.0], 2)?; // [2, 2]
/// let collapse = Collapse::fit(&texts)?;
/// assert_eq!(collapse.mean(), [2.0, 1.0]);
/// assert_eq!(collapse.apply(&texts)?.mean(), [0.0, 0.0]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Collapse {
    mean: Vec<f32>,
}

impl Collapse {
    /// Takes a mean that was fitted before, `[d]`.
    #[must_use]
    pub fn new(mean: Vec<f32>) -> Self {
        Self { mean }
    }

    /// Fits the mean of `batch`, `[n, d]`, every row counted once, summed in f64.
    ///
    /// # Errors
    ///
    /// [`TransformError::NoRows`].
    pub fn fit(batch: &Embeddings) -> Result<Self, TransformError> {
        if batch.is_empty() {
            return Err(TransformError::NoRows);
        }
        Ok(Self {
            mean: batch.mean().iter().map(|value| *value as f32).collect(),
        })
    }

    /// Fits a mean in which row `i` counts `weights[i]` times.
    ///
    /// With the number of captions of each picture this is the mean over
    /// training *rows* of the `ImageBind` branch of the original (trap D3).
    ///
    /// # Errors
    ///
    /// [`TransformError::WeightMismatch`], [`TransformError::NoRows`] if no row counts.
    pub fn fit_weighted(batch: &Embeddings, weights: &[usize]) -> Result<Self, TransformError> {
        if weights.len() != batch.len() {
            let (weights, rows) = (weights.len(), batch.len());
            return Err(TransformError::WeightMismatch { weights, rows });
        }
        let total: usize = weights.iter().sum();
        if total == 0 {
            return Err(TransformError::NoRows);
        }
        let mut sum = vec![0.0; batch.dim()];
        for (row, weight) in batch.rows().zip(weights) {
            let weight = *weight as f64;
            sum.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += weight * f64::from(*value));
        }
        Ok(Self {
            mean: sum.iter().map(|sum| (sum / total as f64) as f32).collect(),
        })
    }

    /// Fits the mean as the original's script does: normalised in half precision (trap D4).
    ///
    /// Every row is rounded to f16, divided by its length in f16, and the
    /// quotients are summed in f32. Differs from [`Collapse::fit`] of unit rows
    /// by about 1e-3 relative; there for faithful comparisons only.
    ///
    /// # Errors
    ///
    /// [`TransformError::NoRows`].
    pub fn fit_in_half_precision(batch: &Embeddings) -> Result<Self, TransformError> {
        if batch.is_empty() {
            return Err(TransformError::NoRows);
        }
        let mut sum = vec![0.0_f32; batch.dim()];
        for row in batch.rows() {
            let stored: Vec<f32> = row.iter().map(|value| rounded(*value)).collect();
            let length = rounded(stored.iter().map(|value| value * value).sum::<f32>().sqrt());
            sum.iter_mut()
                .zip(&stored)
                .for_each(|(sum, value)| *sum += rounded(value / length));
        }
        Ok(Self {
            mean: sum.iter().map(|sum| sum / batch.len() as f32).collect(),
        })
    }

    /// The mean that is subtracted, `[d]`.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Subtracts the mean from every row, `[n, d]`.
    ///
    /// # Errors
    ///
    /// [`TransformError::WidthMismatch`].
    pub fn apply(&self, batch: &Embeddings) -> Result<Embeddings, TransformError> {
        if batch.dim() != self.mean.len() {
            let (mean, embeddings) = (self.mean.len(), batch.dim());
            return Err(TransformError::WidthMismatch { mean, embeddings });
        }
        let mut rows = batch.view().to_owned();
        for mut row in rows.outer_iter_mut() {
            row.iter_mut()
                .zip(&self.mean)
                .for_each(|(value, mean)| *value -= mean);
        }
        Ok(Embeddings::from_array(rows)?)
    }
}

fn rounded(value: f32) -> f32 {
    f16::from_f32(value).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_another_width_is_refused() {
        let batch = Embeddings::new(vec![1.0, 2.0], 2).unwrap();
        let error = Collapse::new(vec![0.0; 3]).apply(&batch).unwrap_err();
        assert_eq!(
            error,
            TransformError::WidthMismatch {
                mean: 3,
                embeddings: 2
            }
        );
    }

    #[test]
    fn a_row_that_counts_twice_pulls_the_mean() {
        let batch = Embeddings::new(vec![0.0, 0.0, 3.0, 6.0], 2).unwrap();
        let mean = Collapse::fit_weighted(&batch, &[1, 2]).unwrap();
        assert_eq!(mean.mean(), [2.0, 4.0]);
        assert_eq!(
            Collapse::fit_weighted(&batch, &[0, 0]),
            Err(TransformError::NoRows)
        );
    }

    #[test]
    fn half_precision_moves_the_mean_by_about_a_thousandth() {
        let values: Vec<f32> = (0..640).map(|i| (i as f32 * 0.37).sin()).collect();
        let batch = Embeddings::new(values, 64)
            .unwrap()
            .to_unit_length()
            .unwrap();
        let (full, half) = (
            Collapse::fit(&batch).unwrap(),
            Collapse::fit_in_half_precision(&batch).unwrap(),
        );
        let apart: f32 = full
            .mean()
            .iter()
            .zip(half.mean())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(apart > 0.0 && apart < 1e-3, "{apart}");
    }

    #[test]
    fn no_rows_have_no_mean() {
        let none = Embeddings::new(vec![], 2).unwrap();
        assert_eq!(Collapse::fit(&none), Err(TransformError::NoRows));
    }
}
