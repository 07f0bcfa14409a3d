//! One side of the space: from a row of features to a unit embedding.

use burn::module::{Initializer, Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{gelu, relu};
use burn::tensor::{Device, Distribution, Tensor};

use super::config::{Activation, ConvConfig, HeadConfig, TowerConfig};

/// Shortest length an embedding is divided by.
const LENGTH_FLOOR: f64 = 1e-12;

/// One side of the space.
#[derive(Module, Debug)]
pub enum Tower {
    /// A projection head over features.
    Head(Head),
    /// A convolutional network over pixels.
    Conv(Conv),
}

impl Tower {
    /// Builds a tower for rows of width `d_input`, with fresh weights.
    pub(super) fn new(config: &TowerConfig, d_input: usize, d_embed: usize, d: &Device) -> Self {
        match config {
            TowerConfig::Head(config) => Self::Head(Head::new(config, d_input, d_embed, d)),
            TowerConfig::Conv(config) => Self::Conv(Conv::new(config, d_embed, d)),
        }
    }

    /// Maps rows of features to unit embeddings.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[batch, d_input]`
    /// - result: `[batch, d_embed]`
    pub(super) fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let raw = match self {
            Self::Head(head) => head.forward(rows),
            Self::Conv(conv) => conv.forward(rows),
        };
        let length = raw
            .clone()
            .square()
            .sum_dim(1)
            .sqrt()
            .clamp_min(LENGTH_FLOOR);
        raw / length
    }
}

/// Hidden layers, then a linear map.
#[derive(Module, Debug)]
pub struct Head {
    hidden: Vec<Linear>,
    project: Linear,
    dropout: Dropout,
    scale: f64,
    #[module(skip)]
    activation: Activation,
}

impl Head {
    fn new(config: &HeadConfig, d_input: usize, d_embed: usize, device: &Device) -> Self {
        let mut width = d_input;
        let mut hidden = Vec::with_capacity(config.n_hidden);
        for _ in 0..config.n_hidden {
            hidden.push(LinearConfig::new(width, config.d_hidden).init(device));
            width = config.d_hidden;
        }
        Self {
            hidden,
            project: projection(width, d_embed, config.cone, device),
            dropout: DropoutConfig::new(config.dropout).init(),
            scale: config.scale,
            activation: config.activation,
        }
    }

    fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let mut rows = rows * self.scale;
        for layer in &self.hidden {
            let wide = layer.forward(rows); // [batch, d_hidden]
            rows = self.dropout.forward(match self.activation {
                Activation::Relu => relu(wide),
                Activation::Gelu => gelu(wide),
            });
        }
        self.project.forward(rows) // [batch, d_embed]
    }
}

/// Halving convolutions, then a linear map.
#[derive(Module, Debug)]
pub struct Conv {
    layers: Vec<Conv2d>,
    project: Linear,
    dropout: Dropout,
    side: usize,
}

impl Conv {
    fn new(config: &ConvConfig, d_embed: usize, device: &Device) -> Self {
        let mut layers = Vec::with_capacity(config.channels.len());
        let (mut from, mut side) = (3, config.side);
        for to in &config.channels {
            layers.push(halving(from, *to).init(device));
            from = *to;
            side = side.div_ceil(2);
        }
        Self {
            layers,
            project: projection(from * side * side, d_embed, config.cone, device),
            dropout: DropoutConfig::new(config.dropout).init(),
            side: config.side,
        }
    }

    fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let [batch, _] = rows.dims();
        let mut maps = rows.reshape([batch, 3, self.side, self.side]);
        for layer in &self.layers {
            maps = relu(layer.forward(maps)); // [batch, channels, side / 2, side / 2]
        }
        let flat: Tensor<2> = maps.flatten(1, 3);
        self.project.forward(self.dropout.forward(flat)) // [batch, d_embed]
    }
}

/// A convolution of stride 2, its weights keeping the variance through a ReLU (He et al. 2015,
/// arXiv:1502.01852).
fn halving(from: usize, to: usize) -> Conv2dConfig {
    Conv2dConfig::new([from, to], [3, 3])
        .with_stride([2, 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_initializer(Initializer::KaimingNormal {
            gain: 2.0_f64.sqrt(),
            fan_out_only: false,
        })
}

/// The last map, a random direction of the length asked for added to its bias.
fn projection(d_input: usize, d_embed: usize, cone: f64, device: &Device) -> Linear {
    let spread = Distribution::Normal(0.0, 1.0);
    let direction = Tensor::<1>::random([d_embed], spread, device);
    let length = direction
        .clone()
        .square()
        .sum()
        .sqrt()
        .clamp_min(LENGTH_FLOOR);
    let mut project = LinearConfig::new(d_input, d_embed).init(device);
    let offset = direction * cone / length;
    project.bias = project
        .bias
        .map(|bias| Param::from_tensor(bias.val() + offset));
    project
}
