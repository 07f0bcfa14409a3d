//! A body as in GPT-2: learned positions, pre-norm blocks, layers four times as wide inside.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Tensor, activation};

use super::attention::{Attention, KeyValues, by_rows, causal_mask};
use super::config::{Activation, PrefixDecoderConfig};
use super::dropout::Dropout;
use super::init::Init;
use crate::host;

/// Reads tokens as a GPT-2 does (Radford et al. 2019).
#[derive(Module, Debug)]
pub(crate) struct GptBody {
    positions: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl GptBody {
    pub(super) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        Self {
            positions: init.matrix(config.n_positions(), config.d_model),
            blocks: (0..config.n_layers)
                .map(|_| Block::new(config, init))
                .collect(),
            norm: init.norm(config.d_model),
        }
    }

    /// As [`super::body::Body::read`].
    pub(super) fn read(&self, tokens: Tensor<3>, first: usize, dropout: &mut Dropout) -> Tensor<3> {
        let [_, n_tokens, _] = tokens.dims();
        let mask = causal_mask(n_tokens, &tokens.device());
        let mut stream = dropout.apply(self.place(tokens, 0));
        for block in &self.blocks {
            stream = block.forward(stream, &mask, dropout);
        }
        self.norm.forward(stream.slice_dim(1, first..n_tokens))
    }

    /// As [`super::body::Body::read_keeping`].
    pub(super) fn read_keeping(&self, tokens: Tensor<3>) -> (Tensor<3>, Vec<KeyValues>) {
        let [_, n_tokens, _] = tokens.dims();
        let mask = causal_mask(n_tokens, &tokens.device());
        let mut stream = self.place(tokens, 0);
        let mut caches = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (next, cache) = block.forward_keeping(stream, &mask);
            stream = next;
            caches.push(cache);
        }
        let last = stream.slice_dim(1, n_tokens - 1..n_tokens);
        (self.norm.forward(last), caches)
    }

    /// As [`super::body::Body::read_next`].
    pub(super) fn read_next(
        &self,
        token: Tensor<3>,
        n_read: usize,
        caches: &mut [KeyValues],
    ) -> Tensor<3> {
        let mut stream = self.place(token, n_read);
        for (block, cache) in self.blocks.iter().zip(caches) {
            stream = block.forward_cached(stream, cache);
        }
        self.norm.forward(stream)
    }

    /// The same on the processor.
    pub(super) fn into_host(self) -> host::Body {
        host::Body {
            positions: host::Positions::Learned(host::values(self.positions)),
            blocks: self.blocks.into_iter().map(Block::into_host).collect(),
            norm: host::Norm::layer(self.norm),
        }
    }

    /// Adds the positions from `first` on.
    fn place(&self, tokens: Tensor<3>, first: usize) -> Tensor<3> {
        let [_, n_tokens, _] = tokens.dims();
        let positions = self.positions.val().slice_dim(0, first..first + n_tokens);
        tokens + positions.unsqueeze()
    }
}

/// One pre-norm transformer block.
#[derive(Module, Debug)]
struct Block {
    norm_attention: LayerNorm,
    attention: Attention,
    norm_mlp: LayerNorm,
    widen: Linear,
    narrow: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Block {
    fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        let (d_model, n_residual) = (config.d_model, 2 * config.n_layers);
        Self {
            norm_attention: init.norm(d_model),
            attention: Attention::new(config, init),
            norm_mlp: init.norm(d_model),
            widen: init.linear(d_model, 4 * d_model),
            narrow: init.residual_linear(4 * d_model, d_model, n_residual),
            activation: config.activation,
        }
    }

    fn forward(&self, stream: Tensor<3>, mask: &Tensor<4>, dropout: &mut Dropout) -> Tensor<3> {
        let normed = self.norm_attention.forward(stream.clone());
        let seen = self.attention.key_values(normed.clone());
        let attended = self.attention.attend(normed, seen, Some(mask));
        let stream = stream + dropout.apply(attended);
        let thought = self.think(stream.clone());
        stream + dropout.apply(thought)
    }

    /// As [`Self::forward`], and the keys and values of the tokens read.
    fn forward_keeping(&self, stream: Tensor<3>, mask: &Tensor<4>) -> (Tensor<3>, KeyValues) {
        let normed = self.norm_attention.forward(stream.clone());
        let cache = self.attention.key_values(normed.clone());
        let stream = stream + self.attention.attend(normed, cache.clone(), Some(mask));
        (stream.clone() + self.think(stream), cache)
    }

    /// Reads one new token per row, `[batch, 1, d_model]`, with everything read before.
    fn forward_cached(&self, stream: Tensor<3>, cache: &mut KeyValues) -> Tensor<3> {
        let normed = self.norm_attention.forward(stream.clone());
        cache.append(self.attention.key_values(normed.clone()));
        let stream = stream + self.attention.attend(normed, cache.clone(), None);
        stream.clone() + self.think(stream)
    }

    fn into_host(self) -> host::Block {
        host::Block {
            norm_attention: host::Norm::layer(self.norm_attention),
            attention: self.attention.into_host(),
            norm_mlp: host::Norm::layer(self.norm_mlp),
            mlp: host::Mlp::Plain {
                widen: host::Dense::new([self.widen]),
                activation: match self.activation {
                    Activation::Relu => c3_kernels::Activation::Relu,
                    Activation::QuickGelu => c3_kernels::Activation::QuickGelu,
                    Activation::Gelu => c3_kernels::Activation::Gelu,
                    Activation::GeluTanh => c3_kernels::Activation::GeluTanh,
                },
                narrow: host::Dense::new([self.narrow]),
            },
        }
    }

    /// The two wide layers, `[batch, n_tokens, d_model]`.
    fn think(&self, stream: Tensor<3>) -> Tensor<3> {
        let wide = by_rows(&self.widen, self.norm_mlp.forward(stream));
        let wide = match self.activation {
            Activation::Relu => activation::relu(wide),
            Activation::QuickGelu => wide.clone() * activation::sigmoid(wide * 1.702),
            Activation::Gelu => activation::gelu(wide),
            Activation::GeluTanh => gelu_tanh(wide),
        };
        by_rows(&self.narrow, wide)
    }
}

/// `x * Phi(x)` through tanh (Hendrycks and Gimpel 2016), written as `x * sigmoid(2 z)`, which is
/// the same: half of `1 + tanh(z)` is `sigmoid(2 z)`.
fn gelu_tanh(x: Tensor<3>) -> Tensor<3> {
    const TWICE_ROOT: f64 = 1.595_769_121_605_731; // 2 sqrt(2 / pi)
    let inner = (x.clone().square() * (0.044_715 * TWICE_ROOT) + TWICE_ROOT) * x.clone();
    x * activation::sigmoid(inner)
}
