//! The residual network, whose pool is attention.

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, softmax};
use burn::tensor::module::{avg_pool2d, conv2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions};

use crate::kernels::{Activation, Dense};

/// CLIP's residual network: a stem of three convolutions, average pools where others step
/// (Zhang 2019, arXiv:1904.11486), and attention for the last pool.
#[derive(Debug)]
pub(super) struct ResNet {
    pub(super) stem: [Convolution; 3],
    pub(super) blocks: Vec<Bottleneck>,
    pub(super) pool: AttentionPool,
}

impl ResNet {
    /// # Shapes
    ///
    /// - `pictures`: `[batch, 3, size, size]`
    /// - result: `[batch, d_embed]`
    pub(super) fn forward(&self, pictures: Tensor<4>) -> Tensor<2> {
        let stem = self.stem.iter();
        let x = stem.fold(pictures, |x, convolution| relu(convolution.forward(x)));
        let x = halve(x, 2); // [batch, width, size / 4, size / 4]
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        self.pool.forward(x)
    }
}

/// A convolution with its batch normalization folded in.
#[derive(Debug)]
pub(super) struct Convolution {
    /// `[d_output, d_input, kernel, kernel]`
    pub(super) weight: Tensor<4>,
    pub(super) bias: Tensor<1>,
    pub(super) stride: usize,
}

impl Convolution {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, kernel, _] = self.weight.dims();
        let options = ConvOptions::new([self.stride; 2], [kernel / 2; 2], [1, 1], 1);
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

/// Narrow, filter, pool, widen; added to the input, which is made to fit.
#[derive(Debug)]
pub(super) struct Bottleneck {
    pub(super) narrow: Convolution,
    pub(super) filter: Convolution,
    pub(super) widen: Convolution,
    /// Makes the input fit, where channels or size change.
    pub(super) shortcut: Option<Convolution>,
    pub(super) stride: usize,
}

impl Bottleneck {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inside = relu(self.narrow.forward(x.clone()));
        let inside = relu(self.filter.forward(inside));
        let inside = self.widen.forward(halve(inside, self.stride));
        let shortcut = match &self.shortcut {
            Some(convolution) => convolution.forward(halve(x, self.stride)),
            None => x,
        };
        relu(inside + shortcut)
    }
}

/// The mean of squares of `stride` pixels; 1 leaves all as it is.
fn halve(x: Tensor<4>, stride: usize) -> Tensor<4> {
    if stride == 1 {
        return x;
    }
    avg_pool2d(x, AvgPoolOptions::new([stride; 2]))
}

/// Attention of the mean pixel over all pixels and itself.
#[derive(Debug)]
pub(super) struct AttentionPool {
    /// `[1, pixels + 1, channels]`; the first is the mean's.
    pub(super) places: Tensor<3>,
    pub(super) query: Dense,
    pub(super) key: Dense,
    pub(super) value: Dense,
    pub(super) project: Dense,
    pub(super) n_heads: usize,
}

impl AttentionPool {
    /// # Shapes
    ///
    /// - `x`: `[batch, channels, grid, grid]`
    /// - result: `[batch, d_embed]`
    fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        let [batch, channels, height, width] = x.dims();
        let n_tokens = height * width + 1;
        let pixels = x.reshape([batch, channels, n_tokens - 1]).swap_dims(1, 2); // [batch, pixels, channels]
        let mean = pixels.clone().mean_dim(1);
        let tokens = Tensor::cat(vec![mean, pixels], 1) + self.places.clone();
        let mean = tokens.clone().narrow(1, 0, 1).reshape([batch, channels]);
        let tokens = tokens.reshape([batch * n_tokens, channels]);

        let heads = |x: Tensor<2>, n_tokens: usize| {
            let d_head = channels / self.n_heads;
            x.reshape([batch, n_tokens, self.n_heads, d_head])
                .swap_dims(1, 2) // [batch, n_heads, n_tokens, d_head]
        };
        let query = heads(self.query.forward(mean, Activation::Identity), 1);
        let key = heads(
            self.key.forward(tokens.clone(), Activation::Identity),
            n_tokens,
        );
        let value = heads(self.value.forward(tokens, Activation::Identity), n_tokens);
        let scale = ((channels / self.n_heads) as f64).sqrt();
        let scores = query.matmul(key.swap_dims(2, 3)) / scale; // [batch, n_heads, 1, n_tokens]
        let mixed = softmax(scores, 3).matmul(value);
        let mixed = mixed.swap_dims(1, 2).reshape([batch, channels]);
        self.project.forward(mixed, Activation::Identity)
    }
}
