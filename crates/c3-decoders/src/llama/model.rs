//! The body itself.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::config::LlamaBodyConfig;
use crate::PrefixDecoderConfig;
use crate::host;
use crate::prefix::{Dropout, Init, KeyValues, by_rows, causal_mask};

/// Reads tokens as a Llama does.
#[derive(Module, Debug)]
pub(crate) struct LlamaBody {
    blocks: Vec<Block>,
    norm: RmsNorm,
    #[module(skip)]
    turn: Turn,
}

impl LlamaBody {
    pub(crate) fn new(
        config: &PrefixDecoderConfig,
        body: &LlamaBodyConfig,
        init: &mut Init<'_>,
    ) -> Self {
        Self {
            blocks: (0..config.n_layers)
                .map(|_| Block::new(config, body, init))
                .collect(),
            norm: init.length_norm(config.d_model, body.epsilon),
            turn: Turn {
                d_head: body.d_head,
                base: body.rope_base,
            },
        }
    }

    /// Reads tokens; says what it thinks at those from `first` on.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[batch, n_tokens, d_model]`
    /// - result: `[batch, n_tokens - first, d_model]`
    pub(crate) fn read(&self, tokens: Tensor<3>, first: usize, dropout: &mut Dropout) -> Tensor<3> {
        let [_, n_tokens, _] = tokens.dims();
        let (mask, angles) = self.start(&tokens);
        let mut stream = dropout.apply(tokens);
        for block in &self.blocks {
            stream = block.forward(stream, &mask, &angles, dropout);
        }
        self.norm.forward(stream.slice_dim(1, first..n_tokens))
    }

    /// Reads tokens; says what it thinks at the last, and keeps the keys and values of all.
    pub(crate) fn read_keeping(&self, tokens: Tensor<3>) -> (Tensor<3>, Vec<KeyValues>) {
        let [_, n_tokens, _] = tokens.dims();
        let (mask, angles) = self.start(&tokens);
        let (mut stream, mut caches) = (tokens, Vec::with_capacity(self.blocks.len()));
        for block in &self.blocks {
            let (next, cache) = block.forward_keeping(stream, &mask, &angles);
            stream = next;
            caches.push(cache);
        }
        let last = stream.slice_dim(1, n_tokens - 1..n_tokens);
        (self.norm.forward(last), caches)
    }

    /// Reads one new token per row after `n_read` others that `caches` hold.
    pub(crate) fn read_next(
        &self,
        token: Tensor<3>,
        n_read: usize,
        caches: &mut [KeyValues],
    ) -> Tensor<3> {
        let angles = self.turn.angles(n_read, 1, &token.device());
        let mut stream = token;
        for (block, cache) in self.blocks.iter().zip(caches) {
            stream = block.forward_cached(stream, cache, &angles);
        }
        self.norm.forward(stream)
    }

    /// The same on the processor.
    pub(crate) fn into_host(self) -> host::Body {
        host::Body {
            positions: host::Positions::Turning(self.turn),
            blocks: self.blocks.into_iter().map(Block::into_host).collect(),
            norm: host::Norm::length(self.norm),
        }
    }

    fn start(&self, tokens: &Tensor<3>) -> (Tensor<4>, Angles) {
        let ([_, n_tokens, _], device) = (tokens.dims(), tokens.device());
        let angles = self.turn.angles(0, n_tokens, &device);
        (causal_mask(n_tokens, &device), angles)
    }
}

/// How far positions turn queries and keys (Su et al. 2021, arXiv:2104.09864).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    d_head: usize,
    base: f64,
}

impl Turn {
    /// Cosine and sine of each pair of numbers at a position, `[d_head / 2]`.
    pub(crate) fn at(self, position: usize) -> impl Iterator<Item = (f32, f32)> {
        (0..self.d_head / 2).map(move |pair| {
            let exponent = 2.0 * pair as f64 / self.d_head as f64;
            let (sine, cosine) = (position as f64 * self.base.powf(-exponent)).sin_cos();
            (cosine as f32, sine as f32)
        })
    }

    /// Cosines and sines of some positions, from `first` on.
    fn angles(self, first: usize, n_tokens: usize, device: &Device) -> Angles {
        let positions = first..first + n_tokens;
        let (cosines, sines) = positions.flat_map(|position| self.at(position)).unzip();
        let tensor = |values: Vec<f32>| {
            let data = TensorData::new(values, [1, 1, n_tokens, self.d_head / 2]);
            Tensor::from_data(data, device)
        };
        Angles {
            cosines: tensor(cosines),
            sines: tensor(sines),
        }
    }
}

/// Each `[1, 1, n_tokens, d_head / 2]`.
#[derive(Clone, Debug)]
struct Angles {
    cosines: Tensor<4>,
    sines: Tensor<4>,
}

impl Angles {
    /// Turns queries or keys, `[batch, n_heads, n_tokens, d_head]`; the two numbers of a pair
    /// stand half a head apart.
    fn turn(&self, heads: Tensor<4>) -> Tensor<4> {
        let [_, _, _, d_head] = heads.dims();
        let left = heads.clone().slice_dim(3, 0..d_head / 2);
        let right = heads.slice_dim(3, d_head / 2..d_head);
        let (cosines, sines) = (self.cosines.clone(), self.sines.clone());
        let turned_left = left.clone() * cosines.clone() - right.clone() * sines.clone();
        let turned_right = right * cosines + left * sines;
        Tensor::cat(vec![turned_left, turned_right], 3)
    }
}

/// One pre-norm block.
#[derive(Module, Debug)]
struct Block {
    norm_attention: RmsNorm,
    attention: Attention,
    norm_mlp: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(config: &PrefixDecoderConfig, body: &LlamaBodyConfig, init: &mut Init<'_>) -> Self {
        let (d_model, n_residual) = (config.d_model, 2 * config.n_layers);
        Self {
            norm_attention: init.length_norm(d_model, body.epsilon),
            attention: Attention::new(config, body, init),
            norm_mlp: init.length_norm(d_model, body.epsilon),
            gate: init.linear_without_bias(d_model, body.d_hidden),
            up: init.linear_without_bias(d_model, body.d_hidden),
            down: init.residual_linear_without_bias(body.d_hidden, d_model, n_residual),
        }
    }

    fn forward(
        &self,
        stream: Tensor<3>,
        mask: &Tensor<4>,
        angles: &Angles,
        dropout: &mut Dropout,
    ) -> Tensor<3> {
        let normed = self.norm_attention.forward(stream.clone());
        let seen = self.attention.key_values(normed.clone(), angles);
        let attended = self.attention.attend(normed, seen, angles, Some(mask));
        let stream = stream + dropout.apply(attended);
        let thought = self.think(stream.clone());
        stream + dropout.apply(thought)
    }

    /// As [`Self::forward`] without dropout, and the keys and values of the tokens read.
    fn forward_keeping(
        &self,
        stream: Tensor<3>,
        mask: &Tensor<4>,
        angles: &Angles,
    ) -> (Tensor<3>, KeyValues) {
        let normed = self.norm_attention.forward(stream.clone());
        let cache = self.attention.key_values(normed.clone(), angles);
        let attended = self
            .attention
            .attend(normed, cache.clone(), angles, Some(mask));
        let stream = stream + attended;
        (stream.clone() + self.think(stream), cache)
    }

    /// Reads one new token per row, with everything read before.
    fn forward_cached(
        &self,
        stream: Tensor<3>,
        cache: &mut KeyValues,
        angles: &Angles,
    ) -> Tensor<3> {
        let normed = self.norm_attention.forward(stream.clone());
        cache.append(self.attention.key_values(normed.clone(), angles));
        let attended = self.attention.attend(normed, cache.clone(), angles, None);
        let stream = stream + attended;
        stream.clone() + self.think(stream)
    }

    fn into_host(self) -> host::Block {
        host::Block {
            norm_attention: host::Norm::length(self.norm_attention),
            attention: self.attention.into_host(),
            norm_mlp: host::Norm::length(self.norm_mlp),
            mlp: host::Mlp::Gated {
                both: host::Dense::new([self.gate, self.up]),
                down: host::Dense::new([self.down]),
            },
        }
    }

    /// The wide layers, one of which gates the other: `[batch, n_tokens, d_model]`.
    fn think(&self, stream: Tensor<3>) -> Tensor<3> {
        let normed = self.norm_mlp.forward(stream);
        let gate = activation::silu(by_rows(&self.gate, normed.clone()));
        by_rows(&self.down, gate * by_rows(&self.up, normed))
    }
}

/// Causal attention in which several heads share keys and values.
#[derive(Module, Debug)]
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    project: Linear,
    d_head: usize,
}

impl Attention {
    fn new(config: &PrefixDecoderConfig, body: &LlamaBodyConfig, init: &mut Init<'_>) -> Self {
        let d_model = config.d_model;
        let d_query = config.n_heads * body.d_head;
        let d_shared = body.n_kv_heads * body.d_head;
        Self {
            query: init.linear_without_bias(d_model, d_query),
            key: init.linear_without_bias(d_model, d_shared),
            value: init.linear_without_bias(d_model, d_shared),
            project: init.residual_linear_without_bias(d_query, d_model, 2 * config.n_layers),
            d_head: body.d_head,
        }
    }

    fn into_host(self) -> host::Attention {
        let heads = |layer: &Linear| layer.weight.dims()[1] / self.d_head;
        host::Attention {
            n_heads: heads(&self.query),
            n_shared: heads(&self.key),
            d_head: self.d_head,
            all: host::Dense::new([self.query, self.key, self.value]),
            project: host::Dense::new([self.project]),
        }
    }

    /// Keys, turned, and values, each `[batch, n_kv_heads, n_tokens, d_head]`.
    fn key_values(&self, normed: Tensor<3>, angles: &Angles) -> KeyValues {
        KeyValues {
            keys: angles.turn(self.heads(by_rows(&self.key, normed.clone()))),
            values: self.heads(by_rows(&self.value, normed)),
        }
    }

    /// Lets tokens look at all that `seen` holds, or at what the mask leaves of it.
    fn attend(
        &self,
        normed: Tensor<3>,
        seen: KeyValues,
        angles: &Angles,
        mask: Option<&Tensor<4>>,
    ) -> Tensor<3> {
        let query = angles.turn(self.heads(by_rows(&self.query, normed)));
        let query = query / (self.d_head as f64).sqrt();
        let [batch, n_heads, n_tokens, d_head] = query.dims();
        let [_, n_shared, n_seen, _] = seen.keys.dims();
        // The heads that share keys stand side by side: to one product they are more tokens.
        let together = n_heads / n_shared * n_tokens;
        let query = query.reshape([batch, n_shared, together, d_head]);
        let scores = query.matmul(seen.keys.transpose());
        let scores = scores.reshape([batch, n_heads, n_tokens, n_seen]);
        let scores = match mask {
            Some(mask) => scores + mask.clone(),
            None => scores,
        };
        let shares = activation::softmax(scores, 3).reshape([batch, n_shared, together, n_seen]);
        let mixed = shares.matmul(seen.values); // [batch, n_shared, together, d_head]
        let mixed = mixed.reshape([batch, n_heads, n_tokens, d_head]);
        let joined = mixed.swap_dims(1, 2);
        by_rows(
            &self.project,
            joined.reshape([batch, n_tokens, n_heads * d_head]),
        )
    }

    /// `[batch, n_tokens, n_heads * d_head]` to `[batch, n_heads, n_tokens, d_head]`
    fn heads(&self, tokens: Tensor<3>) -> Tensor<4> {
        let [batch, n_tokens, width] = tokens.dims();
        tokens
            .reshape([batch, n_tokens, width / self.d_head, self.d_head])
            .swap_dims(1, 2)
    }
}
