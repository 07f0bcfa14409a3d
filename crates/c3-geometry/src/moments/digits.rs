//! The product of a block of rows with itself, digit by digit.
//!
//! A value, scaled to below one, is a whole number of steps of `2^-46`, and that is six
//! balanced digits of base 256. Products of digits are summed in whole numbers, exactly; the
//! pairs of digits whose places count for less than `2^-52` are left out, which moves a
//! product by `2^-43` at most. What a row adds depends on that row alone, so the sums have
//! the same bits in any order.

use std::array::from_fn;
use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use super::source::Source;
use super::squares::{SQUARE, place};

#[cfg(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
))]
mod amx;
#[cfg(not(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
)))]
mod no_amx;

#[cfg(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
))]
pub(super) use amx::Tiles;
#[cfg(not(all(
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
)))]
pub(super) use no_amx::Tiles;

/// Bits below the scales that are kept of a product.
pub(super) const BITS: i32 = 52;
/// Rows of a block: their digits stay in the cache of a core.
pub(super) const BLOCK: usize = SLICES * SLICE;
/// Digits of a value.
const DIGITS: usize = 6;
/// Rows of a tile.
const SLICE: usize = 64;
/// Slices of a block.
const SLICES: usize = 4;
/// Columns of a tile.
const COLUMNS: usize = 16;

/// 64 rows of 16 columns, `[row / 4, column]` of four bytes, one for each of four rows; turned,
/// `[column, row / 4]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Tile([[u32; COLUMNS]; SLICE / 4]);

/// 64 rows of 16 columns as they came.
type Rows = [[f32; COLUMNS]; SLICE];

/// A tile for each digit, the highest first.
type Slice = [Tile; DIGITS];

/// Sums of products of 16 by 16 columns, by rank: the places of both digits together.
type Totals = [[[i32; COLUMNS]; COLUMNS]; DIGITS];

const NO_SLICE: Slice = [Tile([[0; COLUMNS]; SLICE / 4]); DIGITS];

thread_local! {
    /// Digits of the block in work, `[columns / 16, slices]`, kept from block to block.
    static ROOM: RefCell<Vec<Slice>> = const { RefCell::new(Vec::new()) };
}

/// Adds the products of all pairs of columns `i <= j` of at most [`BLOCK`] rows, in steps of
/// `2^-52`; see [`place`].
pub(super) fn add_products(tiles: Tiles, source: Source<'_>, padded: usize, products: &mut [i64]) {
    let slices = source.rows.len().div_ceil(SLICE);
    let groups = padded / COLUMNS;
    let arch = Arch::new();
    ROOM.with_borrow_mut(|room| {
        room.resize(groups * slices, NO_SLICE);
        let cut = room.iter_mut().enumerate().map(|(at, slice)| {
            let first = at / slices * COLUMNS;
            let rows = source
                .rows
                .chunks(SLICE)
                .nth(at % slices)
                .unwrap_or_default();
            let gathered = gather(source.part(rows), first);
            tiles.cut(
                &gathered,
                &from_fn(|lane| source.factor(first + lane)),
                slice,
            );
        });
        cut.for_each(drop);
        let right: Vec<&[Slice]> = room.chunks_exact(slices.max(1)).collect();
        let configured = tiles.configure();
        let mut left = [NO_SLICE; SLICES];
        let mut totals = [[[0; COLUMNS]; COLUMNS]; DIGITS];
        for (row, slices) in right.iter().enumerate() {
            let left = &mut left[..slices.len()];
            for (left, slice) in left.iter_mut().zip(*slices) {
                *left = tiles.turn(slice);
            }
            for (column, slices) in right.iter().enumerate().skip(row) {
                configured.multiply(left, slices, &mut totals);
                let at = place(padded, row * COLUMNS, column * COLUMNS);
                arch.dispatch(Drain {
                    totals: &totals,
                    out: &mut products[at..],
                });
            }
        }
    });
}

/// 16 columns of some rows, as they are; behind the last row there are zeros.
fn gather(source: Source<'_>, first: usize) -> Rows {
    let mut gathered = [[0.0; COLUMNS]; SLICE];
    let run = &source.run(first, COLUMNS);
    for (values, row) in gathered.iter_mut().zip(source.rows) {
        match run {
            Some(run) => values.copy_from_slice(run.of(*row)),
            None => *values = from_fn(|lane| source.value(*row, first + lane)),
        }
    }
    gathered
}

/// Totals by rank on their way into the products, which lie in squares.
struct Drain<'a> {
    totals: &'a Totals,
    out: &'a mut [i64],
}

impl WithSimd for Drain<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (row, out) in self.out.chunks_mut(SQUARE).take(COLUMNS).enumerate() {
            let [a, b, c, d, e, f] = self.totals.each_ref().map(|rank| &rank[row]);
            let out: &mut [i64; COLUMNS] = out.first_chunk_mut().expect("squares hold whole tiles");
            for at in 0..COLUMNS {
                let high = (i64::from(a[at]) << 16) + (i64::from(b[at]) << 8) + i64::from(c[at]);
                let low = (i64::from(d[at]) << 16) + (i64::from(e[at]) << 8) + i64::from(f[at]);
                out[at] += (high << 24) + low;
            }
        }
    }
}
