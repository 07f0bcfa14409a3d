//! The product of a block of rows with itself, on the grid.
//!
//! An accumulator that stays between two powers of two has steps of one size, so adding
//! a product to it (one fused multiply-add, rounded once) rounds that product to the
//! step: the sum is exact from there on, whatever came before. Its bits, read as a whole
//! number, count the steps.

use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

/// Rows whose sum surely stays between the two powers of two: values are below one.
pub(super) const BLOCK: usize = 128;
/// Columns of a panel: one AVX-512 register.
pub(super) const LANES: usize = 8;
/// Columns of a tile of the result: widths are padded to it.
pub(super) const TILE: usize = 2 * LANES;
/// Panels of one task, so that what it streams is used several times from the cache.
const PANELS_PER_TASK: usize = 4;

/// Midway between 256 and 512, where the step is `2^-44`.
const START: f64 = 1.5 * (2 * BLOCK) as f64;

/// Rows by blocks; a block by panels of 8 columns, `[blocks, panels, BLOCK, LANES]`.
pub(super) struct Packed {
    pub(super) values: Vec<f64>,
    padded: usize,
}

impl Packed {
    pub(super) fn zeros(blocks: usize, padded: usize) -> Self {
        let values = vec![0.0; blocks * BLOCK * padded];
        Self { values, padded }
    }

    pub(super) fn block_len(&self) -> usize {
        BLOCK * self.padded
    }

    pub(super) fn blocks(&self) -> u32 {
        u32::try_from(self.values.len() / self.block_len()).expect("few blocks at once")
    }
}

/// Adds the sum of every column, in steps.
pub(super) fn add_sums(packed: &Packed, sums: &mut [i64]) {
    for block in packed.values.chunks_exact(packed.block_len()) {
        let panels = block
            .chunks_exact(BLOCK * LANES)
            .zip(sums.chunks_exact_mut(LANES));
        for (panel, sums) in panels {
            let totals = column_sums(panel);
            sums.iter_mut()
                .zip(totals)
                .for_each(|(sum, total)| *sum += steps(total));
        }
    }
}

/// Accumulators of the columns of a panel.
fn column_sums(panel: &[f64]) -> [f64; LANES] {
    let mut total = [START; LANES];
    for row in panel.chunks_exact(LANES) {
        total
            .iter_mut()
            .zip(row)
            .for_each(|(total, value)| *total += value);
    }
    total
}

/// Adds the products of all pairs of columns `i <= j`, in steps; `[padded, padded]`.
pub(super) fn add_products(packed: &Packed, products: &mut [i64]) {
    let padded = packed.padded;
    let arch = Arch::new();
    products
        .par_chunks_mut(PANELS_PER_TASK * LANES * padded)
        .enumerate()
        .for_each(|(task, out)| {
            arch.dispatch(Task {
                packed,
                first: task * PANELS_PER_TASK,
                out,
            });
        });
}

/// A few panels of columns against all that do not come before them.
struct Task<'a> {
    packed: &'a Packed,
    first: usize,
    out: &'a mut [i64],
}

impl WithSimd for Task<'_> {
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

impl Task<'_> {
    /// Tiles of `M` rows and `V` registers.
    #[inline(always)]
    fn run<S: Simd, const M: usize, const V: usize>(self, simd: S) {
        let Self { packed, first, out } = self;
        let padded = packed.padded;
        let columns = V * S::F64_LANES;
        for block in packed.values.chunks_exact(packed.block_len()) {
            // Panels before the first task's own are the mirror of what others compute.
            let start = (first * LANES / TILE) * TILE;
            for column in (start..padded).step_by(columns) {
                strip::<S, M, V>(simd, block, (first * LANES, column), out);
            }
        }
    }
}

/// All rows of a task against a few columns.
#[inline(always)]
fn strip<S: Simd, const M: usize, const V: usize>(
    simd: S,
    block: &[f64],
    (first, column): (usize, usize),
    out: &mut [i64],
) {
    let (padded, columns) = (block.len() / BLOCK, V * S::F64_LANES);
    for (at, rows) in out.chunks_exact_mut(M * padded).enumerate() {
        let row = first + at * M;
        if column + columns <= row {
            continue; // the mirror of what another task computes
        }
        let tile = tile::<S, M, V>(simd, block, row, column);
        for (m, tile) in tile.iter().enumerate() {
            let place = m * padded + column;
            drain::<S>(tile, &mut rows[place..place + columns]);
        }
    }
}

#[inline(always)]
fn tile<S: Simd, const M: usize, const V: usize>(
    simd: S,
    block: &[f64],
    row: usize,
    column: usize,
) -> [[S::f64s; V]; M] {
    let per_panel = LANES / S::F64_LANES;
    let panel = |column: usize| {
        let first = column / LANES * BLOCK * LANES;
        &block[first..first + BLOCK * LANES]
    };
    let lane = row % LANES;
    let left = panel(row).chunks_exact(LANES);
    let right: [&[S::f64s]; V] =
        std::array::from_fn(|v| bytemuck::cast_slice(panel(column + v * S::F64_LANES)));
    let inside: [usize; V] =
        std::array::from_fn(|v| (column + v * S::F64_LANES) % LANES / S::F64_LANES);
    let mut total = [[simd.splat_f64s(START); V]; M];
    for (k, left) in left.enumerate() {
        let right: [S::f64s; V] = std::array::from_fn(|v| right[v][k * per_panel + inside[v]]);
        for m in 0..M {
            let left = simd.splat_f64s(left[lane + m]);
            for v in 0..V {
                total[m][v] = simd.mul_add_f64s(left, right[v], total[m][v]);
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
