//! Can a straight cut tell the modalities apart?

use faer::linalg::solvers::Solve;
use faer::{Mat, Side as Half};
use ndarray::Array2;

use crate::gap::{at_least, same_width};
use crate::{Embeddings, GeometryError, Moments, Side};

/// Share of the mean variance that is added to every direction, so that the cut exists.
const RIDGE: f64 = 1e-3;

/// Accuracy of the best straight cut between the modalities, on rows it was not fitted to.
///
/// Fisher's linear discriminant, `w = (S + r I)^-1 (mean(x) - mean(y))` with the pooled
/// covariance `S` and a ridge `r` of a thousandth of the mean variance, fitted on even rows
/// and tested on odd ones, and the other way round (Fisher 1936). One where the modalities
/// are apart, one half where nothing tells them apart.
///
/// # Shapes
///
/// - `x`: `[n, d]`, `y`: `[m, d]`. Rows need not be paired.
/// - result: in `[0, 1]`, both modalities counting the same.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::TooFewRows`] if a modality has fewer
/// than four rows.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, separability};
/// let x = Embeddings::new(vec![1.0, 0.2, 1.1, 0.1, 0.9, 0.3, 1.0, 0.0], 2)?;
/// let y = Embeddings::new(vec![-1.0, 0.2, -1.1, 0.1, -0.9, 0.3, -1.0, 0.0], 2)?;
/// assert_eq!(separability(&x, &y)?, 1.0);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn separability(x: &Embeddings, y: &Embeddings) -> Result<f64, GeometryError> {
    same_width(x, y)?;
    at_least(4, x.len().min(y.len()))?;
    let (x, y) = (halves(x), halves(y));
    let mut total = 0.0;
    for (fitted, tested) in [(0, 1), (1, 0)] {
        let cut = Cut::fit(&x[fitted], &y[fitted])?;
        total += cut.share(&x[tested], Side::X) + cut.share(&y[tested], Side::Y);
    }
    Ok(total / 4.0)
}

/// Even and odd rows.
pub(crate) fn halves(batch: &Embeddings) -> [Embeddings; 2] {
    [0, 1].map(|first| {
        let rows: Vec<usize> = (first..batch.len()).step_by(2).collect();
        batch.select(&rows)
    })
}

struct Cut {
    normal: Vec<f64>,
    offset: f64,
}

impl Cut {
    fn fit(x: &Embeddings, y: &Embeddings) -> Result<Self, GeometryError> {
        let (mean_x, covariance_x) = summary(x)?;
        let (mean_y, covariance_y) = summary(y)?;
        let pooled = covariance_x + covariance_y;
        let d = x.dim();
        // Where nothing varies, any ridge makes the same cut.
        let ridge = match pooled.diag().sum() {
            trace if trace > 0.0 => RIDGE * trace / d as f64,
            _ => 1.0,
        };
        let matrix = Mat::from_fn(d, d, |i, j| {
            pooled[[i, j]] + if i == j { ridge } else { 0.0 }
        });
        let between = Mat::from_fn(d, 1, |i, _| mean_x[i] - mean_y[i]);
        let normal = matrix
            .llt(Half::Lower)
            .map_err(|_| GeometryError::NoSpectrum)?
            .solve(&between);
        let normal: Vec<f64> = (0..d).map(|i| normal[(i, 0)]).collect();
        let middle = (0..d).map(|i| (mean_x[i] + mean_y[i]) / 2.0);
        let offset = normal.iter().zip(middle).map(|(a, b)| a * b).sum();
        Ok(Self { normal, offset })
    }

    /// Share of rows on their own side; a row on the cut counts half.
    fn share(&self, batch: &Embeddings, own: Side) -> f64 {
        let right = batch.rows().map(|row| {
            let place: f64 = row
                .iter()
                .zip(&self.normal)
                .map(|(value, normal)| f64::from(*value) * normal)
                .sum();
            match place.partial_cmp(&self.offset) {
                Some(std::cmp::Ordering::Equal) | None => 0.5,
                Some(order) => f64::from(u8::from(order.is_gt() == (own == Side::X))),
            }
        });
        right.sum::<f64>() / batch.len() as f64
    }
}

fn summary(batch: &Embeddings) -> Result<(Vec<f64>, Array2<f64>), GeometryError> {
    let mut moments = Moments::unpaired(batch.dim());
    moments.add(batch)?;
    Ok((moments.mean(Side::X)?, moments.covariance(Side::X)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_cannot_be_told_apart() {
        let values: Vec<f32> = (0..80).map(|i| (i as f32 * 0.7).sin()).collect();
        let batch = Embeddings::new(values, 4).unwrap();
        assert_eq!(separability(&batch, &batch), Ok(0.5));
    }

    #[test]
    fn a_shift_that_variance_hides_is_still_found() {
        // Wide along the first axis, apart along the second: the plain mean would mislead.
        let rows = |shift: f32| {
            let values = (0..40).flat_map(|i| [(i as f32 * 1.7).sin() * 50.0, shift]);
            Embeddings::new(values.collect(), 2).unwrap()
        };
        assert_eq!(separability(&rows(0.1), &rows(-0.1)), Ok(1.0));
    }

    #[test]
    fn rows_that_never_vary_are_told_apart_by_where_they_are() {
        let rows = |value: f32| Embeddings::new(vec![value; 8], 2).unwrap();
        assert_eq!(separability(&rows(1.0), &rows(2.0)), Ok(1.0));
        assert_eq!(separability(&rows(1.0), &rows(1.0)), Ok(0.5));
    }

    #[test]
    fn three_rows_are_too_few() {
        let batch = Embeddings::new(vec![1.0; 6], 2).unwrap();
        assert!(separability(&batch, &batch).is_err());
    }
}
