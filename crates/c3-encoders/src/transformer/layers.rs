//! Tensors of a file into layers.

use burn::tensor::{Device, Tensor, TensorData};

use super::Norm;
use crate::kernels::Dense;
use crate::tensors::TensorFile;

/// Takes tensors of a file as layers on a device; the file remembers what did not fit.
pub(crate) struct Layers<'a> {
    pub(crate) tensors: TensorFile,
    pub(crate) device: &'a Device,
    /// Where matrices lie until they are arranged, kept from one to the next: room that the system
    /// has to clear costs as much as reading.
    room: Vec<f32>,
}

impl<'a> Layers<'a> {
    pub(crate) fn new(tensors: TensorFile, device: &'a Device) -> Self {
        Self {
            tensors,
            device,
            room: Vec::new(),
        }
    }

    /// Takes `name.weight` and `name.bias` as a layer of `[d_input, d_output]`.
    pub(crate) fn dense(&mut self, name: &str, shape: [usize; 2]) -> Dense {
        self.dense_beside(&[name.to_owned()], shape)
    }

    /// Takes layers of one shape side by side, as one.
    pub(crate) fn dense_beside(&mut self, names: &[String], shape: [usize; 2]) -> Dense {
        let named = |name: &String| ["weight", "bias"].map(|part| format!("{name}.{part}"));
        let names: Vec<[String; 2]> = names.iter().map(named).collect();
        self.dense_named(&names, shape)
    }

    /// The same by the names of weight and bias. PyTorch stores `[d_output, d_input]`.
    pub(crate) fn dense_named(
        &mut self,
        names: &[[String; 2]],
        [d_input, d_output]: [usize; 2],
    ) -> Dense {
        let mut biases = Vec::with_capacity(names.len() * d_output);
        self.room.clear();
        for [weight, bias] in names {
            let shape = [d_output, d_input];
            self.tensors.take_behind(&mut self.room, weight, &shape);
            self.tensors.take_behind(&mut biases, bias, &[d_output]);
        }
        Dense::new(&self.room, biases, d_input, self.device)
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
