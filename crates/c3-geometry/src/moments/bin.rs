//! Whole-number sums of rows that share a scale.

use super::digits::{self, Tiles};
use super::fused::{self, Packed};
use super::scales::PRODUCT_BITS;
use super::source::Source;
use super::squares::{TILE, place, products_len};

/// Blocks that are multiplied at once: enough to keep all threads busy.
const BLOCKS_AT_ONCE: usize = 8;
/// Rows whose values surely sum up to 64 bits: each is below `2^46` steps.
const MOST_ROWS: usize = 1 << 16;
/// A sum of squares that leaves room in 64 bits for those of a block, below `2^60`. No sum of
/// products is larger (Cauchy-Schwarz) by more than what is left out of each, `2^9` steps.
const MOST_SQUARES: i64 = 1 << 61;

/// How rows are multiplied.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// By fused multiply-adds, which every processor has.
    Fused,
    /// Digit by digit, in tiles.
    Digits(Tiles),
}

impl Way {
    /// The faster one of those that there are.
    pub(super) fn best() -> Self {
        Tiles::get().map_or(Self::Fused, Self::Digits)
    }
}

/// Sums and products of the rows of one scale, in steps of their grid.
#[derive(Clone, Debug)]
pub(super) struct Bin {
    width: usize,
    /// The width in whole tiles.
    padded: usize,
    rows: u64,
    /// What is summed up in 64 bits, one for each thread that took part.
    parts: Vec<Part>,
    /// What has been moved out of the parts, sums and then products; empty at first.
    spilled: Vec<i128>,
}

impl Bin {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            padded: width.next_multiple_of(TILE),
            rows: 0,
            parts: Vec::new(),
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
        let recent = self.parts.iter().map(|part| i128::from(part.sums[at]));
        recent.sum::<i128>() + self.spilled.get(at).copied().unwrap_or(0)
    }

    /// The product of columns `i <= j`.
    pub(super) fn product(&self, i: usize, j: usize) -> i128 {
        let at = place(self.padded, i, j);
        let recent = self.parts.iter().map(|part| part.product(at));
        let spilled = self.spilled.get(self.padded + at);
        recent.sum::<i128>() + spilled.copied().unwrap_or(0)
    }

    /// Sums that a thread adds to on its own, to be given back.
    pub(super) fn lend(&mut self) -> Part {
        let spare = self.parts.pop();
        spare.unwrap_or_else(|| Part::new(self.padded, PRODUCT_BITS - digits::BITS))
    }

    /// Takes lent sums back, with so many rows more in them.
    pub(super) fn take_back(&mut self, mut part: Part, rows: usize) {
        part.count(rows, &mut self.spilled);
        self.rows += rows as u64;
        self.parts.push(part);
    }

    /// All threads multiply into one part, and pack what comes next.
    pub(super) fn add_fused(&mut self, source: Source<'_>) {
        let shift = PRODUCT_BITS - fused::BITS;
        let mut part = (self.parts.pop()).unwrap_or_else(|| Part::new(self.padded, shift));
        let room = source.rows.len().div_ceil(fused::BLOCK).min(BLOCKS_AT_ONCE);
        let [mut ready, mut spare] = [(); 2].map(|()| Packed::with_room(room, self.padded));
        let mut chunks = source.rows.chunks(BLOCKS_AT_ONCE * fused::BLOCK);
        let mut next = source.part(chunks.next().unwrap_or_default());
        fused::pack(&mut ready, next);
        while !next.rows.is_empty() {
            let here = next;
            next = source.part(chunks.next().unwrap_or_default());
            let multiply = || {
                rayon::join(
                    || fused::add_products(&ready, &mut part.products),
                    || here.add_sums(&mut part.sums),
                )
            };
            rayon::join(multiply, || fused::pack(&mut spare, next));
            std::mem::swap(&mut ready, &mut spare);
            part.count(here.rows.len(), &mut self.spilled);
        }
        self.parts.push(part);
        self.rows += source.rows.len() as u64;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.spill();
        self.rows += other.rows;
        for (total, part) in self.spilled.iter_mut().zip(other.whole()) {
            *total += part;
        }
    }

    /// All sums and then all products, whole.
    fn whole(&self) -> Vec<i128> {
        let mut whole = self.spilled.clone();
        whole.resize(self.padded + products_len(self.padded), 0);
        for part in &self.parts {
            part.add_to(&mut whole);
        }
        whole
    }

    /// Restores what [`Bin::sum`] and [`Bin::product`] gave, the products row after row.
    pub(super) fn restore(width: usize, rows: u64, sums: &[i128], products: &[i128]) -> Self {
        let mut bin = Self::new(width);
        let mut whole = bin.whole();
        whole[..width].copy_from_slice(sums);
        let pairs = (0..width).flat_map(|i| (i..width).map(move |j| (i, j)));
        for ((i, j), product) in pairs.zip(products) {
            whole[bin.padded + place(bin.padded, i, j)] = *product;
        }
        bin.rows = rows;
        bin.spilled = whole;
        bin
    }

    /// Moves everything out of the parts.
    pub(super) fn spill(&mut self) {
        self.spilled = self.whole();
        self.parts.clear();
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

/// Sums of few enough rows to fit 64 bits.
#[derive(Clone, Debug)]
pub(super) struct Part {
    rows: usize,
    pub(super) sums: Vec<i64>,
    /// By squares; see [`place`].
    pub(super) products: Vec<i64>,
    /// Bits that a product lacks of whole steps.
    shift: i32,
}

impl Part {
    pub(super) fn new(padded: usize, shift: i32) -> Self {
        Self {
            rows: 0,
            sums: vec![0; padded],
            products: vec![0; products_len(padded)],
            shift,
        }
    }

    fn product(&self, at: usize) -> i128 {
        i128::from(self.products[at]) << self.shift
    }

    /// Counts rows that were added, and makes room before the next ones might have none.
    fn count(&mut self, rows: usize, spilled: &mut Vec<i128>) {
        self.rows += rows;
        let padded = self.sums.len();
        let mut squares = (0..padded).map(|at| self.products[place(padded, at, at)]);
        if self.rows < MOST_ROWS && squares.all(|sum| sum < MOST_SQUARES) {
            return;
        }
        spilled.resize(padded + self.products.len(), 0);
        self.add_to(spilled);
        self.sums.fill(0);
        self.products.fill(0);
        self.rows = 0;
    }

    fn add_to(&self, whole: &mut [i128]) {
        let (sums, products) = whole.split_at_mut(self.sums.len());
        for (total, sum) in sums.iter_mut().zip(&self.sums) {
            *total += i128::from(*sum);
        }
        for (total, product) in products.iter_mut().zip(&self.products) {
            *total += i128::from(*product) << self.shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Embeddings;
    use crate::moments::scales::Scales;

    fn add(bin: &mut Bin, way: Way, batch: &Embeddings, rows: &[usize]) {
        let sides = [batch];
        let source = Source::new(&sides, Scales::default(), rows);
        let Way::Digits(tiles) = way else {
            return bin.add_fused(source);
        };
        for rows in rows.chunks(digits::BLOCK) {
            let mut part = bin.lend();
            digits::add(tiles, source.part(rows), 0..0, &mut part);
            bin.take_back(part, rows.len());
        }
    }

    #[test]
    fn what_is_spilled_is_still_there() {
        let rows: Vec<f32> = (0..60).map(|i| (i as f32).sin() / 2.0).collect();
        let batch = Embeddings::new(rows, 3).unwrap();
        let all: Vec<usize> = (0..20).collect();
        let (mut one, mut two) = (Bin::new(3), Bin::new(3));
        add(&mut one, Way::best(), &batch, &all);
        add(&mut two, Way::best(), &batch, &all[..7]);
        two.spill();
        add(&mut two, Way::best(), &batch, &all[7..]);
        assert_eq!(one, two);
        assert_ne!(one.product(0, 2), 0);
    }

    /// Squares near one fill 64 bits after two thousand rows; many more are added here.
    #[test]
    fn sums_beyond_64_bits_are_whole() {
        let n = 9000;
        let value = 1.0 - f32::EPSILON / 2.0;
        let batch = Embeddings::new(vec![value; n], 1).unwrap();
        let rows: Vec<usize> = (0..n).collect();
        for way in [Way::best(), Way::Fused] {
            let (mut one, mut many) = (Bin::new(1), Bin::new(1));
            add(&mut one, way, &batch, &rows[..1]);
            add(&mut many, way, &batch, &rows);
            assert_eq!(many.product(0, 0), one.product(0, 0) * n as i128);
            assert_eq!(many.sum(0), one.sum(0) * n as i128);
            assert!(many.product(0, 0) > i128::from(i64::MAX));
        }
    }
}
