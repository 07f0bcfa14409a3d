//! From an embedding to the prefix.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Tensor, activation};

use super::config::{Mapper, PrefixDecoderConfig};
use super::init::Init;

/// Writes an embedding as the first tokens that the decoder reads.
///
/// The embedding is read at `sqrt(d_embed)` times its length, so that the numbers of a unit vector
/// vary by about one: at unit length, AdamW takes several times as many steps to find the mapping.
#[derive(Module, Debug)]
pub(super) struct PrefixMapper {
    widen: Option<Linear>,
    project: Linear,
    n_prefix: usize,
}

impl PrefixMapper {
    pub(super) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        let d_prefix = config.n_prefix * config.d_model;
        let (widen, d_hidden) = match config.mapper {
            Mapper::Linear => (None, config.d_embed),
            Mapper::Mlp => {
                let d_hidden = (d_prefix / 2).max(1);
                (Some(init.linear(config.d_embed, d_hidden)), d_hidden)
            }
        };
        Self {
            widen,
            project: init.token_linear(d_hidden, d_prefix),
            n_prefix: config.n_prefix,
        }
    }

    /// `[batch, d_embed]` to `[batch, n_prefix, d_model]`.
    pub(super) fn forward(&self, embeddings: Tensor<2>) -> Tensor<3> {
        let [batch, d_embed] = embeddings.dims();
        let embeddings = embeddings * (d_embed as f32).sqrt();
        let hidden = match &self.widen {
            Some(widen) => activation::tanh(widen.forward(embeddings)),
            None => embeddings,
        };
        let prefix = self.project.forward(hidden); // [batch, n_prefix * d_model]
        let [_, d_prefix] = prefix.dims();
        prefix.reshape([batch, self.n_prefix, d_prefix / self.n_prefix])
    }
}
