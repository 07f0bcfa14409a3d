//! The exponential function, so that a loop over it becomes vectors.

use std::f32::consts::LOG2_E;

/// Adding it to a number below 2^22 rounds that to a whole one, in the lowest bits.
const ROUNDER: f32 = 12_582_912.0; // 3 * 2^22

/// `ln 2` in two parts, the first short enough that its products are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// `e^x` to 2 units in the last place between -87 and 88, and constant beyond.
///
/// `2^n * e^r` with `r` within half of `ln 2`, where the polynomial is that of Cephes
/// (Moshier).
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [
        1.398_2e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        sum = sum * r + coefficient;
    }
    let fraction = sum * r * r + r + 1.0;
    // The exponent of 2^n is n + 127, in the bits above the fraction's 23.
    let exponent = rounded.to_bits().wrapping_add(127) << 23;
    fraction * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_has_the_values_of_the_standard_library() {
        for step in -8700..=8800_i16 {
            let x = f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact) / exact;
            assert!(error.abs() < 2.4e-7, "{x}: {error:e}"); // 2 units
        }
    }

    #[test]
    fn exp_stays_finite_beyond_its_range() {
        assert!(exp(-1e9) > 0.0 && exp(-1e9) < 1e-37);
        assert!(exp(1e9).is_finite());
        assert_eq!(exp(0.0), 1.0);
    }
}
