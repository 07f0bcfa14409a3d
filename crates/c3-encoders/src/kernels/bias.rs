//! What follows a matrix product: a bias, an activation, a residual.

use burn::tensor::{Device, Tensor, TensorData, activation};
use c3_kernels::{Activation, gelu, gelu_tanh, quick_gelu, relu6};
use pulp::{Arch, NullaryFnOnce};

use super::{is_host, on_host};

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

    /// `activation(x + bias)`, `[rows, d_output]`
    pub(crate) fn finish(&self, x: Tensor<2>, activation: Activation) -> Tensor<2> {
        if !is_host(&x.device()) {
            let x = x + self.row.clone();
            return by_burn(x, activation);
        }
        on_host(x, |rows| {
            Arch::new().dispatch(Finish {
                rows,
                bias: &self.values,
                activation,
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

/// An activation in operations of burn.
fn by_burn(x: Tensor<2>, activation: Activation) -> Tensor<2> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => activation::relu(x),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Gelu => activation::gelu(x),
        Activation::GeluTanh => activation::gelu_approximate(x),
        Activation::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
    }
}

/// `activation(row + bias)` for each row.
pub(super) struct Finish<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) bias: &'a [f32],
    pub(super) activation: Activation,
}

impl NullaryFnOnce for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            rows,
            bias,
            activation,
        } = self;
        match activation {
            Activation::Identity => map(rows, bias, |x| x),
            Activation::Relu => map(rows, bias, |x| x.max(0.0)),
            Activation::Relu6 => map(rows, bias, relu6),
            Activation::Gelu => map(rows, bias, gelu),
            Activation::GeluTanh => map(rows, bias, gelu_tanh),
            Activation::QuickGelu => map(rows, bias, quick_gelu),
        }
    }
}

#[inline(always)]
fn map(rows: &mut [f32], bias: &[f32], activation: impl Fn(f32) -> f32) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value = activation(*value + bias);
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
    fn activations_agree_with_the_operations_of_burn() {
        let (x, bias) = inputs();
        for activation in [
            Activation::Identity,
            Activation::Relu,
            Activation::Relu6,
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::QuickGelu,
        ] {
            let theirs = by_burn(x.clone() + bias.row.clone(), activation);
            assert_near(bias.finish(x.clone(), activation), theirs);
        }
    }

    #[test]
    fn a_residual_is_added_after_the_bias() {
        let (x, bias) = inputs();
        let residual = x.clone() * 0.5;
        let sum = x.clone() + bias.row.clone() + residual.clone();
        assert_near(bias.finish_onto(x, residual), sum);
    }
}
