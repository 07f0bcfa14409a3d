//! The product of a block of rows with itself, by fused multiply-adds.
//!
//! An accumulator that stays between two powers of two has steps of one size, so adding
//! a product to it (one fused multiply-add, rounded once) rounds that product to the
//! step: the sum is exact from there on, whatever came before. Its bits, read as a whole
//! number, count the steps.

use std::array::from_fn;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

use super::source::Source;
use super::squares::{SQUARE, corners};

/// Rows whose sum surely stays between the two powers of two: values are below one.
pub(super) const BLOCK: usize = 128;
/// Columns of a panel: one AVX-512 register.
const LANES: usize = 8;
/// Bits below the scales that are kept of a product.
pub(super) const BITS: i32 = 44;

/// Midway between 256 and 512, where the step is `2^-44`.
const START: f64 = 1.5 * (2 * BLOCK) as f64;

/// Eight neighbours of one row, in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line([f64; LANES]);

/// Rows by blocks; a block by panels of 8 columns, `[blocks, panels, BLOCK]` lines.
pub(super) struct Packed {
    lines: Vec<Line>,
    padded: usize,
    blocks: usize,
}

impl Packed {
    /// Room for so many blocks, none of which is in use yet.
    pub(super) fn with_room(blocks: usize, padded: usize) -> Self {
        let lines = blocks * BLOCK * padded / LANES;
        Self {
            lines: vec![Line([0.0; LANES]); lines],
            padded,
            blocks: 0,
        }
    }

    /// The first blocks, to be overwritten.
    pub(super) fn begin(
        &mut self,
        blocks: usize,
    ) -> impl IndexedParallelIterator<Item = &mut [Line]> {
        self.blocks = blocks;
        let size = self.block_len();
        self.lines[..blocks * size].par_chunks_exact_mut(size)
    }

    fn iter(&self) -> impl Iterator<Item = &[Line]> {
        let blocks = self.lines.chunks_exact(self.block_len());
        blocks.take(self.blocks)
    }

    fn block_len(&self) -> usize {
        BLOCK * self.padded / LANES
    }
}

/// Puts rows into blocks; behind the last row there are zeros.
pub(super) fn pack(packed: &mut Packed, source: Source<'_>) {
    let arch = Arch::new();
    let blocks = packed.begin(source.rows.len().div_ceil(BLOCK));
    blocks
        .zip(source.rows.par_chunks(BLOCK))
        .for_each(|(block, rows)| {
            let source = source.part(rows);
            arch.dispatch(Fill { block, source });
        });
}

/// Rows on their way into a block.
struct Fill<'a> {
    block: &'a mut [Line],
    source: Source<'a>,
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { block, source } = self;
        for (panel, lines) in block.chunks_exact_mut(BLOCK).enumerate() {
            let (lines, rest) = lines.split_at_mut(source.rows.len());
            let lines = lines.iter_mut().zip(source.rows);
            let first = panel * LANES;
            match source.run::<LANES>(first) {
                Some(run) => lines.for_each(|(line, row)| {
                    let scale = source.scale(*row, first);
                    line.0 = run.of(*row).map(|value| odd(scale.of(value)));
                }),
                None => lines.for_each(|(line, row)| {
                    line.0 = from_fn(|lane| odd(source.scaled(*row, first + lane)));
                }),
            }
            rest.fill(Line([0.0; LANES]));
        }
    }
}

/// Sets the last bit, so that no product can ever lie half-way between two steps of a grid.
///
/// A value half-way is rounded to the *even* sum, and which that is depends on what was
/// added before. The product of two numbers that end in a one ends in a one too, far below
/// any half-way point; the value moves by `2^-52` of itself.
#[inline(always)]
fn odd(value: f64) -> f64 {
    if value == 0.0 {
        0.0
    } else {
        f64::from_bits(value.to_bits() | 1)
    }
}

/// Adds the products of all pairs of columns `i <= j`, in steps; see
/// [`place`](super::squares::place).
pub(super) fn add_products(packed: &Packed, products: &mut [i64]) {
    let arch = Arch::new();
    let corners: Vec<(usize, usize)> = corners(packed.padded).collect();
    let squares = products.par_chunks_exact_mut(SQUARE * SQUARE).zip(corners);
    squares.with_max_len(1).for_each(|(out, corner)| {
        arch.dispatch(Square {
            packed,
            corner,
            out,
        });
    });
}

/// A few columns against as many.
struct Square<'a> {
    packed: &'a Packed,
    corner: (usize, usize),
    out: &'a mut [i64],
}

impl WithSimd for Square<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F64_LANES {
            8 => self.run::<S, 8, 2>(simd), // 16 accumulators of 32 registers
            4 => self.run::<S, 4, 2>(simd), // 8 of 16
            2 => self.run::<S, 2, 4>(simd),
            _ => self.run::<S, 1, 8>(simd),
        }
    }
}

impl Square<'_> {
    /// Tiles of `M` rows and `V` registers.
    #[inline(always)]
    fn run<S: Simd, const M: usize, const V: usize>(self, simd: S) {
        let (first, left) = self.corner;
        let columns = V * S::F64_LANES;
        let end = |start: usize| self.packed.padded.min(start + SQUARE);
        for block in self.packed.iter() {
            for column in (left..end(left)).step_by(columns) {
                // What lies below the diagonal is the mirror of what is computed.
                let rows = first..end(first).min(column + columns);
                let out = &mut self.out[column - left..];
                strip::<S, M, V>(simd, block, (rows, column), out);
            }
        }
    }
}

/// Some rows of a square against the `V` registers from a column on.
#[inline(always)]
fn strip<S: Simd, const M: usize, const V: usize>(
    simd: S,
    block: &[Line],
    (rows, column): (Range<usize>, usize),
    out: &mut [i64],
) {
    let first = rows.start;
    for row in rows.step_by(M) {
        let left = (panel(block, row), row % LANES);
        let tile = tile::<S, M, V>(simd, left, block, column);
        for (m, tile) in tile.iter().enumerate() {
            let start = (row + m - first) * SQUARE;
            drain::<S>(tile, &mut out[start..start + V * S::F64_LANES]);
        }
    }
}

/// Eight columns of a block.
#[inline(always)]
fn panel(block: &[Line], column: usize) -> &[Line] {
    let first = column / LANES * BLOCK;
    &block[first..first + BLOCK]
}

/// `M` columns from a lane of a panel on, against the `V` registers from a column on.
#[inline(always)]
fn tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    (left, lane): (&[Line], usize),
    block: &[Line],
    column: usize,
) -> [[S::f64s; V]; M] {
    let column = |v: usize| column + v * S::F64_LANES;
    let right: [&[Line]; V] = from_fn(|v| panel(block, column(v)));
    let inside: [usize; V] = from_fn(|v| column(v) % LANES / S::F64_LANES);
    let mut total = [[simd.splat_f64s(START); V]; M];
    for (k, left) in left.iter().enumerate() {
        let right: [S::f64s; V] = from_fn(|v| bytemuck::cast_slice(&right[v][k].0)[inside[v]]);
        for (m, total) in total.iter_mut().enumerate() {
            let left = simd.splat_f64s(left.0[lane + m]);
            for (total, right) in total.iter_mut().zip(right) {
                *total = simd.mul_add_f64s(left, right, *total);
            }
        }
    }
    total
}

#[inline(always)]
fn drain<S: Simd>(tile: &[S::f64s], out: &mut [i64]) {
    let values: &[f64] = bytemuck::cast_slice(tile);
    for (out, value) in out.iter_mut().zip(values) {
        *out += steps(*value);
    }
}

/// How many steps an accumulator has moved.
#[inline(always)]
fn steps(total: f64) -> i64 {
    (total.to_bits() as i64).wrapping_sub(START.to_bits() as i64)
}
