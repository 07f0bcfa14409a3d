//! Causal attention, for a whole caption or for one new token.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::config::PrefixDecoderConfig;
use super::init::Init;

/// Causal attention with several heads.
#[derive(Module, Debug)]
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    project: Linear,
    n_heads: usize,
}

/// Keys and values of the tokens read so far, each `[batch, n_heads, n_tokens, d_head]`.
#[derive(Clone, Debug)]
pub(super) struct KeyValues {
    pub(super) keys: Tensor<4>,
    pub(super) values: Tensor<4>,
}

impl Attention {
    pub(super) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        let d_model = config.d_model;
        Self {
            query: init.linear(d_model, d_model),
            key: init.linear(d_model, d_model),
            value: init.linear(d_model, d_model),
            project: init.residual_linear(d_model, d_model, 2 * config.n_layers),
            n_heads: config.n_heads,
        }
    }

    pub(super) fn forward(&self, normed: Tensor<3>, mask: &Tensor<4>) -> Tensor<3> {
        let new = self.key_values(normed.clone());
        let query = self.heads(self.query.forward(normed));
        let scores = self.scores(query, new.keys) + mask.clone();
        self.gather(scores, new.values)
    }

    /// One new token per row, `[batch, 1, d_model]`: it may look at everything before it.
    pub(super) fn forward_cached(&self, normed: Tensor<3>, cache: &mut KeyValues) -> Tensor<3> {
        let new = self.key_values(normed.clone());
        cache.keys = Tensor::cat(vec![cache.keys.clone(), new.keys], 2);
        cache.values = Tensor::cat(vec![cache.values.clone(), new.values], 2);
        let query = self.heads(self.query.forward(normed));
        let scores = self.scores(query, cache.keys.clone());
        self.gather(scores, cache.values.clone())
    }

    pub(super) fn key_values(&self, normed: Tensor<3>) -> KeyValues {
        KeyValues {
            keys: self.heads(self.key.forward(normed.clone())),
            values: self.heads(self.value.forward(normed)),
        }
    }

    /// `[batch, n_heads, n_query, n_key]`
    fn scores(&self, query: Tensor<4>, keys: Tensor<4>) -> Tensor<4> {
        let [_, _, _, d_head] = query.dims();
        // Scaling the query is cheaper than scaling every score.
        let query = query / (d_head as f64).sqrt();
        query.matmul(keys.transpose())
    }

    fn gather(&self, scores: Tensor<4>, values: Tensor<4>) -> Tensor<3> {
        let [batch, n_heads, n_query, _] = scores.dims();
        let [_, _, _, d_head] = values.dims();
        let mixed = activation::softmax(scores, 3).matmul(values);
        let mixed = mixed.swap_dims(1, 2); // [batch, n_query, n_heads, d_head]
        let joined = mixed.reshape([batch, n_query, n_heads * d_head]);
        self.project.forward(joined)
    }

    /// `[batch, n_tokens, d_model]` to `[batch, n_heads, n_tokens, d_head]`
    fn heads(&self, tokens: Tensor<3>) -> Tensor<4> {
        let [batch, n_tokens, d_model] = tokens.dims();
        tokens
            .reshape([batch, n_tokens, self.n_heads, d_model / self.n_heads])
            .swap_dims(1, 2)
    }
}

/// Added to the scores: nothing where a token may look, a lot below zero where it may not.
pub(super) fn causal_mask(n_tokens: usize, device: &Device) -> Tensor<4> {
    const NEVER: f32 = -1e9;
    let mut mask = vec![0.0; n_tokens * n_tokens];
    for (row, scores) in mask.chunks_exact_mut(n_tokens).enumerate() {
        scores[row + 1..].fill(NEVER);
    }
    Tensor::from_data(TensorData::new(mask, [1, 1, n_tokens, n_tokens]), device)
}
