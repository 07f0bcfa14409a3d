//! Rows of which only the direction counts.

use crate::{Embeddings, GeometryError};

/// Embeddings beside the length of every row, none of which is zero.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Directions, Embeddings};
/// let rows = Embeddings::new(vec![3.0, 4.0, 0.0, 2.0], 2)?;
/// let directions = Directions::of(rows)?;
/// assert_eq!(directions.lengths(), [5.0, 2.0]);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Directions {
    rows: Embeddings,
    lengths: Vec<f64>,
}

impl Directions {
    /// Measures every row, in f64.
    ///
    /// # Errors
    ///
    /// [`GeometryError::ZeroRow`] if a row has no direction.
    pub fn of(rows: Embeddings) -> Result<Self, GeometryError> {
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
        assert_eq!(Directions::of(rows), Err(GeometryError::ZeroRow { row: 1 }));
    }
}
