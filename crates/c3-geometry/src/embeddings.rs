//! A batch of points of one embedding space: the noun that crosses every wall.

use ndarray::{Array2, ArrayView2, Axis};
use pulp::Arch;
use rayon::prelude::*;

use crate::GeometryError;

/// Rows summed, or values looked at, by one task. Fixed, so that a mean has the same bits on any
/// number of threads.
const ROWS_PER_BLOCK: usize = 1024;

/// A batch of embeddings of one space, `[n, d]`.
///
/// Every value is finite and every row has the same width, by construction; a
/// batch may have no rows, but never a width of zero.
///
/// # Examples
///
/// ```
/// # use c3_geometry::Embeddings;
/// let batch = Embeddings::new(vec![3.0, 4.0, 0.0, 2.0], 2)?;
/// assert_eq!((batch.len(), batch.dim()), (2, 2));
/// assert_eq!(batch.mean(), [1.5, 3.0]);
/// assert_eq!(batch.to_unit_length()?.row(0), [0.6, 0.8]);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    rows: Array2<f32>, // standard layout, always
}

impl Embeddings {
    /// Cuts a flat list, row after row, into rows of width `dim`.
    ///
    /// # Errors
    ///
    /// [`GeometryError::RaggedRows`] if the list does not cut evenly (or `dim`
    /// is zero), [`GeometryError::NotFinite`] naming the first bad value.
    pub fn new(values: Vec<f32>, dim: usize) -> Result<Self, GeometryError> {
        let ragged = GeometryError::RaggedRows {
            values: values.len(),
            dim,
        };
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(ragged);
        }
        let rows = Array2::from_shape_vec((values.len() / dim, dim), values).map_err(|_| ragged)?;
        Self::from_array(rows)
    }

    /// Takes an array `[n, d]`.
    ///
    /// # Errors
    ///
    /// As [`Embeddings::new`].
    pub fn from_array(rows: Array2<f32>) -> Result<Self, GeometryError> {
        let dim = rows.ncols();
        if dim == 0 {
            return Err(GeometryError::RaggedRows {
                values: rows.len(),
                dim,
            });
        }
        let rows = if rows.is_standard_layout() {
            rows
        } else {
            rows.as_standard_layout().into_owned()
        };
        let batch = Self { rows };
        match batch.first_not_finite() {
            Some(at) => Err(GeometryError::NotFinite {
                row: at / dim,
                column: at % dim,
            }),
            None => Ok(batch),
        }
    }

    fn first_not_finite(&self) -> Option<usize> {
        let arch = Arch::new();
        let blocks = self.as_slice().par_chunks(ROWS_PER_BLOCK).enumerate();
        let found = blocks.filter_map(|(block, values)| {
            let whole = arch.dispatch(|| all_finite(values));
            let at = || values.iter().position(|value| !value.is_finite());
            (!whole).then(at)?.map(|at| block * ROWS_PER_BLOCK + at)
        });
        found.min()
    }

    /// Width of a row, `d`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.rows.ncols()
    }

    /// Number of rows, `n`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.nrows()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.nrows() == 0
    }

    /// One row, `[d]`.
    ///
    /// # Panics
    ///
    /// If there is no row `index`.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        let dim = self.dim();
        &self.as_slice()[index * dim..(index + 1) * dim]
    }

    /// The rows in order, each `[d]`.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.as_slice().chunks_exact(self.dim())
    }

    /// The whole batch as an `ndarray` view, `[n, d]`.
    #[must_use]
    pub fn view(&self) -> ArrayView2<'_, f32> {
        self.rows.view()
    }

    /// The whole batch as one list, row after row, `[n * d]`.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        self.rows
            .as_slice()
            .expect("kept in standard layout by construction")
    }

    /// Gives the array away, `[n, d]`.
    #[must_use]
    pub fn into_array(self) -> Array2<f32> {
        self.rows
    }

    /// The chosen rows, in the order asked for; a row may be asked for twice.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            rows: self.rows.select(Axis(0), indices),
        }
    }

    /// The mean row, `[d]`, summed in f64; zeros when there are no rows.
    ///
    /// The bits do not depend on the number of threads.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        let blocks: Vec<Vec<f64>> = self
            .rows
            .axis_chunks_iter(Axis(0), ROWS_PER_BLOCK)
            .into_par_iter()
            .map(|block| sum_rows(&block))
            .collect();
        let mut sum = vec![0.0; self.dim()];
        for block in &blocks {
            sum.iter_mut()
                .zip(block)
                .for_each(|(total, part)| *total += part);
        }
        let n = self.len().max(1) as f64;
        sum.iter().map(|total| total / n).collect()
    }

    /// Mean squared length of the rows, `E ||e||^2`, in f64; zero when there are none.
    #[must_use]
    pub fn mean_squared_length(&self) -> f64 {
        let total: f64 = self.rows().map(squared_length).sum();
        total / self.len().max(1) as f64
    }

    /// Every row divided by its length, `[n, d]`.
    ///
    /// # Errors
    ///
    /// [`GeometryError::ZeroRow`] if a row has no direction.
    pub fn to_unit_length(&self) -> Result<Self, GeometryError> {
        self.clone().into_unit_length()
    }

    /// As [`Embeddings::to_unit_length`], in place.
    ///
    /// # Errors
    ///
    /// As [`Embeddings::to_unit_length`].
    pub fn into_unit_length(self) -> Result<Self, GeometryError> {
        self.into_directions().map(|(directions, _)| directions)
    }

    /// Every row divided by its length, `[n, d]`, in place, and the lengths, `[n]`, in f64.
    ///
    /// # Errors
    ///
    /// As [`Embeddings::to_unit_length`].
    pub fn into_directions(mut self) -> Result<(Self, Vec<f64>), GeometryError> {
        let arch = Arch::new();
        let rows = self.rows.axis_iter_mut(Axis(0)).into_par_iter();
        let lengths = rows.map(|mut row| {
            let row = row.as_slice_mut().expect("kept in standard layout");
            arch.dispatch(|| bring_to_unit_length(row))
        });
        let lengths: Vec<f64> = lengths.collect();
        match lengths.iter().position(|length| *length == 0.0) {
            Some(row) => Err(GeometryError::ZeroRow { row }),
            // No value is larger than the length of its row, so all of them stay finite.
            None => Ok((self, lengths)),
        }
    }

    /// The length of every row, `[n]`, in f64.
    #[must_use]
    pub fn lengths(&self) -> Vec<f64> {
        let arch = Arch::new();
        let rows = self.as_slice().par_chunks_exact(self.dim());
        rows.map(|row| arch.dispatch(|| squared_length(row)).sqrt())
            .collect()
    }
}

fn sum_rows(block: &ArrayView2<'_, f32>) -> Vec<f64> {
    let mut sum = vec![0.0; block.ncols()];
    for row in block.outer_iter() {
        sum.iter_mut()
            .zip(row)
            .for_each(|(total, value)| *total += f64::from(*value));
    }
    sum
}

/// Without a way out in the middle, the loop runs in vectors.
#[inline(always)]
fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(true, |all, v| all & v.is_finite())
}

/// Divides a row by its length, which it returns.
#[inline(always)]
fn bring_to_unit_length(row: &mut [f32]) -> f64 {
    let length = squared_length(row).sqrt();
    let factor = 1.0 / length;
    row.iter_mut()
        .for_each(|value| *value = (f64::from(*value) * factor) as f32);
    length
}

/// Summed in eight places at once, so that it takes vectors; the order is fixed, and nothing is
/// fused, so the bits are those of every processor.
#[inline(always)]
fn squared_length(row: &[f32]) -> f64 {
    let (eights, rest) = row.as_chunks::<8>();
    let mut total = [0.0; 8];
    for values in eights {
        for (total, value) in total.iter_mut().zip(values) {
            *total += f64::from(*value) * f64::from(*value);
        }
    }
    let rest = rest.iter().map(|value| f64::from(*value).powi(2));
    total.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_finite_names_its_place() {
        let error = Embeddings::new(vec![0.0, 1.0, 2.0, f32::NAN], 2).unwrap_err();
        assert_eq!(error, GeometryError::NotFinite { row: 1, column: 1 });
    }

    #[test]
    fn a_list_that_does_not_cut_evenly_is_refused() {
        let error = Embeddings::new(vec![0.0; 5], 2).unwrap_err();
        assert_eq!(error, GeometryError::RaggedRows { values: 5, dim: 2 });
        assert!(Embeddings::new(vec![], 0).is_err());
    }

    #[test]
    fn a_transposed_array_keeps_its_rows() {
        let turned = Array2::from_shape_vec((2, 3), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let batch = Embeddings::from_array(turned.reversed_axes()).unwrap();
        assert_eq!(batch.row(1), [2.0, 5.0]);
    }

    #[test]
    fn a_row_without_direction_cannot_have_unit_length() {
        let batch = Embeddings::new(vec![1.0, 0.0, 0.0, 0.0], 2).unwrap();
        assert_eq!(
            batch.to_unit_length(),
            Err(GeometryError::ZeroRow { row: 1 })
        );
    }

    #[test]
    fn the_mean_does_not_depend_on_the_number_of_threads() {
        let values: Vec<f32> = (0..5000 * 3)
            .map(|i| ((i * 37 % 101) as f32).sin())
            .collect();
        let batch = Embeddings::new(values, 3).unwrap();
        let mean_on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| batch.mean())
        };
        assert_eq!(mean_on(1), mean_on(3));
        assert_ne!(mean_on(1), vec![0.0; 3]);
    }

    #[test]
    fn no_rows_have_a_mean_of_zeros() {
        assert_eq!(Embeddings::new(vec![], 2).unwrap().mean(), [0.0, 0.0]);
    }
}
