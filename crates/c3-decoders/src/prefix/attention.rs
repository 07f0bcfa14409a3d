//! Causal attention, for a whole caption or for one new token.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, FloatDType, Tensor, TensorData, activation};

use super::config::PrefixDecoderConfig;
use super::init::Init;
use crate::host;

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
pub(crate) struct KeyValues {
    pub(crate) keys: Tensor<4>,
    pub(crate) values: Tensor<4>,
}

impl KeyValues {
    /// Adds those of the next tokens.
    pub(crate) fn append(&mut self, next: Self) {
        self.keys = Tensor::cat(vec![self.keys.clone(), next.keys], 2);
        self.values = Tensor::cat(vec![self.values.clone(), next.values], 2);
    }
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

    /// Attention whose queries, keys and values have no bias, as in ClipCap's mapper.
    pub(super) fn without_bias(d_model: usize, n_heads: usize, init: &mut Init<'_>) -> Self {
        Self {
            query: init.linear_without_bias(d_model, d_model),
            key: init.linear_without_bias(d_model, d_model),
            value: init.linear_without_bias(d_model, d_model),
            project: init.linear(d_model, d_model),
            n_heads,
        }
    }

    /// The same on the processor.
    pub(super) fn into_host(self) -> host::Attention {
        let [_, d_model] = self.query.weight.dims();
        host::Attention {
            n_heads: self.n_heads,
            n_shared: self.n_heads,
            d_head: d_model / self.n_heads,
            all: host::Dense::new([self.query, self.key, self.value]),
            project: host::Dense::new([self.project]),
        }
    }

    /// Keys and values of some tokens, `[batch, n_tokens, d_model]`.
    pub(super) fn key_values(&self, normed: Tensor<3>) -> KeyValues {
        KeyValues {
            keys: self.heads(by_rows(&self.key, normed.clone())),
            values: self.heads(by_rows(&self.value, normed)),
        }
    }

    /// Lets tokens look at all that `seen` holds, or at what the mask leaves of it.
    pub(super) fn attend(
        &self,
        normed: Tensor<3>,
        seen: KeyValues,
        mask: Option<&Tensor<4>>,
    ) -> Tensor<3> {
        let [batch, n_tokens, d_model] = normed.dims();
        let d_head = d_model / self.n_heads;
        // Scaling the query is cheaper than scaling every score.
        let query = self.heads(by_rows(&self.query, normed)) / (d_head as f64).sqrt();
        let scores = query.matmul(seen.keys.transpose()); // [batch, n_heads, n_tokens, n_seen]
        let scores = match mask {
            Some(mask) => scores + mask.clone(),
            None => scores,
        };
        let mixed = activation::softmax(scores, 3).matmul(seen.values);
        let joined = mixed.swap_dims(1, 2).reshape([batch, n_tokens, d_model]);
        by_rows(&self.project, joined)
    }

    /// `[batch, n_tokens, d_model]` to `[batch, n_heads, n_tokens, d_head]`
    fn heads(&self, tokens: Tensor<3>) -> Tensor<4> {
        let [batch, n_tokens, d_model] = tokens.dims();
        tokens
            .reshape([batch, n_tokens, self.n_heads, d_model / self.n_heads])
            .swap_dims(1, 2)
    }
}

/// Applies a layer to every token, all captions as rows of one matrix.
///
/// burn would multiply caption by caption, and so would its backward pass, with
/// a gradient of the weights for each.
pub(crate) fn by_rows(linear: &Linear, tokens: Tensor<3>) -> Tensor<3> {
    let [batch, n_tokens, d_input] = tokens.dims();
    let rows = dense(linear, tokens.reshape([batch * n_tokens, d_input]));
    let [_, d_output] = rows.dims();
    rows.reshape([batch, n_tokens, d_output])
}

/// Applies a layer to rows; a step of training may hold its weights in a shorter type, and then
/// multiplies in that.
pub(super) fn dense(linear: &Linear, rows: Tensor<2>) -> Tensor<2> {
    let dtype: FloatDType = linear.weight.dtype().into();
    if dtype == FloatDType::F32 {
        return linear.forward(rows);
    }
    let product = rows.cast(dtype).matmul(linear.weight.val());
    let product = product.cast(FloatDType::F32);
    match &linear.bias {
        Some(bias) => product + bias.val().unsqueeze(),
        None => product,
    }
}

/// Added to the scores: nothing where a token may look, a lot below zero where it may not.
pub(crate) fn causal_mask(n_tokens: usize, device: &Device) -> Tensor<4> {
    const NEVER: f32 = -1e9;
    let mut mask = vec![0.0; n_tokens * n_tokens];
    for (row, scores) in mask.chunks_exact_mut(n_tokens).enumerate() {
        scores[row + 1..].fill(NEVER);
    }
    Tensor::from_data(TensorData::new(mask, [1, 1, n_tokens, n_tokens]), device)
}
