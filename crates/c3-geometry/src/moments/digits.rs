//! The product of a block of rows with itself, digit by digit.
//!
//! A value, scaled to below one, is a whole number of steps of `2^-46`, and that is six
//! balanced digits of base 256. Products of digits are summed in whole numbers, exactly; the
//! pairs of digits whose places count for less than `2^-52` are left out, which moves a
//! product by `2^-43` at most. What a row adds depends on that row alone, so the sums have
//! the same bits in any order.

use std::array::from_fn;
use std::cell::RefCell;
use std::hint::black_box;
use std::mem::swap;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bin::Part;
use super::source::Source;
use super::squares::{SQUARE, place};

#[cfg_attr(
    any(c3_no_amx, not(all(target_arch = "x86_64", target_os = "linux"))),
    path = "digits/no_amx.rs"
)]
mod amx;
pub(super) mod directions;

pub(super) use amx::Tiles;

/// Bits below the scales that are kept of a product.
pub(super) const BITS: i32 = 52;
/// Rows of a block: their digits stay in the cache of a core.
pub(super) const BLOCK: usize = SLICES * SLICE;
/// Digits of a value.
const DIGITS: usize = 6;
/// Rows of a tile.
const SLICE: usize = 64;
/// Slices of a block.
const SLICES: usize = 2;
/// Columns of a tile.
const COLUMNS: usize = 16;
/// Values in a line of the cache.
const LINE: usize = 16;

/// 64 rows of 16 columns, `[row / 4, column]` of four bytes, one for each of four rows; turned,
/// `[column, row / 4]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Tile([[u32; COLUMNS]; SLICE / 4]);

/// 64 rows of 16 columns as they came.
#[repr(C, align(64))]
struct Rows([[f32; COLUMNS]; SLICE]);

/// A tile for each digit, the highest first.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Slice {
    tiles: [Tile; DIGITS],
    /// Not zero if the lowest digit of any value is not; values above `2^-15` have none.
    lowest: u64,
}

/// Sums of products of 16 by 16 columns, by rank: the places of both digits together.
type Totals = [[[i32; COLUMNS]; COLUMNS]; DIGITS];

const NO_SLICE: Slice = Slice {
    tiles: [Tile([[0; COLUMNS]; SLICE / 4]); DIGITS],
    lowest: 0,
};

thread_local! {
    /// Digits of the block in work, `[columns / 16, slices]`, kept from block to block.
    static ROOM: RefCell<Vec<Slice>> = const { RefCell::new(Vec::new()) };
}

/// Adds at most [`BLOCK`] rows: the sums of their columns, and the products of all pairs of
/// columns `i <= j` in steps of `2^-52` (see [`place`]). The rows `ahead` are brought near
/// meanwhile.
pub(super) fn add(tiles: Tiles, source: Source<'_>, ahead: Range<usize>, part: &mut Part) {
    let slices = source.rows.len().div_ceil(SLICE);
    if slices == 0 {
        return;
    }
    ROOM.with_borrow_mut(|room| {
        room.resize(part.sums.len() / COLUMNS * slices, NO_SLICE);
        cut(tiles, source, room, &mut part.sums);
        let groups: Vec<&[Slice]> = room.chunks_exact(slices).collect();
        let pairs = groups.len() * (groups.len() + 1) / 2;
        let ahead = source.pieces(ahead, pairs);
        multiply(tiles, &groups, ahead, &mut part.products);
    });
}

/// Cuts rows into digits, and sums them up on the way.
fn cut(tiles: Tiles, source: Source<'_>, room: &mut [Slice], sums: &mut [i64]) {
    let slices = source.rows.len().div_ceil(SLICE);
    let mut rows = Rows([[0.0; COLUMNS]; SLICE]);
    let groups = room.chunks_exact_mut(slices);
    let (sums, _) = sums.as_chunks_mut::<COLUMNS>();
    for (group, (slices, sums)) in groups.zip(sums).enumerate() {
        let first = group * COLUMNS;
        let factors = from_fn(|lane| source.factor(first + lane));
        for (slice, part) in slices.iter_mut().zip(source.rows.chunks(SLICE)) {
            gather(source.part(part), first, &mut rows);
            tiles.cut(&rows, &factors, slice, sums);
        }
    }
}

/// 16 columns of some rows, as they are; behind the last row there are zeros.
fn gather(source: Source<'_>, first: usize, into: &mut Rows) {
    let (into, rest) = into.0.split_at_mut(source.rows.len());
    let into = into.iter_mut().zip(source.rows);
    match source.run(first) {
        Some(run) => into.for_each(|(values, row)| *values = *run.of(*row)),
        None => into.for_each(|(values, row)| {
            *values = from_fn(|lane| source.value(*row, first + lane));
        }),
    }
    rest.fill([0.0; COLUMNS]);
}

/// Multiplies all columns, in groups of 16, with themselves and those behind them.
fn multiply<'a>(
    tiles: Tiles,
    groups: &[&[Slice]],
    mut ahead: impl Iterator<Item = &'a [f32]>,
    products: &mut [i64],
) {
    let arch = Arch::new();
    let drain = |totals: &Totals, out: &mut [i64]| arch.dispatch(Drain { totals, out });
    let padded = groups.len() * COLUMNS;
    let pairs = (0..groups.len()).flat_map(|row| (row..groups.len()).map(move |at| (row, at)));
    let mut left = [NO_SLICE; SLICES];
    let mut totals = [[[[0; COLUMNS]; COLUMNS]; DIGITS]; 2];
    let [mut totals, mut before] = totals.each_mut();
    let mut last = None;
    let configured = tiles.configure();
    for (row, column) in pairs {
        let left = &mut left[..groups[row].len()];
        if row == column {
            let turned = left.iter_mut().zip(groups[row]);
            turned.for_each(|(left, slice)| tiles.turn(slice, left));
        }
        let at = place(padded, row * COLUMNS, column * COLUMNS);
        touch(ahead.next().unwrap_or_default());
        configured.multiply(left, groups[column], totals);
        // While the tiles are at work, the totals of the pair before are added up.
        if let Some(last) = last.replace(at) {
            drain(before, &mut products[last..]);
        }
        swap(&mut totals, &mut before);
    }
    if let Some(last) = last {
        drain(before, &mut products[last..]);
    }
}

/// Reads a value of every line of the cache, so that all of them come near.
fn touch(values: &[f32]) {
    for line in values.chunks(LINE) {
        black_box(line[0]);
    }
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
                // Two ranks fit 32 bits together, as a block has few rows: see `MOST`.
                let (bc, de) = ((b[at] << 8) + c[at], (d[at] << 8) + e[at]);
                let high = (i64::from(a[at]) << 16) + i64::from(bc);
                let low = (i64::from(de) << 8) + i64::from(f[at]);
                out[at] += (high << 24) + low;
            }
        }
    }
}

/// The most that two ranks come to together: the highest digit is at most 64 and the others 128;
/// four pairs of digits have the rank `d`, and five the rank `e`.
const MOST: usize = BLOCK * (((2 * 64 * 128 + 2 * 128 * 128) << 8) + 2 * 64 * 128 + 3 * 128 * 128);
const _: () = assert!(MOST < 1 << 31);

#[cfg(test)]
mod tests {
    use super::super::scales::Scales;
    use super::*;
    use crate::Embeddings;

    /// A value in steps of `2^-46` as six balanced digits, the highest first.
    fn digits(value: f64) -> [i128; DIGITS] {
        let mut rest = (value * 2.0_f64.powi(46)).round_ties_even() as i128;
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = (rest + 128).rem_euclid(256) - 128;
            rest = (rest - *digit) / 256;
        }
        assert_eq!(rest, 0, "{value} is not below one");
        digits
    }

    /// The product in steps of `2^-52`, digit by digit.
    fn product(left: f64, right: f64) -> i128 {
        let (left, right) = (digits(left), digits(right));
        let pairs = (0..DIGITS).flat_map(|i| (0..DIGITS - i).map(move |j| (i, j)));
        let of = |(i, j)| (left[i] * right[j]) << (8 * (DIGITS - 1 - i - j));
        pairs.map(of).sum()
    }

    /// Waves over all places of a digit, and values that carry furthest.
    fn batch(n: usize, dim: usize) -> Embeddings {
        let below_one = 1.0 - f32::EPSILON / 2.0;
        let edges = [
            0.0,
            below_one,
            -below_one,
            f32::MIN_POSITIVE / 4.0,
            0.5,
            -2.0_f32.powi(-46),
        ];
        let value = |at: usize| match at % 7 {
            0 => edges[at / 7 % edges.len()],
            _ => (at as f32 * 1.7).sin() * 2.0_f32.powi(-((at % 31) as i32)),
        };
        Embeddings::new((0..n * dim).map(value).collect(), dim).unwrap()
    }

    fn exact(sides: &[&Embeddings], rows: &[usize], width: usize, scales: Scales) {
        let Some(tiles) = Tiles::get() else { return };
        let padded = width.next_multiple_of(COLUMNS);
        let source = Source::new(sides, scales, rows);
        let mut part = Part::new(padded, 0);
        add(tiles, source, 0..0, &mut part);
        let found = part.products;
        let dim = sides[0].dim();
        let scaled = |row: usize, column: usize| {
            let scale = 2.0_f64.powi(-i32::from(scales.0[column / dim]));
            f64::from(sides[column / dim].row(row)[column % dim]) * scale
        };
        for i in 0..width {
            for j in i..width {
                let expected = rows
                    .iter()
                    .map(|row| product(scaled(*row, i), scaled(*row, j)));
                let expected: i128 = expected.sum();
                assert_eq!(i128::from(found[place(padded, i, j)]), expected, "{i} {j}");
            }
        }
    }

    #[test]
    fn the_products_of_all_digits_are_exact() {
        for (n, dim) in [(1, 1), (3, 5), (64, 16), (65, 17), (BLOCK, 33), (90, 80)] {
            let rows: Vec<usize> = (0..n).rev().collect();
            exact(&[&batch(n, dim)], &rows, dim, Scales::default());
        }
    }

    #[test]
    fn both_sides_of_pairs_may_share_a_tile() {
        let (x, y) = (batch(70, 9), batch(90, 9));
        let rows: Vec<usize> = (0..70).collect();
        exact(&[&x, &y], &rows, 18, Scales([0, 4]));
    }

    /// All digits as large as they get, in as many rows as a block has.
    #[test]
    fn the_largest_sums_do_not_overflow() {
        // The bytes of a value are 63, then -128 five times, and the like.
        for value in [
            1.0 - f32::EPSILON / 2.0,
            0.498_039_2,
            -0.501_960_8,
            -1.0 + f32::EPSILON,
        ] {
            let batch = Embeddings::new(vec![value; BLOCK * 16], 16).unwrap();
            let rows: Vec<usize> = (0..BLOCK).collect();
            exact(&[&batch], &rows, 16, Scales::default());
        }
    }

    #[test]
    fn a_product_moves_by_no_more_than_is_said() {
        let batch = batch(200, 1);
        for pair in batch.as_slice().windows(2) {
            let (left, right) = (f64::from(pair[0]), f64::from(pair[1]));
            let found = product(left, right) as f64 * 2.0_f64.powi(-BITS);
            assert!(
                (found - left * right).abs() <= 2.0_f64.powi(-43),
                "{left} {right}"
            );
        }
    }
}
