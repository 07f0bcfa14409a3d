//! Rows that are read at unit length.

use crate::{Embeddings, GeometryError};

/// Embeddings of which only the directions count: the rows as they came, beside the length of
/// each, none of which is zero.
///
/// [`Moments::add_unit_rows`](crate::Moments::add_unit_rows) divides by it on the way, which spares
/// writing the rows down once more and rounding them to f32, as
/// [`Embeddings::into_unit_length`] does.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, Moments, Side, UnitRows};
/// let rows = Embeddings::new(vec![3.0, 4.0, 0.0, 2.0], 2)?;
/// let rows = UnitRows::new(rows)?;
/// assert_eq!(rows.lengths(), [5.0, 2.0]);
/// let mut moments = Moments::unpaired(2);
/// moments.add_unit_rows(&rows)?;
/// let mean = moments.mean(Side::X)?;
/// assert!((mean[0] - 0.3).abs() < 1e-9 && (mean[1] - 0.9).abs() < 1e-9);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRows {
    rows: Embeddings,
    lengths: Vec<f64>,
}

impl UnitRows {
    /// Measures every row, in f64.
    ///
    /// # Errors
    ///
    /// [`GeometryError::ZeroRow`] if a row has no direction.
    pub fn new(rows: Embeddings) -> Result<Self, GeometryError> {
        let lengths = rows.lengths();
        match lengths.iter().position(|length| *length == 0.0) {
            Some(row) => Err(GeometryError::ZeroRow { row }),
            None => Ok(Self { rows, lengths }),
        }
    }

    /// The rows as they came, `[n, d]`.
    #[must_use]
    pub fn rows(&self) -> &Embeddings {
        &self.rows
    }

    /// The length of every row, `[n]`, in the unit of the rows.
    #[must_use]
    pub fn lengths(&self) -> &[f64] {
        &self.lengths
    }

    /// Gives the rows away as they came, `[n, d]`.
    #[must_use]
    pub fn into_rows(self) -> Embeddings {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_direction_is_refused() {
        let rows = Embeddings::new(vec![1.0, 0.0, 0.0, 0.0], 2).unwrap();
        assert_eq!(UnitRows::new(rows), Err(GeometryError::ZeroRow { row: 1 }));
    }
}
