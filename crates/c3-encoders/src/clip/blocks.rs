//! Transformer blocks, as both towers have them.

use burn::tensor::module::{attention, layer_norm};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Int, Tensor};

use super::Activation;
use crate::kernels::{Bias, Ending, Sees, is_host, mix_heads};

/// Keeps the variance away from zero in every normalization.
pub(super) const EPSILON: f64 = 1e-5;

/// How the rows of a tensor `[batch * n_tokens, width]` lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    pub(super) batch: usize,
    pub(super) n_tokens: usize,
    pub(super) sees: Sees,
}

/// A stack of blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) blocks: Vec<Block>,
}

impl Blocks {
    /// What the blocks make of one token of every row of the batch.
    ///
    /// The last block computes nothing but that: no later token asks for the others.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch * n_tokens, width]`
    /// - `places`: `[batch]`, rows of `x`
    /// - result: `[batch, width]`
    pub(super) fn forward(
        &self,
        x: Tensor<2>,
        tokens: Tokens,
        places: Tensor<1, Int>,
    ) -> Tensor<2> {
        let Some((last, first)) = self.blocks.split_last() else {
            return x.select(0, places);
        };
        let x = first.iter().fold(x, |x, block| {
            let mixed = block.mix(&x, tokens);
            block.forward(x, mixed)
        });
        let mixed = last.mix(&x, tokens).select(0, places.clone());
        last.forward(x.select(0, places), mixed)
    }
}

/// Attention and a feed-forward part, each of normalized tokens and added to them.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) norm_1: Norm,
    /// Queries, keys and values side by side.
    pub(super) query_key_value: Dense,
    pub(super) attended: Dense,
    pub(super) norm_2: Norm,
    pub(super) widen: Dense,
    pub(super) narrow: Dense,
    pub(super) n_heads: usize,
    pub(super) activation: Activation,
}

impl Block {
    /// What each token gathers from the tokens that it sees, `[batch * n_tokens, width]`.
    fn mix(&self, x: &Tensor<2>, tokens: Tokens) -> Tensor<2> {
        let normal = self.norm_1.forward(x.clone());
        let all = self.query_key_value.forward(normal, Ending::Linear); // [rows, 3 * width]
        attend(all, self.n_heads, tokens)
    }

    /// Adds to tokens what they gathered, and what they make of it, `[rows, width]`.
    fn forward(&self, x: Tensor<2>, mixed: Tensor<2>) -> Tensor<2> {
        let x = self.attended.forward_onto(mixed, x);
        let ending = match self.activation {
            Activation::QuickGelu => Ending::QuickGelu,
            Activation::Gelu => Ending::Gelu,
        };
        let wide = self.widen.forward(self.norm_2.forward(x.clone()), ending);
        self.narrow.forward_onto(wide, x)
    }
}

/// Attention over queries, keys and values that lie side by side, `[rows, 3 * width]`.
fn attend(all: Tensor<2>, n_heads: usize, tokens: Tokens) -> Tensor<2> {
    let Tokens {
        batch,
        n_tokens,
        sees,
    } = tokens;
    if is_host(&all.device()) {
        return mix_heads(all, [n_heads, n_tokens], sees);
    }
    let [rows, d_all] = all.dims();
    let d_head = d_all / 3 / n_heads;
    let heads = all
        .reshape([batch, n_tokens, 3, n_heads, d_head])
        .permute([2, 0, 3, 1, 4]); // [3, batch, n_heads, n_tokens, d_head]
    let part = |index: usize| {
        let part: Tensor<5> = heads.clone().narrow(0, index, 1);
        part.reshape([batch, n_heads, n_tokens, d_head])
    };
    let options = AttentionModuleOptions {
        is_causal: sees == Sees::Past,
        ..AttentionModuleOptions::default() // scaled by 1 / sqrt(d_head)
    };
    let mixed = attention(part(0), part(1), part(2), None, None, options);
    mixed.swap_dims(1, 2).reshape([rows, d_all / 3])
}

/// `x * weight + bias`
#[derive(Debug)]
pub(super) struct Dense {
    /// `[d_input, d_output]`, a view of what files hold the other way round.
    pub(super) weight: Tensor<2>,
    pub(super) bias: Bias,
}

impl Dense {
    pub(super) fn forward(&self, x: Tensor<2>, ending: Ending) -> Tensor<2> {
        self.bias.finish(x.matmul(self.weight.clone()), ending)
    }

    /// The same, added to `residual`.
    fn forward_onto(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        let product = x.matmul(self.weight.clone());
        self.bias.finish_onto(product, residual)
    }
}

/// Layer normalization.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) gain: Tensor<1>,
    pub(super) offset: Tensor<1>,
}

impl Norm {
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let offset = Some(self.offset.clone());
        layer_norm(x, self.gain.clone(), offset, EPSILON)
    }
}
