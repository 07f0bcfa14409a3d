//! The decoder itself: a prefix, then a causal transformer.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Int, Tensor, activation, module};

use super::attention::{Attention, KeyValues, by_rows, causal_mask};
use super::config::{Activation, Output, PrefixDecoderConfig};
use super::dropout::Dropout;
use super::init::Init;
use super::projector::PrefixMapper;

/// Writes captions from embeddings.
///
/// The embedding becomes the first `n_prefix` tokens that a small GPT reads
/// (pre-norm blocks, learned positions), as in ClipCap (Mokady et al. 2021,
/// arXiv:2111.09734).
#[derive(Module, Debug)]
pub struct PrefixDecoder {
    pub(super) prefix: PrefixMapper,
    pub(crate) tokens: Param<Tensor<2>>,
    pub(super) positions: Param<Tensor<2>>,
    pub(super) blocks: Vec<Block>,
    pub(super) norm: LayerNorm,
    pub(super) output: Option<Param<Tensor<2>>>,
    #[module(skip)]
    config: PrefixDecoderConfig,
}

impl PrefixDecoder {
    pub(crate) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        let d_model = config.d_model;
        Self {
            prefix: PrefixMapper::new(config, init),
            tokens: init.matrix(config.n_vocab, d_model),
            positions: init.matrix(config.n_positions(), d_model),
            blocks: (0..config.n_layers)
                .map(|_| Block::new(config, init))
                .collect(),
            norm: init.norm(d_model),
            output: match config.output {
                Output::Tied => None,
                Output::Untied => Some(init.matrix(config.n_vocab, d_model)),
            },
            config: config.clone(),
        }
    }

    /// Draws the mapper anew.
    pub(crate) fn draw_prefix(&mut self, init: &mut Init<'_>) {
        self.prefix = PrefixMapper::new(&self.config, init);
    }

    /// Lets a training change the mapper, whatever else stays as it is.
    pub(crate) fn with_mapper_trained(mut self) -> Self {
        self.prefix = self.prefix.set_require_grad(true);
        self
    }

    /// The sizes that it was built with.
    #[must_use]
    pub fn config(&self) -> &PrefixDecoderConfig {
        &self.config
    }

    /// Where the weights lie.
    #[must_use]
    pub fn device(&self) -> Device {
        self.tokens.val().device()
    }

    /// What the decoder thinks at the positions from which captions are predicted: the last
    /// of the prefix, and every token read.
    ///
    /// # Shapes
    ///
    /// - `embeddings`: `[batch, d_embed]`
    /// - `read`: `[batch, n_read]`, the tokens before the last; `n_read` may be 0
    /// - result: `[batch, n_read + 1, d_model]`
    pub(crate) fn hidden(
        &self,
        embeddings: Tensor<2>,
        read: Option<Tensor<2, Int>>,
        dropout: &mut Dropout,
    ) -> Tensor<3> {
        let prefix = self.prefix.forward(embeddings); // [batch, n_prefix, d_model]
        let tokens = match read {
            Some(read) => Tensor::cat(vec![prefix, self.embed(read)], 1),
            None => prefix,
        };
        let [_, n_tokens, _] = tokens.dims();
        let positions = self.positions.val().slice_dim(0, 0..n_tokens).unsqueeze();
        let mask = causal_mask(n_tokens, &tokens.device());
        let mut stream = dropout.apply(tokens + positions);
        for block in &self.blocks {
            stream = block.forward(stream, &mask, dropout);
        }
        let first = self.config.n_prefix - 1;
        self.norm.forward(stream.slice_dim(1, first..n_tokens))
    }

    /// Embeds tokens: `[batch, n_read]` to `[batch, n_read, d_model]`.
    pub(super) fn embed(&self, read: Tensor<2, Int>) -> Tensor<3> {
        module::embedding(self.tokens.val(), read)
    }

    /// Output weights, `[n_vocab, d_model]`.
    pub(crate) fn output_weights(&self) -> Tensor<2> {
        self.output.as_ref().unwrap_or(&self.tokens).val()
    }
}

/// One pre-norm transformer block.
#[derive(Module, Debug)]
pub(super) struct Block {
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
    pub(super) fn forward_keeping(
        &self,
        stream: Tensor<3>,
        mask: &Tensor<4>,
    ) -> (Tensor<3>, KeyValues) {
        let normed = self.norm_attention.forward(stream.clone());
        let cache = self.attention.key_values(normed.clone());
        let stream = stream + self.attention.attend(normed, cache.clone(), Some(mask));
        (stream.clone() + self.think(stream), cache)
    }

    /// Reads one new token per row, `[batch, 1, d_model]`, with everything read before.
    pub(super) fn forward_cached(&self, stream: Tensor<3>, cache: &mut KeyValues) -> Tensor<3> {
        let normed = self.norm_attention.forward(stream.clone());
        cache.append(self.attention.key_values(normed.clone()));
        let stream = stream + self.attention.attend(normed, cache.clone(), None);
        stream.clone() + self.think(stream)
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
