//! Tensors of a file into layers.

use burn::tensor::{Device, Tensor, TensorData};

use super::Norm;
use crate::kernels::Dense;
use crate::tensors::TensorFile;

/// Takes tensors of a file as layers on a device; the file remembers what did not fit.
pub(crate) struct Layers<'a> {
    pub(crate) tensors: TensorFile,
    pub(crate) device: &'a Device,
}

impl Layers<'_> {
    /// Takes `name.weight` and `name.bias` as a layer of `[d_input, d_output]`.
    pub(crate) fn dense(&mut self, name: &str, shape: [usize; 2]) -> Dense {
        let names = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        self.dense_named(&names, shape)
    }

    /// Takes a layer, which PyTorch stores as `[d_output, d_input]`.
    pub(crate) fn dense_named(
        &mut self,
        [weight, bias]: &[String; 2],
        [d_input, d_output]: [usize; 2],
    ) -> Dense {
        let weight = self.tensors.take(weight, &[d_output, d_input]);
        let bias = self.tensors.take(bias, &[d_output]);
        Dense::new(weight, bias, d_input, self.device)
    }

    /// Takes `name.weight` and `name.bias` as a layer normalization.
    pub(crate) fn norm(&mut self, name: &str, width: usize, epsilon: f64) -> Norm {
        let gain = self.tensors.take(&format!("{name}.weight"), &[width]);
        let offset = self.tensors.take(&format!("{name}.bias"), &[width]);
        Norm {
            gain: self.tensor(gain, [width]),
            offset: self.tensor(offset, [width]),
            epsilon,
        }
    }

    /// Takes numbers as they lie.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.tensors.take(name, shape)
    }

    /// Takes a matrix as it lies.
    pub(crate) fn by_name(&mut self, name: &str, shape: [usize; 2]) -> Tensor<2> {
        let values = self.tensors.take(name, &shape);
        self.tensor(values, shape)
    }

    /// Takes `name.weight`, a layer without a bias, as `[d_input, d_output]`.
    pub(crate) fn turned_by_name(
        &mut self,
        name: &str,
        [d_input, d_output]: [usize; 2],
    ) -> Tensor<2> {
        let shape = [d_output, d_input];
        let values = self.tensors.take(&format!("{name}.weight"), &shape);
        self.turned(values, shape)
    }

    /// A view of a matrix the other way round; nothing is moved.
    pub(crate) fn turned(&self, values: Vec<f32>, shape: [usize; 2]) -> Tensor<2> {
        self.tensor(values, shape).transpose()
    }

    pub(crate) fn tensor<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}
