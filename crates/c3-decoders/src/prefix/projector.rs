//! From an embedding to the prefix.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use super::attention::dense;
use super::config::{Mapper, PrefixDecoderConfig};
use super::init::Init;
use super::mixer::Mixer;

/// Writes an embedding as the first tokens that the decoder reads.
///
/// Read at `sqrt(d_embed)` times its length, the numbers of a unit vector vary by about one: at
/// unit length, AdamW takes several times as many steps to find the mapping.
#[derive(Module, Debug)]
pub(crate) struct PrefixMapper {
    widen: Option<Linear>,
    project: Linear,
    mixer: Option<Mixer>,
    d_model: usize,
    factor: f32,
}

impl PrefixMapper {
    pub(super) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        let d_model = config.d_model;
        let d_prefix = config.n_prefix * d_model;
        let (widen, d_hidden, d_projected) = match config.mapper {
            Mapper::Linear => (None, config.d_embed, d_prefix),
            Mapper::Mlp => {
                let d_hidden = (d_prefix / 2).max(1);
                let widen = init.linear(config.d_embed, d_hidden);
                (Some(widen), d_hidden, d_prefix)
            }
            Mapper::Transformer { n_embedded, .. } => (None, config.d_embed, n_embedded * d_model),
        };
        Self {
            widen,
            project: init.token_linear(d_hidden, d_projected),
            mixer: Mixer::new(config, init),
            d_model,
            factor: config.read_at.factor(config.d_embed),
        }
    }

    /// `[batch, d_embed]` to `[batch, n_prefix, d_model]`.
    pub(crate) fn forward(&self, embeddings: Tensor<2>) -> Tensor<3> {
        let [batch, _] = embeddings.dims();
        let embeddings = embeddings * self.factor;
        let hidden = match &self.widen {
            Some(widen) => activation::tanh(dense(widen, embeddings)),
            None => embeddings,
        };
        let tokens = dense(&self.project, hidden); // [batch, n_tokens * d_model]
        let [_, d_tokens] = tokens.dims();
        let tokens = tokens.reshape([batch, d_tokens / self.d_model, self.d_model]);
        match &self.mixer {
            Some(mixer) => mixer.forward(tokens),
            None => tokens,
        }
    }
}
