//! Fresh weights, drawn on the host.

use burn::module::Param;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// Standard deviation of fresh weights, as in GPT-2.
const STD: f32 = 0.02;

/// Added to the variance by a normalisation, as in GPT-2.
pub(crate) const EPSILON: f64 = 1e-5;

/// Makes parameters on one device.
///
/// burn's own initializers draw from one generator per process, which two
/// trainings side by side would race for.
pub(crate) struct Init<'a> {
    rng: Option<ChaCha8Rng>,
    device: &'a Device,
}

impl<'a> Init<'a> {
    /// Draws normal weights from `rng`.
    pub(crate) fn drawn(rng: ChaCha8Rng, device: &'a Device) -> Self {
        Self {
            rng: Some(rng),
            device,
        }
    }

    /// Leaves every weight at zero, to be overwritten by those of a file.
    pub(crate) fn zeros(device: &'a Device) -> Self {
        Self { rng: None, device }
    }

    /// A matrix `[rows, columns]` of deviation 0.02.
    pub(super) fn matrix(&mut self, rows: usize, columns: usize) -> Param<Tensor<2>> {
        self.scaled([rows, columns], STD)
    }

    /// A layer from width `d_input` to `d_output`, the bias zero.
    ///
    /// The deviation keeps the length of a vector (Glorot and Bengio 2010),
    /// since the widths here are far from those that GPT-2's 0.02 was made for.
    pub(super) fn linear(&mut self, d_input: usize, d_output: usize) -> Linear {
        self.scaled_linear(d_input, d_output, 1.0)
    }

    /// As [`Self::linear`], without a bias.
    pub(crate) fn linear_without_bias(&mut self, d_input: usize, d_output: usize) -> Linear {
        Linear {
            bias: None,
            ..self.linear(d_input, d_output)
        }
    }

    /// A matrix `[rows, columns]` of numbers that vary by one.
    pub(super) fn constants(&mut self, rows: usize, columns: usize) -> Param<Tensor<2>> {
        self.scaled([rows, columns], 1.0)
    }

    /// A layer that makes tokens from numbers which vary by about one, of deviation 0.02 as in
    /// GPT-2: the prefix must not drown in what the blocks add to it.
    pub(super) fn token_linear(&mut self, d_input: usize, d_output: usize) -> Linear {
        self.linear_of_deviation(d_input, d_output, STD)
    }

    /// As [`Self::linear`], for the last layer of `n_residual` that add up in one stream: each
    /// is `1 / sqrt(n_residual)` as strong (GPT-2).
    pub(super) fn residual_linear(
        &mut self,
        d_input: usize,
        d_output: usize,
        n_residual: usize,
    ) -> Linear {
        self.scaled_linear(d_input, d_output, 1.0 / (n_residual as f32).sqrt())
    }

    /// As [`Self::residual_linear`], without a bias.
    pub(crate) fn residual_linear_without_bias(
        &mut self,
        d_input: usize,
        d_output: usize,
        n_residual: usize,
    ) -> Linear {
        Linear {
            bias: None,
            ..self.residual_linear(d_input, d_output, n_residual)
        }
    }

    /// A normalisation of lengths that changes no scale yet.
    pub(crate) fn length_norm(&mut self, d_model: usize, epsilon: f64) -> RmsNorm {
        RmsNormConfig::new(d_model)
            .with_epsilon(epsilon)
            .init(self.device)
    }

    /// A normalisation that changes no scale yet.
    pub(super) fn norm(&mut self, d_model: usize) -> LayerNorm {
        LayerNormConfig::new(d_model)
            .with_epsilon(EPSILON)
            .init(self.device)
    }

    fn scaled_linear(&mut self, d_input: usize, d_output: usize, gain: f32) -> Linear {
        let std = gain * (2.0 / (d_input + d_output) as f32).sqrt();
        self.linear_of_deviation(d_input, d_output, std)
    }

    fn linear_of_deviation(&mut self, d_input: usize, d_output: usize, std: f32) -> Linear {
        Linear {
            weight: self.scaled([d_input, d_output], std),
            bias: Some(Param::from_tensor(Tensor::zeros([d_output], self.device))),
        }
    }

    fn scaled(&mut self, shape: [usize; 2], std: f32) -> Param<Tensor<2>> {
        let count = shape[0] * shape[1];
        let values: Vec<f32> = match &mut self.rng {
            Some(rng) => {
                let normal = Normal::new(0.0, std).expect("a deviation is finite and positive");
                normal.sample_iter(rng).take(count).collect()
            }
            None => vec![0.0; count],
        };
        let data = TensorData::new(values, shape);
        Param::from_tensor(Tensor::from_data(data, self.device))
    }
}
