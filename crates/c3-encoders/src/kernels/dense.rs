//! A matrix product and what follows it.

use burn::tensor::{Device, Tensor, TensorData};
use c3_kernels::{Last, Panels};

use super::{Activation, Bias, is_host, on_host};

/// `x * weight + bias`
#[derive(Debug)]
pub(crate) struct Dense {
    weight: Weight,
    bias: Bias,
}

#[derive(Debug)]
enum Weight {
    /// For our own product.
    Host(Panels),
    /// `[d_input, d_output]`, a view of what files hold the other way round.
    Device(Box<Tensor<2>>),
}

impl Dense {
    /// # Shapes
    ///
    /// - `turned`: `[d_output, d_input]`, as PyTorch stores it
    /// - `bias`: `[d_output]`
    pub(crate) fn new(turned: &[f32], bias: Vec<f32>, d_input: usize, device: &Device) -> Self {
        let shape = [bias.len(), d_input];
        let weight = if is_host(device) {
            Weight::Host(Panels::new(turned, shape))
        } else {
            Weight::on(turned, shape, device)
        };
        Self {
            weight,
            bias: Bias::new(bias, device),
        }
    }

    /// `activation(x * weight + bias)`
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, d_input]`
    /// - result: `[rows, d_output]`
    pub(crate) fn forward(&self, x: Tensor<2>, activation: Activation) -> Tensor<2> {
        match &self.weight {
            Weight::Host(panels) => {
                let device = x.device();
                let shape = [x.dims()[0], panels.d_output()];
                let mut out = vec![0.0; shape[0] * shape[1]];
                self.multiply(panels, x, &mut out, Last::Over(activation));
                Tensor::from_data(TensorData::new(out, shape), &device)
            }
            Weight::Device(weight) => self
                .bias
                .finish(x.matmul(Tensor::clone(weight)), activation),
        }
    }

    /// `x * weight + bias + residual`
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, d_input]`
    /// - `residual`, result: `[rows, d_output]`
    pub(crate) fn forward_onto(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        match &self.weight {
            Weight::Host(panels) => {
                on_host(residual, |out| self.multiply(panels, x, out, Last::Onto))
            }
            Weight::Device(weight) => {
                let product = x.matmul(Tensor::clone(weight));
                self.bias.finish_onto(product, residual)
            }
        }
    }

    fn multiply(&self, panels: &Panels, x: Tensor<2>, out: &mut [f32], last: Last) {
        let x = x.into_data();
        let x = x.as_slice().expect("towers compute in f32");
        panels.multiply(x, self.bias.values(), out, last);
    }
}

impl Weight {
    /// A view the other way round of `[d_output, d_input]`.
    fn on(turned: &[f32], shape: [usize; 2], device: &Device) -> Self {
        let turned: Tensor<2> = Tensor::from_data(TensorData::new(turned.to_vec(), shape), device);
        Self::Device(Box::new(turned.transpose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|at| (at as f32 * step).sin()).collect()
    }

    #[test]
    fn our_product_agrees_with_that_of_burn() {
        let device = Device::flex();
        let [rows, d_input, d_output] = [19, 37, 53];
        let tensor = |shape: [usize; 2], step| -> Tensor<2> {
            Tensor::from_data(
                TensorData::new(waves(shape[0] * shape[1], step), shape),
                &device,
            )
        };
        let turned = waves(d_output * d_input, 0.73);
        let here = Dense::new(&turned, waves(d_output, 0.3), d_input, &device);
        let there = Dense {
            weight: Weight::on(&turned, [d_output, d_input], &device),
            bias: here.bias.clone(),
        };
        let (x, residual) = (tensor([rows, d_input], 0.37), tensor([rows, d_output], 0.5));
        let mut pairs = vec![
            here.forward_onto(x.clone(), residual.clone()),
            there.forward_onto(x.clone(), residual),
        ];
        for activation in [
            Activation::Identity,
            Activation::Relu6,
            Activation::Gelu,
            Activation::QuickGelu,
        ] {
            pairs.extend([&here, &there].map(|dense| dense.forward(x.clone(), activation)));
        }
        for pair in pairs.chunks_exact(2) {
            let difference = (pair[0].clone() - pair[1].clone()).abs().max();
            let difference: f32 = difference.into_scalar();
            assert!(difference < 3e-6, "{difference}"); // a few units in the last place of 6
        }
    }
}
