//! Counts, means and covariances that add up to the same bits in any order.
//!
//! A sum of floating-point numbers depends on its order. These sums do not: every
//! row has a scale of its own, a power of two that only its largest value decides,
//! and what it adds is a whole number of steps of a grid that only that scale decides.
//! Whole numbers may be added in any order, split over any shards and any number of
//! threads. There are two ways to come by them, `digits` where the processor has tiles
//! and `fused` everywhere. A product moves by at most `2^-43` of the product of the
//! scales, so by far less than what the data itself can tell.

mod bin;
mod digits;
mod fused;
mod scales;
mod source;
mod squares;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use rayon::prelude::*;

pub use state::{BinState, MomentsState};

use crate::gap::{at_least, same_width};
use crate::{Embeddings, GeometryError, UnitRows};
use bin::{Bin, Way};
use scales::Scales;
use source::Source;

/// Rows that are sorted by their scales at once: they are still in the cache when multiplied.
const ROWS_AT_ONCE: usize = 8192;

/// Which side of the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first modality, and the only one of unpaired moments.
    X,
    /// The second modality.
    Y,
}

/// Count, mean, covariance and cross-covariance of rows seen so far.
///
/// Memory is `O(d^2)` whatever the number of rows. Shards in any order, merged in
/// any tree, on any number of threads, give the same bits on processors of one kind; see
/// [`Moments::portable`] for clusters of several kinds.
///
/// `covariance = sum (x - mean) (x - mean)^T / (n - 1)`.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, Moments, Side};
/// let first = Embeddings::new(vec![1.0, 0.0, 3.0, 2.0], 2)?;
/// let second = Embeddings::new(vec![5.0, 1.0], 2)?;
/// let mut here = Moments::unpaired(2);
/// here.add(&first)?;
/// let mut there = Moments::unpaired(2);
/// there.add(&second)?;
/// there.merge(&here)?; // in either order
/// assert_eq!(there.rows(), 3);
/// assert_eq!(there.mean(Side::X)?, [3.0, 1.0]);
/// assert!((there.covariance(Side::X)?[[0, 0]] - 4.0).abs() < 1e-9);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Moments {
    dim: usize,
    paired: bool,
    way: Way,
    bins: BTreeMap<Scales, Bin>,
}

impl Moments {
    /// Moments of one modality of width `dim`, of no rows yet.
    #[must_use]
    pub fn unpaired(dim: usize) -> Self {
        Self {
            dim,
            paired: false,
            way: Way::best(),
            bins: BTreeMap::new(),
        }
    }

    /// Moments of pairs of rows of width `dim` each, of no pairs yet.
    #[must_use]
    pub fn paired(dim: usize) -> Self {
        Self {
            paired: true,
            ..Self::unpaired(dim)
        }
    }

    /// Multiplies from here on as every processor can.
    ///
    /// Processors with byte products in tiles (Intel's AMX) use them, and their sums of products
    /// differ in the last bits from those of others. This makes them the same on a cluster of
    /// both kinds, at the speed of the others. Counts and means never differ.
    #[must_use]
    pub fn portable(mut self) -> Self {
        self.bins.values_mut().for_each(Bin::spill);
        self.way = Way::Fused;
        self
    }

    /// Width of a row of one modality, `d`.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether these are moments of pairs.
    #[must_use]
    pub fn is_paired(&self) -> bool {
        self.paired
    }

    /// Rows, or pairs of rows, seen so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.bins.values().map(Bin::rows).sum()
    }

    /// Adds the rows of `x`, `[n, d]`.
    ///
    /// # Errors
    ///
    /// [`GeometryError::WidthMismatch`]; [`GeometryError::Unpaired`] if these are moments of
    /// pairs.
    pub fn add(&mut self, x: &Embeddings) -> Result<(), GeometryError> {
        self.check_single(x)?;
        self.take(&[x]);
        Ok(())
    }

    /// Adds pairs: row `i` of `x` with row `i` of `y`, `[n, d]` each.
    ///
    /// # Errors
    ///
    /// [`GeometryError::WidthMismatch`]; [`GeometryError::Unpaired`] if the numbers of rows
    /// differ, or these are moments of one modality.
    pub fn add_pairs(&mut self, x: &Embeddings, y: &Embeddings) -> Result<(), GeometryError> {
        self.check_pairs(x, y)?;
        self.take(&[x, y]);
        Ok(())
    }

    /// Adds the rows of `x`, `[n, d]`, at unit length.
    ///
    /// Every value, computed in f64, is rounded to a whole number of steps of `2^-30`: four times
    /// finer than f32 is where `d` is 512, as fine where it is 4096. As [`Moments::add`] of
    /// [`Embeddings::into_unit_length`], but for that rounding, and about twice as fast.
    ///
    /// # Errors
    ///
    /// As [`Moments::add`].
    pub fn add_unit_rows(&mut self, x: &UnitRows) -> Result<(), GeometryError> {
        self.check_single(x.rows())?;
        self.take_directions(&[x]);
        Ok(())
    }

    /// Adds pairs at unit length: row `i` of `x` with row `i` of `y`, `[n, d]` each, as
    /// [`Moments::add_unit_rows`] does.
    ///
    /// # Errors
    ///
    /// As [`Moments::add_pairs`].
    pub fn add_unit_pairs(&mut self, x: &UnitRows, y: &UnitRows) -> Result<(), GeometryError> {
        self.check_pairs(x.rows(), y.rows())?;
        self.take_directions(&[x, y]);
        Ok(())
    }

    /// Adds what other moments have seen.
    ///
    /// # Errors
    ///
    /// [`GeometryError::WidthMismatch`]; [`GeometryError::Unpaired`] if only one of them is of
    /// pairs.
    pub fn merge(&mut self, other: &Self) -> Result<(), GeometryError> {
        let (left, right) = (self.dim, other.dim);
        if left != right {
            return Err(GeometryError::WidthMismatch { left, right });
        }
        if self.paired != other.paired {
            let count = |moments: &Self| usize::try_from(moments.rows()).unwrap_or(usize::MAX);
            let (left, right) = (count(self), count(other));
            return Err(GeometryError::Unpaired { left, right });
        }
        for (scales, bin) in &other.bins {
            self.bins
                .entry(*scales)
                .or_insert_with(|| Bin::new(bin.width()))
                .merge(bin);
        }
        Ok(())
    }

    /// The mean row of one side, `[d]`.
    ///
    /// # Errors
    ///
    /// [`GeometryError::TooFewRows`] without rows.
    pub fn mean(&self, side: Side) -> Result<Vec<f64>, GeometryError> {
        let n = self.count(1)?;
        let first = self.offset(side);
        Ok((first..first + self.dim)
            .map(|at| self.sum(at) / n)
            .collect())
    }

    /// The covariance of one side, `[d, d]`, in the squared unit of the embeddings.
    ///
    /// # Errors
    ///
    /// [`GeometryError::TooFewRows`] below two rows.
    pub fn covariance(&self, side: Side) -> Result<Array2<f64>, GeometryError> {
        Ok(not_below_zero(self.block(side, side)?))
    }

    /// The covariance of `x` (rows) with `y` (columns), `[d, d]`.
    ///
    /// # Errors
    ///
    /// [`GeometryError::TooFewRows`] below two pairs, or if these moments are of one modality.
    pub fn cross_covariance(&self) -> Result<Array2<f64>, GeometryError> {
        if !self.paired {
            return Err(GeometryError::TooFewRows {
                needed: 2,
                found: 0,
            });
        }
        self.block(Side::X, Side::Y)
    }

    /// The covariance of the difference `x - y`, `[d, d]`: of the alignment noise.
    ///
    /// # Errors
    ///
    /// As [`Moments::cross_covariance`].
    pub fn residual_covariance(&self) -> Result<Array2<f64>, GeometryError> {
        let cross = self.cross_covariance()?;
        // As they are rounded, so that equal rows leave nothing at all.
        let (x, y) = (self.block(Side::X, Side::X)?, self.block(Side::Y, Side::Y)?);
        Ok(not_below_zero(&x + &y - &cross - cross.t()))
    }

    fn block(&self, left: Side, right: Side) -> Result<Array2<f64>, GeometryError> {
        let n = self.count(2)?;
        let (left, right) = (self.offset(left), self.offset(right));
        let sums: Vec<f64> = (0..self.width()).map(|at| self.sum(at)).collect();
        let value = |(row, column): (usize, usize)| {
            let (i, j) = (left + row, right + column);
            let (i, j) = (i.min(j), i.max(j));
            // The product of the sums is exact as a pair of numbers, so nothing else is lost.
            let (product, mean) = (self.product(i, j), sums[j] / n);
            let high = sums[i] * mean;
            let low = sums[i].mul_add(mean, -high);
            ((product - high) - low) / (n - 1.0)
        };
        let mut block = Array2::zeros((self.dim, self.dim));
        let rows = block.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        rows.for_each(|(row, mut out)| {
            let columns = out.iter_mut().enumerate();
            columns.for_each(|(column, out)| *out = value((row, column)));
        });
        Ok(block)
    }

    fn take(&mut self, sides: &[&Embeddings]) {
        if let Way::Digits(tiles) = self.way {
            return stream::add(tiles, sides, &mut self.bins);
        }
        let width = self.width();
        let n = sides[0].len();
        for start in (0..n).step_by(ROWS_AT_ONCE) {
            let rows = start..n.min(start + ROWS_AT_ONCE);
            for (scales, rows) in scales::sort(sides, rows) {
                self.bins
                    .entry(scales)
                    .or_insert_with(|| Bin::new(width))
                    .add_fused(Source::new(sides, scales, &rows));
            }
        }
    }

    fn take_directions(&mut self, sides: &[&UnitRows]) {
        let width = self.width();
        let inverse = |side: &&UnitRows| side.lengths().iter().map(|length| 1.0 / length).collect();
        let inverses: Vec<Vec<f64>> = sides.iter().map(inverse).collect();
        let rows: Vec<&Embeddings> = sides.iter().map(|side| side.rows()).collect();
        let all: Vec<usize> = (0..rows[0].len()).collect();
        let source = Source::directions(&rows, &inverses, &all);
        let scales = Scales::default();
        let bin = self.bins.entry(scales).or_insert_with(|| Bin::new(width));
        match self.way {
            Way::Digits(tiles) => stream::add_directions(tiles, source, bin),
            Way::Fused => bin.add_fused(source),
        }
    }

    fn sum(&self, at: usize) -> f64 {
        let part = |(scales, bin): (&Scales, &Bin)| bin.sum(at) as f64 * scales.step(at / self.dim);
        self.bins.iter().map(part).sum()
    }

    fn product(&self, i: usize, j: usize) -> f64 {
        let part = |(scales, bin): (&Scales, &Bin)| {
            bin.product(i, j) as f64 * scales.product_step(i / self.dim, j / self.dim)
        };
        self.bins.iter().map(part).sum()
    }

    fn count(&self, needed: usize) -> Result<f64, GeometryError> {
        let rows = self.rows();
        at_least(needed, usize::try_from(rows).unwrap_or(usize::MAX))?;
        Ok(rows as f64)
    }

    fn width(&self) -> usize {
        self.dim * if self.paired { 2 } else { 1 }
    }

    fn offset(&self, side: Side) -> usize {
        match side {
            Side::Y if self.paired => self.dim,
            Side::X | Side::Y => 0,
        }
    }

    fn check_single(&self, x: &Embeddings) -> Result<(), GeometryError> {
        self.check_width(x)?;
        match self.paired {
            true => Err(GeometryError::Unpaired {
                left: x.len(),
                right: 0,
            }),
            false => Ok(()),
        }
    }

    fn check_pairs(&self, x: &Embeddings, y: &Embeddings) -> Result<(), GeometryError> {
        same_width(x, y)?;
        self.check_width(x)?;
        let (left, right) = (x.len(), y.len());
        match left == right && self.paired {
            true => Ok(()),
            false => Err(GeometryError::Unpaired { left, right }),
        }
    }

    fn check_width(&self, x: &Embeddings) -> Result<(), GeometryError> {
        let (left, right) = (self.dim, x.dim());
        if left == right {
            Ok(())
        } else {
            Err(GeometryError::WidthMismatch { left, right })
        }
    }
}

impl PartialEq for Moments {
    /// Whether they say the same, however rows to come will be multiplied.
    fn eq(&self, other: &Self) -> bool {
        (self.dim, self.paired) == (other.dim, other.paired) && self.bins == other.bins
    }
}

/// Of a constant dimension only rounding is left, and that may be below zero.
fn not_below_zero(mut covariance: Array2<f64>) -> Array2<f64> {
    let mut variances = covariance.diag_mut();
    variances.mapv_inplace(|variance| variance.max(0.0));
    covariance
}
