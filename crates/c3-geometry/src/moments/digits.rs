//! The product of a block of rows with itself, digit by digit.
//!
//! A value, scaled to below one, is a whole number of steps of `2^-46`, and that is six
//! balanced digits of base 256. Products of digits are summed in whole numbers, exactly; the
//! pairs of digits whose places count for less than `2^-52` are left out, which moves a
//! product by `2^-43` at most. What a row adds depends on that row alone, so the sums have
//! the same bits in any order.

use std::array::from_fn;
use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bin::Part;
use super::source::Source;
use super::squares::SQUARE;

#[cfg_attr(
    any(c3_no_amx, not(all(target_arch = "x86_64", target_os = "linux"))),
    path = "digits/no_amx.rs"
)]
mod amx;
mod block;
pub(super) mod directions;

pub(super) use amx::Tiles;

use amx::Configured;
use block::Cut;

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

thread_local! {
    /// Digits of the block in work, `[columns / 16, slices]`, kept from block to block.
    static ROOM: RefCell<Vec<Slice>> = const { RefCell::new(Vec::new()) };
}

/// Adds at most [`BLOCK`] rows: the sums of their columns, and the products of all pairs of
/// columns `i <= j` in steps of `2^-52`. The rows `ahead` are brought near meanwhile.
pub(super) fn add(tiles: Tiles, source: Source<'_>, ahead: Range<usize>, part: &mut Part) {
    ROOM.with_borrow_mut(|room| block::add::<Values>(tiles, source, ahead, room, part));
}

/// Values in six digits.
struct Values;

impl Cut for Values {
    type Rows = Gathered;
    type Slice = Slice;
    type Totals = Totals;

    const NO_ROWS: Gathered = Gathered {
        rows: Rows([[0.0; COLUMNS]; SLICE]),
        factors: [0.0; COLUMNS],
    };
    const NO_SLICE: Slice = Slice {
        tiles: [Tile([[0; COLUMNS]; SLICE / 4]); DIGITS],
        lowest: 0,
    };
    const NO_TOTALS: Totals = [[[0; COLUMNS]; COLUMNS]; DIGITS];

    fn gather(source: Source<'_>, first: usize, rows: &mut Gathered) {
        rows.gather(source, first);
    }

    fn cut(tiles: Tiles, rows: &Gathered, slice: &mut Slice, sums: &mut [i64; COLUMNS]) {
        tiles.cut(&rows.rows, &rows.factors, slice, sums);
    }

    fn turn(tiles: Tiles, slice: &Slice, turned: &mut Slice) {
        tiles.turn(slice, turned);
    }

    fn multiply(
        configured: &mut Configured,
        left: &[Slice],
        right: &[Slice],
        totals: &mut Totals,
        mut meanwhile: impl FnMut(Range<usize>),
    ) {
        configured.multiply(left, right, totals);
        meanwhile(0..COLUMNS);
    }

    fn drain(totals: &Totals, rows: Range<usize>, out: &mut [i64]) {
        Arch::new().dispatch(Drain { totals, rows, out });
    }
}

/// 16 columns of some rows, as they are, and what brings each column to below one.
struct Gathered {
    rows: Rows,
    factors: [f64; COLUMNS],
}

impl Gathered {
    fn gather(&mut self, source: Source<'_>, first: usize) {
        let (into, rest) = self.rows.0.split_at_mut(source.rows.len());
        let into = into.iter_mut().zip(source.rows);
        rest.fill([0.0; COLUMNS]);
        if let Some(run) = source.run(first) {
            into.for_each(|(values, row)| *values = *run.of(*row));
            self.factors = [source.factor(first); COLUMNS];
            return;
        }
        into.for_each(|(values, row)| {
            *values = from_fn(|lane| source.value(*row, first + lane));
        });
        self.factors = from_fn(|lane| source.factor(first + lane));
    }
}

/// Totals by rank on their way into the products, which lie in squares.
struct Drain<'a> {
    totals: &'a Totals,
    rows: Range<usize>,
    out: &'a mut [i64],
}

impl WithSimd for Drain<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let out = self.out.chunks_mut(SQUARE).enumerate();
        for (row, out) in out.take(self.rows.end).skip(self.rows.start) {
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
    use super::super::squares::place;
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
