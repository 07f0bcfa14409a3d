//! How far two modalities of one space stand apart.

use crate::{Embeddings, GeometryError};

/// The constant offset between two modalities.
#[derive(Clone, Debug, PartialEq)]
pub struct ModalityGap {
    /// `mean(x) - mean(y)`, `[d]`.
    pub vector: Vec<f64>,
    /// Length of the vector, in the unit of the embeddings.
    pub distance: f64,
}

/// Measures the gap between two modalities of one embedding space.
///
/// `gap = mean(x) - mean(y)`, the gap vector of Liang et al. 2022
/// (arXiv:2203.02053). It estimates the constant `c` in the C3 model of a
/// matched pair, `x - y = c + noise` (Zhang et al. 2024, arXiv:2401.08567).
///
/// # Shapes
///
/// - `x`: `[n, d]`, `y`: `[m, d]`. Rows need not be paired.
/// - result: `[d]`, in the unit of the embeddings.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`] if `x` and `y` differ in `d`,
/// [`GeometryError::TooFewRows`] if one of them has no rows.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, modality_gap};
/// let images = Embeddings::new(vec![3.0, 0.0, 3.0, 2.0], 2)?; // [2, 2]
/// let texts = Embeddings::new(vec![0.0, 5.0], 2)?; // [1, 2]
/// let gap = modality_gap(&images, &texts)?;
/// assert_eq!(gap.vector, [3.0, -4.0]);
/// assert_eq!(gap.distance, 5.0);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn modality_gap(x: &Embeddings, y: &Embeddings) -> Result<ModalityGap, GeometryError> {
    same_width(x, y)?;
    at_least(1, x.len().min(y.len()))?;
    let (mean_x, mean_y) = (x.mean(), y.mean());
    let vector: Vec<f64> = mean_x.iter().zip(&mean_y).map(|(a, b)| a - b).collect();
    let distance = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    Ok(ModalityGap { vector, distance })
}

/// Refuses two batches of different width.
pub(crate) fn same_width(x: &Embeddings, y: &Embeddings) -> Result<(), GeometryError> {
    let (left, right) = (x.dim(), y.dim());
    if left == right {
        Ok(())
    } else {
        Err(GeometryError::WidthMismatch { left, right })
    }
}

/// Refuses a question that has too few rows for an answer.
pub(crate) fn at_least(needed: usize, found: usize) -> Result<(), GeometryError> {
    if found < needed {
        Err(GeometryError::TooFewRows { needed, found })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_of_different_width_have_no_gap() {
        let x = Embeddings::new(vec![0.0; 4], 2).unwrap();
        let y = Embeddings::new(vec![0.0; 3], 3).unwrap();
        assert_eq!(
            modality_gap(&x, &y),
            Err(GeometryError::WidthMismatch { left: 2, right: 3 })
        );
    }

    #[test]
    fn a_modality_without_rows_has_no_gap() {
        let x = Embeddings::new(vec![0.0; 4], 2).unwrap();
        let none = Embeddings::new(vec![], 2).unwrap();
        assert_eq!(
            modality_gap(&x, &none),
            Err(GeometryError::TooFewRows {
                needed: 1,
                found: 0
            })
        );
    }
}
