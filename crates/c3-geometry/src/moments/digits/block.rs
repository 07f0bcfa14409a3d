//! The way of a block through the tiles, however its values are cut.

use std::hint::black_box;
use std::mem::swap;
use std::ops::Range;

use super::super::bin::Part;
use super::super::source::Source;
use super::super::squares::place;
use super::amx::{Configured, Tiles};
use super::{COLUMNS, SLICE};

/// Values in a line of the cache.
const LINE: usize = 16;

/// How values are cut into digits, and the digits multiplied.
pub(super) trait Cut {
    /// 64 rows of 16 columns before they are cut.
    type Rows;
    /// The same in digits.
    type Slice: Copy;
    /// Sums of products of 16 by 16 columns, by rank: the places of both digits together.
    type Totals;

    const NO_ROWS: Self::Rows;
    const NO_SLICE: Self::Slice;
    const NO_TOTALS: Self::Totals;

    /// Takes at most 64 rows of the columns from `first` on; behind the last row there are zeros.
    fn gather(source: Source<'_>, first: usize, rows: &mut Self::Rows);

    /// Cuts rows into digits, and adds their steps to the sums.
    fn cut(tiles: Tiles, rows: &Self::Rows, slice: &mut Self::Slice, sums: &mut [i64; COLUMNS]);

    /// Turns the tiles of a slice: what were columns of four bytes become rows.
    fn turn(tiles: Tiles, slice: &Self::Slice, turned: &mut Self::Slice);

    /// The products of 16 columns (turned) with 16 columns, summed over slices. While tiles are at
    /// work, `meanwhile` goes through all rows of the totals before.
    fn multiply(
        configured: &mut Configured,
        left: &[Self::Slice],
        right: &[Self::Slice],
        totals: &mut Self::Totals,
        meanwhile: impl FnMut(Range<usize>),
    );

    /// Adds some rows of totals to the products, which lie in squares.
    fn drain(totals: &Self::Totals, rows: Range<usize>, out: &mut [i64]);
}

/// Adds the rows of a block: the sums of their columns, and the products of all pairs of columns
/// `i <= j` in steps of `2^-52` (see [`place`]). The rows `ahead` are brought near meanwhile.
///
/// The room is for digits, and is kept from block to block.
pub(super) fn add<C: Cut>(
    tiles: Tiles,
    source: Source<'_>,
    ahead: Range<usize>,
    room: &mut Vec<C::Slice>,
    part: &mut Part,
) {
    let slices = source.rows.len().div_ceil(SLICE);
    if slices == 0 {
        return;
    }
    let groups = part.sums.len() / COLUMNS;
    room.resize((groups + 1) * slices, C::NO_SLICE);
    let (left, room) = room.split_at_mut(slices);
    cut::<C>(tiles, source, room, &mut part.sums);
    let groups: Vec<&[C::Slice]> = room.chunks_exact(slices).collect();
    let pairs = groups.len() * (groups.len() + 1) / 2;
    let ahead = source.pieces(ahead, pairs);
    multiply::<C>(tiles, &groups, left, ahead, &mut part.products);
}

/// Cuts rows into digits, `[columns / 16, slices]`, and sums them up on the way.
fn cut<C: Cut>(tiles: Tiles, source: Source<'_>, room: &mut [C::Slice], sums: &mut [i64]) {
    let slices = source.rows.len().div_ceil(SLICE);
    let mut rows = C::NO_ROWS;
    let groups = room.chunks_exact_mut(slices);
    let (sums, _) = sums.as_chunks_mut::<COLUMNS>();
    for (group, (slices, sums)) in groups.zip(sums).enumerate() {
        for (slice, part) in slices.iter_mut().zip(source.rows.chunks(SLICE)) {
            C::gather(source.part(part), group * COLUMNS, &mut rows);
            C::cut(tiles, &rows, slice, sums);
        }
    }
}

/// Multiplies all columns, in groups of 16, with themselves and those behind them.
fn multiply<'a, C: Cut>(
    tiles: Tiles,
    groups: &[&[C::Slice]],
    left: &mut [C::Slice],
    mut ahead: impl Iterator<Item = &'a [f32]>,
    products: &mut [i64],
) {
    let padded = groups.len() * COLUMNS;
    let pairs = (0..groups.len()).flat_map(|row| (row..groups.len()).map(move |at| (row, at)));
    let (mut totals, mut before) = (C::NO_TOTALS, C::NO_TOTALS);
    let (mut totals, mut before) = (&mut totals, &mut before);
    let mut last = None;
    let mut configured = tiles.configure();
    for (row, column) in pairs {
        if row == column {
            let turned = left.iter_mut().zip(groups[row]);
            turned.for_each(|(left, slice)| C::turn(tiles, slice, left));
        }
        let at = place(padded, row * COLUMNS, column * COLUMNS);
        touch(ahead.next().unwrap_or_default());
        C::multiply(&mut configured, left, groups[column], totals, |rows| {
            if let Some(last) = last {
                C::drain(before, rows, &mut products[last..]);
            }
        });
        last = Some(at);
        swap(&mut totals, &mut before);
    }
    if let Some(last) = last {
        C::drain(before, 0..COLUMNS, &mut products[last..]);
    }
}

/// Reads a value of every line of the cache, so that all of them come near.
fn touch(values: &[f32]) {
    for line in values.chunks(LINE) {
        black_box(line[0]);
    }
}
