//! What follows a matrix product: a bias, an activation, a residual.

use burn::tensor::{Device, Tensor, TensorData, activation};
use pulp::{Arch, NullaryFnOnce};

use super::exp::exp;
use super::{is_host, on_host};

/// What a layer ends with, after its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing more.
    Linear,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x * (1 + erf(x / sqrt(2))) / 2`
    Gelu,
    /// `x * sigmoid(1.702 x)`
    QuickGelu,
}

/// One number for each output of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Bias {
    values: Vec<f32>,
    /// `[1, d_output]`
    row: Tensor<2>,
}

impl Bias {
    pub(crate) fn new(values: Vec<f32>, device: &Device) -> Self {
        let data = TensorData::new(values.clone(), [1, values.len()]);
        Self {
            values,
            row: Tensor::from_data(data, device),
        }
    }

    /// The numbers themselves.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// `ending(x + bias)`, `[rows, d_output]`
    pub(crate) fn finish(&self, x: Tensor<2>, ending: Ending) -> Tensor<2> {
        if !is_host(&x.device()) {
            let x = x + self.row.clone();
            return match ending {
                Ending::Linear => x,
                Ending::Relu6 => x.clamp(0.0, 6.0),
                Ending::Gelu => activation::gelu(x),
                Ending::QuickGelu => x.clone() * activation::sigmoid(x * QUICK),
            };
        }
        on_host(x, |rows| {
            Arch::new().dispatch(Finish {
                rows,
                bias: &self.values,
                ending,
            });
        })
    }

    /// `x + bias + residual`, `[rows, d_output]`
    pub(crate) fn finish_onto(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        if !is_host(&x.device()) {
            return x + self.row.clone() + residual;
        }
        let residual = residual.into_data();
        let residual: &[f32] = residual.as_slice().expect("towers compute in f32");
        on_host(x, |rows| {
            Arch::new().dispatch(Add {
                rows,
                bias: &self.values,
                residual,
            });
        })
    }
}

/// `ending(row + bias)` for each row.
pub(super) struct Finish<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) bias: &'a [f32],
    pub(super) ending: Ending,
}

impl NullaryFnOnce for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { rows, bias, ending } = self;
        match ending {
            Ending::Linear => map(rows, bias, |x| x),
            Ending::Relu6 => map(rows, bias, relu6),
            Ending::Gelu => map(rows, bias, gelu),
            Ending::QuickGelu => map(rows, bias, quick_gelu),
        }
    }
}

#[inline(always)]
fn map(rows: &mut [f32], bias: &[f32], ending: impl Fn(f32) -> f32) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = ending(*value + bias);
        }
    }
}

/// `row + bias + residual` for each row.
struct Add<'a> {
    rows: &'a mut [f32],
    bias: &'a [f32],
    residual: &'a [f32],
}

impl NullaryFnOnce for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.bias.len();
        let rows = self.rows.chunks_exact_mut(width);
        for (row, residual) in rows.zip(self.residual.chunks_exact(width)) {
            let terms = self.bias.iter().zip(residual);
            for (value, (bias, residual)) in row.iter_mut().zip(terms) {
                *value += bias + residual;
            }
        }
    }
}

#[inline(always)]
pub(super) fn relu6(x: f32) -> f32 {
    x.clamp(0.0, 6.0)
}

/// The steepness with which the sigmoid comes closest to the error function.
const QUICK: f32 = 1.702;

#[inline(always)]
pub(super) fn quick_gelu(x: f32) -> f32 {
    x / (1.0 + exp(-QUICK * x))
}

#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Numerator and denominator of `erf(x) / x` in powers of the square of `x`.
///
/// Fitted to the least absolute error of `erf` on [-4, 4], which is 2e-8; beyond,
/// `erf` is 1 to within 2e-8. In f32, rounding makes it 4e-7.
const NUMERATOR: [f32; 6] = [
    std::f32::consts::FRAC_2_SQRT_PI,
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

    /// Rows of `x` and a bias of the same width, from -6 to 6.
    fn inputs() -> (Tensor<2>, Bias) {
        let device = Device::flex();
        let width = 37;
        let values = (0..19 * width).map(|index| (index as f32 * 0.731).sin() * 6.0);
        let values = TensorData::new(values.collect::<Vec<f32>>(), [19, width]);
        let bias = (0..width).map(|index| index as f32 / 40.0 - 0.4).collect();
        (Tensor::from_data(values, &device), Bias::new(bias, &device))
    }

    fn assert_near(ours: Tensor<2>, theirs: Tensor<2>) {
        let difference: f32 = (ours - theirs).abs().max().into_scalar();
        assert!(difference < 3e-6, "{difference}"); // a few units in the last place of 6
    }

    #[test]
    fn endings_agree_with_the_operations_of_burn() {
        let (x, bias) = inputs();
        let sum = x.clone() + bias.row.clone();
        assert_near(bias.finish(x.clone(), Ending::Linear), sum.clone());
        let clamped = sum.clone().clamp(0.0, 6.0);
        assert_near(bias.finish(x.clone(), Ending::Relu6), clamped);
        let gelu = activation::gelu(sum.clone());
        assert_near(bias.finish(x.clone(), Ending::Gelu), gelu);
        let quick = sum.clone() * activation::sigmoid(sum * QUICK);
        assert_near(bias.finish(x, Ending::QuickGelu), quick);
    }

    #[test]
    fn a_residual_is_added_after_the_bias() {
        let (x, bias) = inputs();
        let residual = x.clone() * 0.5;
        let sum = x.clone() + bias.row.clone() + residual.clone();
        assert_near(bias.finish_onto(x, residual), sum);
    }

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
}
