//! A transformer over token numbers.

use std::iter::repeat_n;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::blocks::{Blocks, Norm, Tokens};
use crate::batches::Text;
use crate::kernels::Sees;

/// The layers from token numbers to embeddings, read off the last token of each text.
#[derive(Debug)]
pub(crate) struct TextTransformer {
    /// `[n_vocab, width]`
    pub(crate) words: Tensor<2>,
    /// `[context, width]`
    pub(crate) places: Tensor<2>,
    pub(crate) blocks: Blocks,
    pub(crate) norm: Norm,
    /// `[width, d_embed]`
    pub(crate) project: Tensor<2>,
}

impl TextTransformer {
    /// What the last token of each text became; the last of the texts has to be the longest.
    ///
    /// A token sees only those before it, so padding after a text changes nothing.
    ///
    /// # Shapes
    ///
    /// - result: `[texts.len(), d_embed]`
    pub(crate) fn forward(&self, texts: &[Text], device: &Device) -> Tensor<2> {
        let n_tokens = texts.last().map_or(0, |text| text.ids.len()); // the longest
        let mut ids = Vec::with_capacity(texts.len() * n_tokens);
        let mut ends = Vec::with_capacity(texts.len());
        for text in texts {
            ends.push((ids.len() + text.ids.len() - 1) as i64);
            ids.extend(text.ids.iter().map(|&id| i64::from(id)));
            ids.extend(repeat_n(0, n_tokens - text.ids.len()));
        }
        let indices = |values: Vec<i64>| {
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        let shape = [texts.len(), n_tokens];
        self.read(indices(ids), indices(ends), shape)
    }

    /// # Shapes
    ///
    /// - `ids`: `[batch * n_tokens]`
    /// - `ends`: `[batch]`, which of them are read off
    /// - result: `[batch, d_embed]`
    fn read(
        &self,
        ids: Tensor<1, Int>,
        ends: Tensor<1, Int>,
        [batch, n_tokens]: [usize; 2],
    ) -> Tensor<2> {
        let [_, width] = self.words.dims();
        let words = self.words.clone().select(0, ids); // [batch * n_tokens, width]
        let places = self.places.clone().narrow(0, 0, n_tokens).unsqueeze();
        let placed = words.reshape([batch, n_tokens, width]) + places;
        let tokens = Tokens {
            n_tokens,
            sees: Sees::Past,
        };
        let first = placed.reshape([batch * n_tokens, width]);
        let last = self.blocks.forward(first, tokens, ends);
        self.norm.forward(last).matmul(self.project.clone())
    }
}
