//! The layers that both kinds of body are made of.

use burn::module::Param;
use burn::nn::{LayerNorm, Linear, RmsNorm};
use burn::tensor::Tensor;
use c3_kernels::{Activation, Last, Panels, layer_norm, length_norm};
use pulp::Arch;
use rayon::prelude::*;

use crate::prefix::EPSILON;

/// Takes the numbers out of a parameter, without a copy if nothing else holds it.
pub(crate) fn values<const D: usize>(param: Param<Tensor<D>>) -> Vec<f32> {
    let data = param.into_value().into_data();
    data.try_into_vec()
        .expect("decoders keep their weights in f32")
}

/// `x * weight + bias`
#[derive(Debug)]
pub(crate) struct Dense {
    panels: Panels,
    bias: Vec<f32>,
}

impl Dense {
    /// Layers that read the same, side by side.
    pub(crate) fn new(layers: impl IntoIterator<Item = Linear>) -> Self {
        let (mut weights, mut bias, mut d_input) = (Vec::new(), Vec::new(), 0);
        for layer in layers {
            let [rows, columns] = layer.weight.dims();
            d_input = rows;
            weights.push(values(layer.weight));
            match layer.bias {
                Some(own) => bias.extend(values(own)),
                None => bias.resize(bias.len() + columns, 0.0),
            }
        }
        let weights: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
        Self {
            panels: Panels::side_by_side(&weights, d_input),
            bias,
        }
    }

    /// `activation(x * weight + bias)`, `[rows, d_input]` to `[rows, d_output]`
    pub(super) fn forward(&self, x: &[f32], activation: Activation) -> Vec<f32> {
        let rows = x.len() / self.panels.d_input();
        let mut out = vec![0.0; rows * self.panels.d_output()];
        let last = Last::Over(activation);
        self.panels.multiply(x, &self.bias, &mut out, last);
        out
    }

    /// Adds `x * weight + bias` to the rows of a stream.
    pub(super) fn add_to(&self, x: &[f32], stream: &mut [f32]) {
        self.panels.multiply(x, &self.bias, stream, Last::Onto);
    }
}

/// A normalisation of rows.
#[derive(Debug)]
pub(crate) struct Norm {
    gain: Vec<f32>,
    /// Only where the mean is taken out.
    bias: Option<Vec<f32>>,
    epsilon: f32,
}

impl Norm {
    /// Of mean and variance.
    pub(crate) fn layer(norm: LayerNorm) -> Self {
        let gain = values(norm.gamma);
        let bias = norm.beta.map_or_else(|| vec![0.0; gain.len()], values);
        Self {
            gain,
            bias: Some(bias),
            epsilon: EPSILON as f32,
        }
    }

    /// Of length alone.
    pub(crate) fn length(norm: RmsNorm) -> Self {
        Self {
            gain: values(norm.gamma),
            bias: None,
            epsilon: norm.epsilon as f32,
        }
    }

    /// `[rows, d_model]` to the same.
    pub(super) fn forward(&self, rows: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; rows.len()];
        let width = self.gain.len();
        let arch = Arch::new();
        let pairs = out
            .par_chunks_exact_mut(width)
            .zip(rows.par_chunks_exact(width));
        pairs.for_each(|(out, row)| {
            arch.dispatch(|| match &self.bias {
                Some(bias) => layer_norm(row, [&self.gain, bias], self.epsilon, out),
                None => length_norm(row, &self.gain, self.epsilon, out),
            });
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn numbers_come_out_of_a_parameter_where_they_lie() {
        let numbers = vec![0.5; 96];
        let place = numbers.as_ptr();
        let data = TensorData::new(numbers, [8, 12]);
        let tensor = Tensor::<2>::from_data(data, &Device::flex());
        let param = Param::from_tensor(tensor);
        let held = param.clone();
        let copied = values(param);
        assert_ne!(copied.as_ptr(), place);
        let moved = values(held);
        assert_eq!(moved.as_ptr(), place);
    }
}
