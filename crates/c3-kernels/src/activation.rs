//! What a layer does to its sums.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::exp;

/// What a layer does to its sums, number by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x * (1 + erf(x / sqrt(2))) / 2`
    Gelu,
    /// [`Self::Gelu`] through tanh (Hendrycks and Gimpel 2016), as in GPT-2.
    GeluTanh,
    /// `x * sigmoid(1.702 x)`, as in CLIP.
    QuickGelu,
}

/// `min(max(x, 0), 6)`
#[inline(always)]
#[must_use]
pub fn relu6(x: f32) -> f32 {
    x.clamp(0.0, 6.0)
}

/// The steepness with which the sigmoid comes closest to the error function.
const QUICK: f32 = 1.702;

/// `x * sigmoid(1.702 x)`
#[inline(always)]
#[must_use]
pub fn quick_gelu(x: f32) -> f32 {
    silu_of(x, QUICK * x)
}

/// `x * sigmoid(x)`
#[inline(always)]
#[must_use]
pub fn silu(x: f32) -> f32 {
    silu_of(x, x)
}

/// `x * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`
#[inline(always)]
#[must_use]
pub fn gelu_tanh(x: f32) -> f32 {
    const TWICE_ROOT: f32 = 1.595_769_2; // 2 sqrt(2 / pi)
    // Half of `1 + tanh(z)` is `sigmoid(2 z)`.
    silu_of(x, (x * x * (0.044_715 * TWICE_ROOT) + TWICE_ROOT) * x)
}

/// `x * sigmoid(z)`
#[inline(always)]
fn silu_of(x: f32, z: f32) -> f32 {
    x / (1.0 + exp(-z))
}

/// `x * (1 + erf(x / sqrt(2))) / 2`
#[inline(always)]
#[must_use]
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2))
}

/// Numerator and denominator of `erf(x) / x` in powers of the square of `x`.
///
/// Fitted to the least absolute error of `erf` on [-4, 4], which is 2e-8; beyond,
/// `erf` is 1 to within 2e-8. In f32, rounding makes it 4e-7.
const NUMERATOR: [f32; 6] = [
    FRAC_2_SQRT_PI,
    0.196_249_54,
    0.053_467_557,
    0.004_003_671_5,
    0.000_288_042_3,
    1.974_828_8e-6,
];
const DENOMINATOR: [f32; 6] = [
    1.0,
    0.507_252_8,
    0.116_476_66,
    0.015_444_471,
    0.001_216_366_8,
    3.748_09e-5,
];

#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    x * polynomial(NUMERATOR, square) / polynomial(DENOMINATOR, square)
}

#[inline(always)]
fn polynomial(coefficients: [f32; 6], x: f32) -> f32 {
    let [a, b, c, d, e, f] = coefficients;
    ((((f * x + e) * x + d) * x + c) * x + b) * x + a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_has_the_values_of_tables() {
        let table = [
            (0.0, 0.0),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.0, 0.995_322_3),
        ];
        for (x, expected) in table {
            assert!((erf(x) - expected).abs() < 4e-7);
            assert_eq!(erf(-x), -erf(x));
        }
        assert!((erf(9.0) - 1.0).abs() < 4e-7);
    }

    #[test]
    fn activations_through_exp_are_those_of_double_precision() {
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        for step in -120..=120_i8 {
            let x = f32::from(step) / 10.0;
            let wide = f64::from(x);
            let root = (2.0 / std::f64::consts::PI).sqrt();
            let tanh = (root * (wide + 0.044_715 * wide.powi(3))).tanh();
            let pairs = [
                (silu(x), wide * sigmoid(wide)),
                (quick_gelu(x), wide * sigmoid(1.702 * wide)),
                (gelu_tanh(x), wide * (1.0 + tanh) / 2.0),
            ];
            for (ours, exact) in pairs {
                assert!((f64::from(ours) - exact).abs() < 1e-6 * wide.abs().max(1.0));
            }
        }
    }
}
