//! Directions, digit by digit.
//!
//! A value of a direction is a whole number of steps of `2^-30`, and that is four balanced digits
//! of base 256, whose places are those of the highest four of other values. The pairs of digits
//! whose places count for less than `2^-44` are left out, which moves a product by `2^-37` at
//! most, and by far less than the rounding of its values as a rule.

use std::array::from_fn;
use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::super::bin::Part;
use super::super::source::{BITS, DIRECTION_BITS, Source};
use super::super::squares::SQUARE;
use super::amx::{Configured, Tiles};
use super::block::{self, Cut};
use super::{COLUMNS, SLICE, Tile};

/// Rows of a block: their digits stay in the cache of a core.
pub(in crate::moments) const BLOCK: usize = SLICES * SLICE;
/// Digits of a value.
pub(super) const DIGITS: usize = 4;
/// Ranks that are kept.
const RANKS: usize = 5;
/// Slices of a block.
const SLICES: usize = 4;

/// 64 rows of 16 columns in steps.
#[repr(C, align(64))]
pub(super) struct Steps(pub(super) [[i32; COLUMNS]; SLICE]);

/// A tile for each digit, the highest first.
pub(super) type Slice = [Tile; DIGITS];

/// Sums of products of 16 by 16 columns, by rank: the places of both digits together.
#[repr(C, align(64))]
pub(super) struct Totals(pub(super) [[[i32; COLUMNS]; COLUMNS]; RANKS]);

thread_local! {
    /// Digits of the block in work, `[columns / 16, slices]`, kept from block to block.
    static ROOM: RefCell<Vec<Slice>> = const { RefCell::new(Vec::new()) };
}

/// Adds at most [`BLOCK`] directions, as [`add`](super::add) does other rows.
pub(in crate::moments) fn add(
    tiles: Tiles,
    source: Source<'_>,
    ahead: Range<usize>,
    part: &mut Part,
) {
    ROOM.with_borrow_mut(|room| block::add::<Directions>(tiles, source, ahead, room, part));
}

/// Values in four digits.
struct Directions;

impl Cut for Directions {
    type Rows = Steps;
    type Slice = Slice;
    type Totals = Totals;

    const NO_ROWS: Steps = Steps([[0; COLUMNS]; SLICE]);
    const NO_SLICE: Slice = [Tile([[0; COLUMNS]; SLICE / 4]); DIGITS];
    const NO_TOTALS: Totals = Totals([[[0; COLUMNS]; COLUMNS]; RANKS]);

    fn gather(source: Source<'_>, first: usize, rows: &mut Steps) {
        Arch::new().dispatch(Gather {
            source,
            first,
            into: rows,
        });
    }

    fn cut(tiles: Tiles, rows: &Steps, slice: &mut Slice, sums: &mut [i64; COLUMNS]) {
        let mut here = [0; COLUMNS];
        tiles.cut_steps(rows, slice, &mut here);
        for (sum, here) in sums.iter_mut().zip(here) {
            *sum += here << (BITS - DIRECTION_BITS);
        }
    }

    fn turn(tiles: Tiles, slice: &Slice, turned: &mut Slice) {
        tiles.turn_digits(slice, turned);
    }

    fn multiply(
        configured: &mut Configured,
        left: &[Slice],
        right: &[Slice],
        totals: &mut Totals,
        mut meanwhile: impl FnMut(Range<usize>),
    ) {
        assert!(
            (1..=SLICES).contains(&left.len()),
            "so many sums fit 32 bits"
        );
        let share = COLUMNS.div_ceil(left.len());
        let mut summing = configured.begin();
        for (at, (left, right)) in left.iter().zip(right).enumerate() {
            summing.add(left, right);
            meanwhile(at * share..COLUMNS.min((at + 1) * share));
        }
        summing.store(totals);
    }

    fn drain(totals: &Totals, rows: Range<usize>, out: &mut [i64]) {
        Arch::new().dispatch(Drain { totals, rows, out });
    }
}

/// 16 columns of some rows on their way into steps; behind the last row there are zeros.
struct Gather<'a> {
    source: Source<'a>,
    first: usize,
    into: &'a mut Steps,
}

impl WithSimd for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            source,
            first,
            into,
        } = self;
        let (into, rest) = into.0.split_at_mut(source.rows.len());
        let into = into.iter_mut().zip(source.rows);
        match source.run::<COLUMNS>(first) {
            Some(run) => into.for_each(|(steps, row)| {
                let scale = source.scale(*row, first);
                let values = run.of(*row);
                for at in 0..COLUMNS {
                    steps[at] = scale.direction_steps(values[at]);
                }
            }),
            None => into.for_each(|(steps, row)| {
                *steps = from_fn(|lane| {
                    let column = first + lane;
                    let scale = source.scale(*row, column);
                    scale.direction_steps(source.value(*row, column))
                });
            }),
        }
        rest.fill([0; COLUMNS]);
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
            let [a, b, c, d, e] = self.totals.0.each_ref().map(|rank| &rank[row]);
            let out: &mut [i64; COLUMNS] = out.first_chunk_mut().expect("squares hold whole tiles");
            for at in 0..COLUMNS {
                // These two ranks fit 32 bits together, as a block has few rows: see `MOST`.
                let bc = (b[at] << 8) + c[at];
                let high = (i64::from(a[at]) << 16) + i64::from(bc);
                let low = (i64::from(d[at]) << 8) + i64::from(e[at]);
                out[at] += (high << 24) + (low << 8);
            }
        }
    }
}

/// The most that two ranks come to together: the highest digit is at most 64 and the others 128;
/// two pairs of digits have the rank `b`, and three the rank `c`.
const MOST: usize = BLOCK * (((2 * 64 * 128) << 8) + 2 * 64 * 128 + 128 * 128);
const _: () = assert!(MOST < 1 << 31);

#[cfg(test)]
mod tests {
    use super::super::super::squares::place;
    use super::*;
    use crate::Embeddings;

    /// A value below one as four balanced digits of steps of `2^-30`, the highest first.
    fn digits(value: f64) -> [i128; DIGITS] {
        let mut rest = (value * 2.0_f64.powi(DIRECTION_BITS)).round_ties_even() as i128;
        let mut digits = [0; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = (rest + 128).rem_euclid(256) - 128;
            rest = (rest - *digit) / 256;
        }
        assert_eq!(rest, 0, "{value} is above one");
        digits
    }

    /// The product in steps of `2^-52`, digit by digit.
    fn product(left: f64, right: f64) -> i128 {
        let (left, right) = (digits(left), digits(right));
        let pairs = (0..DIGITS).flat_map(|i| (0..DIGITS).map(move |j| (i, j)));
        let kept = pairs.filter(|(i, j)| i + j < RANKS);
        kept.map(|(i, j)| (left[i] * right[j]) << (8 * (RANKS - i - j)))
            .sum()
    }

    /// Values of very different sizes, none of them below `2^-32` of the largest.
    fn batch(n: usize, dim: usize) -> Embeddings {
        let value = |at: usize| (at as f32 * 1.7).sin() * 2.0_f32.powi(-((at % 31) as i32));
        Embeddings::new((0..n * dim).map(value).collect(), dim).unwrap()
    }

    fn inverses(sides: &[&Embeddings]) -> Vec<Vec<f64>> {
        let of = |side: &&Embeddings| side.lengths().iter().map(|length| 1.0 / length).collect();
        sides.iter().map(of).collect()
    }

    fn exact(sides: &[&Embeddings], rows: &[usize]) {
        let Some(tiles) = Tiles::get() else { return };
        let inverses = inverses(sides);
        let source = Source::directions(sides, &inverses, rows);
        let (dim, width) = (sides[0].dim(), sides[0].dim() * sides.len());
        let padded = width.next_multiple_of(COLUMNS);
        let mut part = Part::new(padded, 0);
        add(tiles, source, 0..0, &mut part);
        let value = |row: usize, column: usize| {
            let side = column / dim;
            f64::from(sides[side].row(row)[column % dim]) * inverses[side][row]
        };
        for i in 0..width {
            let steps = |row: &usize| (value(*row, i) * 2.0_f64.powi(30)).round_ties_even() as i64;
            let sum: i64 = rows.iter().map(steps).sum();
            assert_eq!(part.sums[i], sum << (BITS - DIRECTION_BITS), "{i}");
            for j in i..width {
                let products = rows
                    .iter()
                    .map(|row| product(value(*row, i), value(*row, j)));
                let found = i128::from(part.products[place(padded, i, j)]);
                assert_eq!(found, products.sum(), "{i} {j}");
            }
        }
    }

    #[test]
    fn the_products_of_the_digits_that_are_kept_are_exact() {
        for (n, dim) in [(1, 1), (3, 5), (64, 16), (65, 17), (BLOCK, 33), (90, 80)] {
            let rows: Vec<usize> = (0..n).rev().collect();
            exact(&[&batch(n, dim)], &rows);
        }
    }

    #[test]
    fn both_sides_of_pairs_may_share_a_tile() {
        let rows: Vec<usize> = (0..70).collect();
        exact(&[&batch(70, 9), &batch(90, 9)], &rows);
    }

    /// All digits as large as they get, in as many rows as a block has.
    #[test]
    fn the_largest_sums_do_not_overflow() {
        let rows: Vec<usize> = (0..BLOCK).collect();
        // The second value has steps whose digits are -128, or nearly so.
        for second in [0.0, -0.501_960_8, 0.498_039_2, 0.003_921_6] {
            let pair = [(1.0_f32 - second * second).sqrt(), second];
            exact(&[&Embeddings::new(pair.repeat(BLOCK), 2).unwrap()], &rows);
        }
    }

    #[test]
    fn a_product_moves_by_no_more_than_is_said() {
        let batch = batch(200, 1);
        for pair in batch.as_slice().windows(2) {
            let round =
                |value: f32| (f64::from(value) * 2.0_f64.powi(30)).round() / 2.0_f64.powi(30);
            let (left, right) = (round(pair[0]), round(pair[1]));
            let found = product(left, right) as f64 * 2.0_f64.powi(-52);
            assert!(
                (found - left * right).abs() <= 2.0_f64.powi(-37),
                "{left} {right}"
            );
        }
    }
}
