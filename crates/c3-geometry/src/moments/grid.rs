//! Whole-number sums of rows that share a scale.

use std::array::from_fn;
use std::collections::BTreeMap;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::product::{self, BLOCK, LANES, Line, Packed};
use crate::Embeddings;

/// Scales are powers of `2^STRIDE`, so that rows of unit length share one as a rule.
const STRIDE: i32 = 4;
/// Bits below the scale that are kept of a sum.
pub(super) const BITS: i32 = 44;
/// Blocks that are multiplied at once: enough to keep all threads busy.
const BLOCKS_AT_ONCE: usize = 8;
/// Blocks whose sums surely fit 64 bits: each is below `2^51`.
const BLOCKS_BEFORE_SPILL: u32 = 4096;

/// The exponents of two that bound the values of a row, one for each modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scales(pub(super) [i16; 2]);

impl Scales {
    /// What one counts for in the sums of a side.
    pub(super) fn step(self, side: usize) -> f64 {
        power_of_two(i32::from(self.0[side]) - BITS)
    }

    /// What one counts for in the products of two sides.
    pub(super) fn product_step(self, left: usize, right: usize) -> f64 {
        power_of_two(i32::from(self.0[left]) + i32::from(self.0[right]) - BITS)
    }
}

/// Sorts rows by their scales: a row decides its own, so any order gives the same.
pub(super) fn sort(sides: &[&Embeddings]) -> BTreeMap<Scales, Vec<usize>> {
    let scales: Vec<Scales> = (0..sides[0].len())
        .into_par_iter()
        .map(|row| {
            let mut scales = Scales::default();
            for (scale, side) in scales.0.iter_mut().zip(sides) {
                *scale = scale_of(side.row(row));
            }
            scales
        })
        .collect();
    let mut sorted: BTreeMap<Scales, Vec<usize>> = BTreeMap::new();
    for (row, scales) in scales.into_iter().enumerate() {
        sorted.entry(scales).or_default().push(row);
    }
    sorted
}

/// The least multiple of the stride whose power of two is above every value.
fn scale_of(row: &[f32]) -> i16 {
    let largest = row
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    if largest == 0.0 {
        return 0;
    }
    // As f64 every f32 is a normal number, so the exponent can be read off.
    let exponent = ((f64::from(largest).to_bits() >> 52) & 0x7FF) as i32 - 1022;
    let steps = exponent.div_euclid(STRIDE) + i32::from(exponent.rem_euclid(STRIDE) != 0);
    i16::try_from(steps * STRIDE).expect("an exponent of f32 is small")
}

fn power_of_two(exponent: i32) -> f64 {
    2.0_f64.powi(exponent)
}

/// Sums and products of the rows of one scale, in steps of their grid.
#[derive(Clone, Debug)]
pub(super) struct Bin {
    width: usize,
    /// The width in whole tiles.
    padded: usize,
    rows: u64,
    blocks: u32,
    sums: Vec<i64>,
    /// By squares, those below the diagonal left out; see [`product::place`].
    products: Vec<i64>,
    /// What has been moved out of `sums` and `products`, in that order; empty at first.
    spilled: Vec<i128>,
}

impl Bin {
    pub(super) fn new(width: usize) -> Self {
        let padded = width.next_multiple_of(product::TILE);
        Self {
            width,
            padded,
            rows: 0,
            blocks: 0,
            sums: vec![0; padded],
            products: vec![0; product::products_len(padded)],
            spilled: Vec::new(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn sum(&self, at: usize) -> i128 {
        i128::from(self.sums[at]) + self.spilled.get(at).copied().unwrap_or(0)
    }

    /// The product of columns `i <= j`.
    pub(super) fn product(&self, i: usize, j: usize) -> i128 {
        let at = product::place(self.padded, i, j);
        let spilled = self.spilled.get(self.padded + at);
        i128::from(self.products[at]) + spilled.copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, sides: &[&Embeddings], scales: Scales, rows: &[usize]) {
        let room = rows.len().div_ceil(BLOCK).min(BLOCKS_AT_ONCE);
        let [mut ready, mut spare] = [(); 2].map(|()| Packed::with_room(room, self.padded));
        let mut parts = rows.chunks(BLOCKS_AT_ONCE * BLOCK);
        pack(&mut ready, sides, scales, parts.next().unwrap_or_default());
        while ready.blocks() > 0 {
            let next = parts.next().unwrap_or_default();
            let multiply = || self.multiply(&ready);
            rayon::join(multiply, || pack(&mut spare, sides, scales, next));
            std::mem::swap(&mut ready, &mut spare);
        }
        self.rows += rows.len() as u64;
    }

    fn multiply(&mut self, packed: &Packed) {
        if self.blocks + packed.blocks() > BLOCKS_BEFORE_SPILL {
            self.spill();
        }
        self.blocks += packed.blocks();
        let (sums, products) = (&mut self.sums, &mut self.products);
        rayon::join(
            || product::add_products(packed, products),
            || product::add_sums(packed, sums),
        );
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.spill();
        self.rows += other.rows;
        for (total, part) in self.spilled.iter_mut().zip(other.whole()) {
            *total += part;
        }
    }

    /// All sums and then all products, whole.
    pub(super) fn whole(&self) -> impl Iterator<Item = i128> {
        let recent = self.sums.iter().chain(&self.products);
        let spilled = self.spilled.iter().copied().chain(std::iter::repeat(0));
        recent
            .zip(spilled)
            .map(|(recent, spilled)| i128::from(*recent) + spilled)
    }

    /// Restores what [`Bin::sum`] and [`Bin::product`] gave, the products row after row.
    pub(super) fn restore(width: usize, rows: u64, sums: &[i128], products: &[i128]) -> Self {
        let mut bin = Self::new(width);
        let mut whole = vec![0; bin.sums.len() + bin.products.len()];
        whole[..width].copy_from_slice(sums);
        let pairs = (0..width).flat_map(|i| (i..width).map(move |j| (i, j)));
        for ((i, j), product) in pairs.zip(products) {
            whole[bin.padded + product::place(bin.padded, i, j)] = *product;
        }
        bin.rows = rows;
        bin.spilled = whole;
        bin
    }

    fn spill(&mut self) {
        self.spilled = self.whole().collect();
        self.sums.fill(0);
        self.products.fill(0);
        self.blocks = 0;
    }
}

impl PartialEq for Bin {
    fn eq(&self, other: &Self) -> bool {
        let sums = |bin: &Self| (0..bin.width).map(|at| bin.sum(at)).collect::<Vec<i128>>();
        let products =
            |i: usize| (i..self.width).all(|j| self.product(i, j) == other.product(i, j));
        (self.width, self.rows) == (other.width, other.rows)
            && sums(self) == sums(other)
            && (0..self.width).all(products)
    }
}

/// Puts rows into blocks, scaled to below one; behind the last row there are zeros.
fn pack(packed: &mut Packed, sides: &[&Embeddings], scales: Scales, rows: &[usize]) {
    let arch = Arch::new();
    let blocks = packed.begin(rows.len().div_ceil(BLOCK));
    blocks
        .zip(rows.par_chunks(BLOCK))
        .for_each(|(block, rows)| {
            arch.dispatch(Fill {
                block,
                sides,
                factors: scales.0.map(|scale| power_of_two(-i32::from(scale))),
                rows,
            });
        });
}

/// Rows on their way into a block.
struct Fill<'a> {
    block: &'a mut [Line],
    sides: &'a [&'a Embeddings],
    factors: [f64; 2],
    rows: &'a [usize],
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let dim = self.sides[0].dim();
        for (panel, lines) in self.block.chunks_exact_mut(BLOCK).enumerate() {
            let (lines, rest) = lines.split_at_mut(self.rows.len());
            let lines = lines.iter_mut().zip(self.rows);
            let first = panel * LANES;
            let (side, at) = (first / dim, first % dim);
            match self.sides.get(side).filter(|_| at + LANES <= dim) {
                Some(values) => lines.for_each(|(line, row)| {
                    let values = &values.row(*row)[at..at + LANES];
                    let factor = self.factors[side];
                    line.0 = from_fn(|lane| odd(f64::from(values[lane]) * factor));
                }),
                None => lines.for_each(|(line, row)| {
                    line.0 = from_fn(|lane| value(self.sides, self.factors, *row, first + lane));
                }),
            }
            rest.fill(Line([0.0; LANES]));
        }
    }
}

/// A value of a row, the sides one after the other, and zeros behind them.
fn value(sides: &[&Embeddings], factors: [f64; 2], row: usize, column: usize) -> f64 {
    let (side, at) = (column / sides[0].dim(), column % sides[0].dim());
    sides.get(side).map_or(0.0, |values| {
        odd(f64::from(values.row(row)[at]) * factors[side])
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_above_its_row_and_a_multiple_of_the_stride() {
        let cases = [
            (0.9, 0),
            (1.0, 4),
            (15.9, 4),
            (16.0, 8),
            (0.0625, 0),
            (0.062, -4),
            (f32::MIN_POSITIVE / 8.0, -128),
            (f32::MAX, 128),
        ];
        for (value, scale) in cases {
            assert_eq!(scale_of(&[0.0, -value]), scale, "{value}");
        }
        assert_eq!(scale_of(&[0.0]), 0);
    }

    #[test]
    fn what_is_spilled_is_still_there() {
        let rows: Vec<f32> = (0..60).map(|i| (i as f32).sin() / 2.0).collect();
        let batch = Embeddings::new(rows, 3).unwrap();
        let all: Vec<usize> = (0..20).collect();
        let scales = Scales::default();
        let (mut one, mut two) = (Bin::new(3), Bin::new(3));
        one.add(&[&batch], scales, &all);
        two.add(&[&batch], scales, &all[..7]);
        two.spill();
        two.add(&[&batch], scales, &all[7..]);
        assert_eq!(one, two);
        assert_ne!(one.product(0, 2), 0);
    }
}
