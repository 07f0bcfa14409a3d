//! Which rows share a grid: those of one scale.

use std::collections::BTreeMap;
use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::source;
use crate::Embeddings;

/// Scales are powers of `2^STRIDE`, so that rows of unit length share one as a rule.
const STRIDE: i32 = 4;
/// Bits below the scales that whole sums of products count in.
pub(super) const PRODUCT_BITS: i32 = 52;

/// The exponents of two that bound the values of a row, one for each modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scales(pub(super) [i16; 2]);

impl Scales {
    /// What brings the values of each side to below one.
    pub(super) fn factors(self) -> [f64; 2] {
        self.0.map(|scale| power_of_two(-i32::from(scale)))
    }

    /// What one counts for in the sums of a side.
    pub(super) fn step(self, side: usize) -> f64 {
        power_of_two(i32::from(self.0[side]) - source::BITS)
    }

    /// What one counts for in the products of two sides.
    pub(super) fn product_step(self, left: usize, right: usize) -> f64 {
        power_of_two(i32::from(self.0[left]) + i32::from(self.0[right]) - PRODUCT_BITS)
    }
}

/// Sorts rows by their scales: a row decides its own, so any order gives the same.
pub(super) fn sort(sides: &[&Embeddings], rows: Range<usize>) -> BTreeMap<Scales, Vec<usize>> {
    let scales: Vec<Scales> = (rows.clone().into_par_iter())
        .map(|row| of(sides, row))
        .collect();
    let mut sorted: BTreeMap<Scales, Vec<usize>> = BTreeMap::new();
    for (row, scales) in rows.zip(scales) {
        sorted.entry(scales).or_default().push(row);
    }
    sorted
}

/// The scales of a row.
pub(super) fn of(sides: &[&Embeddings], row: usize) -> Scales {
    let arch = Arch::new();
    let mut scales = Scales::default();
    for (scale, side) in scales.0.iter_mut().zip(sides) {
        *scale = scale_of(arch.dispatch(|| largest(side.row(row))));
    }
    scales
}

/// The largest size of a value. The bits of positive numbers have the order of the numbers, and
/// whole numbers are compared many at once.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let sizes = row.iter().map(|value| value.abs().to_bits());
    f32::from_bits(sizes.fold(0, u32::max))
}

/// The least multiple of the stride whose power of two is above that size.
fn scale_of(largest: f32) -> i16 {
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
            assert_eq!(scale_of(largest(&[0.0, -value])), scale, "{value}");
        }
        assert_eq!(scale_of(largest(&[0.0])), 0);
    }
}
