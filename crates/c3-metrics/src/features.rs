//! Rows of numbers that an encoder made: embeddings, features or logits.

use crate::MetricError;

/// Rows of equal width, every value finite; borrowed from whoever made them.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Features<'a> {
    /// Takes rows that follow each other in `values`, `width` values each.
    ///
    /// # Errors
    ///
    /// - [`MetricError::NotRows`] if `values` are not whole rows, or none.
    /// - [`MetricError::NotFinite`] if a value is NaN or infinite.
    ///
    /// # Examples
    ///
    /// ```
    /// # use c3_metrics::Features;
    /// let features = Features::new(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2)?;
    /// assert_eq!((features.len(), features.width()), (3, 2));
    /// let error = Features::new(&[1.0, f32::NAN], 2).unwrap_err();
    /// assert_eq!(error.to_string(), "value at row 0, column 1 is not finite");
    /// # Ok::<_, c3_metrics::MetricError>(())
    /// ```
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, MetricError> {
        if width == 0 || values.is_empty() || !values.len().is_multiple_of(width) {
            let values = values.len();
            return Err(MetricError::NotRows { values, width });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(MetricError::NotFinite {
                row: at / width,
                column: at % width,
            }),
            None => Ok(Self { values, width }),
        }
    }

    /// How many rows there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is at least one row")]
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Values of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows, in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'a, f32> {
        self.values.chunks_exact(self.width)
    }

    /// The row at `index`.
    pub(crate) fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Says what is wrong with two sets that should lie in one space.
    pub(crate) fn same_width(&self, other: &Features<'_>) -> Result<(), MetricError> {
        let (left, right) = (self.width, other.width);
        if left == right {
            Ok(())
        } else {
            Err(MetricError::WidthMismatch { left, right })
        }
    }
}

/// The sum of products, in f64.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f64 {
    let pairs = left.iter().zip(right);
    pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_whole_rows_are_refused() {
        for (values, width) in [(&[1.0, 2.0, 3.0][..], 2), (&[], 2), (&[1.0], 0)] {
            let error = Features::new(values, width).unwrap_err();
            let expected = format!("{} values are not rows of {width}", values.len());
            assert_eq!(error.to_string(), expected);
        }
    }
}
