//! The layers of attention in ClipCap's second mapper.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Tensor, activation};

use super::attention::{Attention, by_rows};
use super::config::{Mapper, PrefixDecoderConfig};
use super::init::Init;

/// Lets learned constants read the tokens of an embedding.
///
/// Pre-norm layers without a mask, twice as wide inside, ReLU between (Mokady et al. 2021,
/// arXiv:2111.09734, and the code that came with it).
#[derive(Module, Debug)]
pub(super) struct Mixer {
    constants: Param<Tensor<2>>,
    layers: Vec<Layer>,
}

impl Mixer {
    /// Nothing, if the mapper has no layers of attention.
    pub(super) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Option<Self> {
        let Mapper::Transformer {
            n_layers, n_heads, ..
        } = config.mapper
        else {
            return None;
        };
        Some(Self {
            constants: init.constants(config.n_prefix, config.d_model),
            layers: (0..n_layers)
                .map(|_| Layer::new(config.d_model, n_heads, init))
                .collect(),
        })
    }

    /// `[batch, n_embedded, d_model]` to `[batch, n_prefix, d_model]`.
    pub(super) fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [batch, n_embedded, d_model] = tokens.dims();
        let constants = self.constants.val();
        let [n_prefix, _] = constants.dims();
        let constants = constants.unsqueeze::<3>();
        let constants = constants.expand([batch, n_prefix, d_model]);
        let stream = Tensor::cat(vec![tokens, constants], 1);
        let layers = self.layers.iter();
        let stream = layers.fold(stream, |stream, layer| layer.forward(stream));
        stream.slice_dim(1, n_embedded..n_embedded + n_prefix)
    }
}

/// One layer.
#[derive(Module, Debug)]
struct Layer {
    norm_attention: LayerNorm,
    attention: Attention,
    norm_mlp: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl Layer {
    fn new(d_model: usize, n_heads: usize, init: &mut Init<'_>) -> Self {
        Self {
            norm_attention: init.norm(d_model),
            attention: Attention::without_bias(d_model, n_heads, init),
            norm_mlp: init.norm(d_model),
            widen: init.linear(d_model, 2 * d_model),
            narrow: init.linear(2 * d_model, d_model),
        }
    }

    fn forward(&self, stream: Tensor<3>) -> Tensor<3> {
        let normed = self.norm_attention.forward(stream.clone());
        let seen = self.attention.key_values(normed.clone());
        let stream = stream + self.attention.attend(normed, seen, None);
        let wide = by_rows(&self.widen, self.norm_mlp.forward(stream.clone()));
        stream + by_rows(&self.narrow, activation::relu(wide))
    }
}
