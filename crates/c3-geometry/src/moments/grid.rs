//! Whole-number sums of rows that share a scale.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::product::{self, BLOCK, LANES, Packed};
use crate::Embeddings;

/// Scales are powers of `2^STRIDE`, so that rows of unit length share one as a rule.
const STRIDE: i32 = 4;
/// Bits below the scale that are kept of a sum.
pub(super) const BITS: i32 = 44;
/// Rows that are multiplied at once: enough to keep all threads busy.
const ROWS_AT_ONCE: usize = 8 * BLOCK;
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
    /// `[padded, padded]`; below the diagonal tiles nothing is kept.
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
            products: vec![0; padded * padded],
            spilled: Vec::new(),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn padded(&self) -> usize {
        self.padded
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn sum(&self, at: usize) -> i128 {
        i128::from(self.sums[at]) + self.spilled.get(at).copied().unwrap_or(0)
    }

    /// The product of columns `i <= j`.
    pub(super) fn product(&self, i: usize, j: usize) -> i128 {
        let at = i * self.padded + j;
        let spilled = self.spilled.get(self.padded + at);
        i128::from(self.products[at]) + spilled.copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, sides: &[&Embeddings], scales: Scales, rows: &[usize]) {
        for rows in rows.chunks(ROWS_AT_ONCE) {
            let packed = self.pack(sides, scales, rows);
            if self.blocks + packed.blocks() > BLOCKS_BEFORE_SPILL {
                self.spill();
            }
            self.blocks += packed.blocks();
            self.rows += rows.len() as u64;
            product::add_sums(&packed, &mut self.sums);
            product::add_products(&packed, &mut self.products);
        }
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

    /// Restores what [`Bin::whole`] gave.
    pub(super) fn restore(width: usize, rows: u64, whole: Vec<i128>) -> Self {
        let mut bin = Self::new(width);
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

    fn pack(&self, sides: &[&Embeddings], scales: Scales, rows: &[usize]) -> Packed {
        let mut packed = Packed::zeros(rows.len().div_ceil(BLOCK), self.padded);
        let size = packed.block_len();
        let dim = sides[0].dim();
        let factors = scales.0.map(|scale| power_of_two(-i32::from(scale)));
        packed
            .values
            .par_chunks_mut(size)
            .zip(rows.par_chunks(BLOCK))
            .for_each(|(block, rows)| {
                for (side, embeddings) in sides.iter().enumerate() {
                    fill(block, (embeddings, rows), factors[side], side * dim);
                }
            });
        packed
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

/// Puts rows of one side into their block, from column `first` on.
fn fill(block: &mut [f64], (side, rows): (&Embeddings, &[usize]), factor: f64, first: usize) {
    for (at, row) in rows.iter().enumerate() {
        scatter(side.row(*row), factor, &mut block[at * LANES..], first);
    }
}

/// Puts a row into the panels of its block, from column `first` on.
fn scatter(row: &[f32], factor: f64, block: &mut [f64], first: usize) {
    let mut column = first;
    let mut rest = row;
    while !rest.is_empty() {
        let (panel, lane) = (column / LANES, column % LANES);
        let taken = rest.len().min(LANES - lane);
        let start = panel * BLOCK * LANES + lane;
        let place = &mut block[start..start + taken];
        for (place, value) in place.iter_mut().zip(rest) {
            *place = odd(f64::from(*value) * factor);
        }
        column += taken;
        rest = &rest[taken..];
    }
}

/// Sets the last bit, so that no product can ever lie half-way between two steps of a grid.
///
/// A value half-way is rounded to the *even* sum, and which that is depends on what was
/// added before. The product of two numbers that end in a one ends in a one too, far below
/// any half-way point; the value moves by `2^-52` of itself.
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
