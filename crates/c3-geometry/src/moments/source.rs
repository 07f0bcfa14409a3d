//! Rows of one scale, or directions, on their way into sums, scaled to below one.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::scales::Scales;
use crate::Embeddings;

/// Bits below the scale that are kept of a value in the sums of columns.
pub(super) const BITS: i32 = 46;
/// Midway between 64 and 128, where the step is `2^-46`.
pub(super) const START: f64 = 96.0;

/// How many steps of `2^-46` a value below one has, rounded.
#[inline(always)]
fn steps(value: f64) -> i64 {
    (value + START).to_bits() as i64 - START.to_bits() as i64
}

/// Bits below one that are kept of a value of a direction.
pub(super) const DIRECTION_BITS: i32 = 30;
/// Midway between `2^22` and `2^23`, where the step is `2^-30`.
const DIRECTION_START: f64 = 1.5 * (1 << (52 - DIRECTION_BITS)) as f64;

/// Rows of one scale or directions, of one modality or of both side by side.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    sides: &'a [&'a Embeddings],
    factors: Factors<'a>,
    pub(super) rows: &'a [usize],
}

/// What brings values to below one.
#[derive(Clone, Copy)]
enum Factors<'a> {
    /// A power of two for each side.
    OfSides([f64; 2]),
    /// One over the length of each row, for each side.
    OfRows(&'a [Vec<f64>]),
}

/// What becomes of the values of a row, of one side.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    factor: f64,
    is_direction: bool,
}

impl Scale {
    /// The value below one; of a direction, in whole steps of `2^-30`.
    #[inline(always)]
    pub(super) fn of(self, value: f32) -> f64 {
        let value = f64::from(value) * self.factor;
        match self.is_direction {
            true => (value + DIRECTION_START) - DIRECTION_START,
            false => value,
        }
    }

    /// How many steps of `2^-30` a value of a direction has: the low bits, as the sign is carried.
    #[inline(always)]
    pub(super) fn direction_steps(self, value: f32) -> i32 {
        (f64::from(value) * self.factor + DIRECTION_START).to_bits() as i32
    }
}

impl<'a> Source<'a> {
    pub(super) fn new(sides: &'a [&'a Embeddings], scales: Scales, rows: &'a [usize]) -> Self {
        Self {
            sides,
            factors: Factors::OfSides(scales.factors()),
            rows,
        }
    }

    /// Directions of rows, one over the length of each row being known.
    pub(super) fn directions(
        sides: &'a [&'a Embeddings],
        inverses: &'a [Vec<f64>],
        rows: &'a [usize],
    ) -> Self {
        Self {
            sides,
            factors: Factors::OfRows(inverses),
            rows,
        }
    }

    /// Some of the rows.
    pub(super) fn part(self, rows: &'a [usize]) -> Self {
        Self { rows, ..self }
    }

    /// `N` columns from one on, if one modality holds them all.
    pub(super) fn run<const N: usize>(self, first: usize) -> Option<Run<'a, N>> {
        let dim = self.sides[0].dim();
        let (side, at) = (first / dim, first % dim);
        let values = self.sides.get(side).filter(|_| at + N <= dim)?;
        Some(Run { values, at })
    }

    /// A value of a row, the sides one after the other, and zeros behind them.
    pub(super) fn value(self, row: usize, column: usize) -> f32 {
        let (side, at) = (column / self.sides[0].dim(), column % self.sides[0].dim());
        self.sides
            .get(side)
            .map_or(0.0, |values| values.row(row)[at])
    }

    /// A value of a row, below one.
    #[inline(always)]
    pub(super) fn scaled(self, row: usize, column: usize) -> f64 {
        self.scale(row, column).of(self.value(row, column))
    }

    /// What becomes of the values of a row in that column, and its neighbours of the same side.
    #[inline(always)]
    pub(super) fn scale(self, row: usize, column: usize) -> Scale {
        let side = column / self.sides[0].dim();
        let (factor, is_direction) = match self.factors {
            Factors::OfSides(factors) => (factors.get(side).copied(), false),
            Factors::OfRows(inverses) => (inverses.get(side).map(|side| side[row]), true),
        };
        Scale {
            factor: factor.unwrap_or(1.0), // behind the last side there are zeros
            is_direction,
        }
    }

    /// What brings the values of a column to below one, if all rows share a scale.
    pub(super) fn factor(self, column: usize) -> f64 {
        let side = column / self.sides[0].dim();
        match self.factors {
            Factors::OfSides(factors) => factors.get(side).copied().unwrap_or(1.0),
            Factors::OfRows(_) => unreachable!("directions have a factor for each row"),
        }
    }

    /// What some rows hold, not only of these, in at most `n` pieces for each side.
    pub(super) fn pieces(self, rows: Range<usize>, n: usize) -> impl Iterator<Item = &'a [f32]> {
        self.sides.iter().flat_map(move |side| {
            let dim = side.dim();
            let values = &side.as_slice()[rows.start * dim..rows.end * dim];
            values.chunks(values.len().div_ceil(n).max(1))
        })
    }

    /// Adds the sum of every column, in steps of [`BITS`].
    pub(super) fn add_sums(self, sums: &mut [i64]) {
        Arch::new().dispatch(Sums { source: self, sums });
    }
}

/// `N` neighbouring columns of one modality.
#[derive(Clone, Copy)]
pub(super) struct Run<'a, const N: usize> {
    values: &'a Embeddings,
    at: usize,
}

impl<'a, const N: usize> Run<'a, N> {
    #[inline(always)]
    pub(super) fn of(self, row: usize) -> &'a [f32; N] {
        let values = self.values.row(row)[self.at..].first_chunk();
        values.expect("the columns lie inside the row")
    }
}

/// All columns, summed up.
struct Sums<'a> {
    source: Source<'a>,
    sums: &'a mut [i64],
}

impl WithSimd for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Source { sides, rows, .. } = self.source;
        let dim = sides[0].dim();
        let sums = self.sums.chunks_mut(dim);
        for ((side, values), sums) in sides.iter().enumerate().zip(sums) {
            for row in rows {
                let scale = self.source.scale(*row, side * dim);
                let values = sums.iter_mut().zip(values.row(*row));
                values.for_each(|(sum, value)| *sum += steps(scale.of(*value)));
            }
        }
    }
}
