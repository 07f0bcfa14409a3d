//! Transformer blocks.

use burn::tensor::module::layer_norm;
use burn::tensor::{Int, Tensor};

use crate::kernels::{Activation, Dense, KeyValue, Sees, mix_heads};

/// How the rows of a tensor `[batch * n_tokens, width]` lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    pub(crate) n_tokens: usize,
    pub(crate) sees: Sees,
}

/// A stack of blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) blocks: Vec<Block>,
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
    pub(crate) fn forward(
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
pub(crate) struct Block {
    pub(crate) norm_1: Norm,
    /// Queries, keys and values side by side.
    pub(crate) query_key_value: Dense,
    /// What every token sees beside the tokens; only where all tokens see each other.
    pub(crate) more: Option<KeyValue>,
    pub(crate) attended: Dense,
    pub(crate) norm_2: Norm,
    pub(crate) widen: Dense,
    pub(crate) narrow: Dense,
    pub(crate) n_heads: usize,
    /// Of the feed-forward part.
    pub(crate) activation: Activation,
}

impl Block {
    /// What each token gathers from the tokens that it sees, `[batch * n_tokens, width]`.
    fn mix(&self, x: &Tensor<2>, tokens: Tokens) -> Tensor<2> {
        let normal = self.norm_1.forward(x.clone());
        let all = self.query_key_value.forward(normal, Activation::Identity); // [rows, 3 * width]
        let shape = [self.n_heads, tokens.n_tokens];
        mix_heads(all, shape, tokens.sees, self.more.as_ref())
    }

    /// Adds to tokens what they gathered, and what they make of it, `[rows, width]`.
    fn forward(&self, x: Tensor<2>, mixed: Tensor<2>) -> Tensor<2> {
        let x = self.attended.forward_onto(mixed, x);
        let normal = self.norm_2.forward(x.clone());
        let wide = self.widen.forward(normal, self.activation);
        self.narrow.forward_onto(wide, x)
    }
}

/// Layer normalization.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) gain: Tensor<1>,
    pub(crate) offset: Tensor<1>,
    /// Keeps the variance away from zero.
    pub(crate) epsilon: f64,
}

impl Norm {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let offset = Some(self.offset.clone());
        layer_norm(x, self.gain.clone(), offset, self.epsilon)
    }
}
