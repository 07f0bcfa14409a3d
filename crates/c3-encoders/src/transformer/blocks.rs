//! Transformer blocks.

use burn::tensor::module::{attention, layer_norm};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Int, Tensor};

use crate::kernels::{Activation, Dense, KeyValue, Sees, is_host, mix_heads};

/// How the rows of a tensor `[batch * n_tokens, width]` lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    pub(crate) batch: usize,
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
    /// The activation of the feed-forward part.
    pub(crate) ending: Activation,
}

impl Block {
    /// What each token gathers from the tokens that it sees, `[batch * n_tokens, width]`.
    fn mix(&self, x: &Tensor<2>, tokens: Tokens) -> Tensor<2> {
        let normal = self.norm_1.forward(x.clone());
        let all = self.query_key_value.forward(normal, Activation::Identity); // [rows, 3 * width]
        let more = self.more.as_ref();
        if is_host(&all.device()) {
            let shape = [self.n_heads, tokens.n_tokens];
            return mix_heads(all, shape, tokens.sees, more);
        }
        attend(all, self.n_heads, tokens, more)
    }

    /// Adds to tokens what they gathered, and what they make of it, `[rows, width]`.
    fn forward(&self, x: Tensor<2>, mixed: Tensor<2>) -> Tensor<2> {
        let x = self.attended.forward_onto(mixed, x);
        let normal = self.norm_2.forward(x.clone());
        let wide = self.widen.forward(normal, self.ending);
        self.narrow.forward_onto(wide, x)
    }
}

/// Attention over queries, keys and values that lie side by side, `[rows, 3 * width]`.
fn attend(all: Tensor<2>, n_heads: usize, tokens: Tokens, more: Option<&KeyValue>) -> Tensor<2> {
    let Tokens {
        batch,
        n_tokens,
        sees,
    } = tokens;
    let [rows, d_all] = all.dims();
    let d_head = d_all / 3 / n_heads;
    let heads = all
        .reshape([batch, n_tokens, 3, n_heads, d_head])
        .permute([2, 0, 3, 1, 4]); // [3, batch, n_heads, n_tokens, d_head]
    let part = |index: usize| {
        let part: Tensor<5> = heads.clone().narrow(0, index, 1);
        part.reshape([batch, n_heads, n_tokens, d_head])
    };
    let [mut keys, mut values] = [part(1), part(2)];
    if let Some(more) = more {
        // A causal mask would have to know of the further key.
        assert_eq!(sees, Sees::All, "a further key, and not all see all");
        let with = |index: usize, part| {
            let first = more.part(index, [batch, n_heads]);
            Tensor::cat(vec![first, part], 2) // [batch, n_heads, 1 + n_tokens, d_head]
        };
        [keys, values] = [with(0, keys), with(1, values)];
    }
    let options = AttentionModuleOptions {
        is_causal: sees == Sees::Past,
        ..AttentionModuleOptions::default() // scaled by 1 / sqrt(d_head)
    };
    let mixed = attention(part(0), keys, values, None, None, options);
    mixed.swap_dims(1, 2).reshape([rows, d_all / 3])
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

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn waves(n: usize, step: f32) -> Vec<f32> {
        (0..n).map(|at| (at as f32 * step).sin() * 2.0).collect()
    }

    #[test]
    fn attention_is_the_same_off_the_host() {
        let device = Device::flex();
        let (n_heads, width) = (3, 12);
        let tokens = |sees| Tokens {
            batch: 2,
            n_tokens: 17,
            sees,
        };
        let more = KeyValue::new(waves(width, 0.3), &waves(width, 0.7), &device);
        let data = TensorData::new(waves(2 * 17 * 3 * width, 0.731), [2 * 17, 3 * width]);
        let all: Tensor<2> = Tensor::from_data(data, &device);
        for (sees, more) in [
            (Sees::All, None),
            (Sees::Past, None),
            (Sees::All, Some(&more)),
        ] {
            let there = attend(all.clone(), n_heads, tokens(sees), more);
            let here = mix_heads(all.clone(), [n_heads, 17], sees, more);
            let difference: f32 = (there - here).abs().max().into_scalar();
            assert!(difference < 3e-6, "{sees:?}: {difference}");
        }
    }
}
