//! The tower of texts.

use std::iter::repeat_n;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use c3_geometry::Embeddings;

use super::blocks::{Blocks, Norm, Tokens};
use super::{ClipTokenizer, weights};
use crate::EncoderError;
use crate::batches::{SortedTexts, Text};
use crate::kernels::Sees;

/// CLIP's tower of texts, with its tokenizer.
#[derive(Debug)]
pub struct TextTower {
    pub(super) tokenizer: ClipTokenizer,
    pub(super) network: TextNetwork,
    pub(super) device: Device,
    pub(super) d_embed: usize,
}

impl TextTower {
    /// Loads the tower of texts alone; see [`Clip::load`](super::Clip::load).
    ///
    /// # Errors
    ///
    /// As [`Clip::load`](super::Clip::load).
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        weights::load_texts(path, device)
    }

    /// How texts become tokens.
    #[must_use]
    pub fn tokenizer(&self) -> &ClipTokenizer {
        &self.tokenizer
    }

    /// The same tower with another tokenizer, or with the same one set otherwise.
    #[must_use]
    pub fn with_tokenizer(self, tokenizer: ClipTokenizer) -> Self {
        Self { tokenizer, ..self }
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.d_embed
    }

    /// Encodes texts, not to unit length.
    ///
    /// A token sees only those before it, and the end mark is what is read off: so a
    /// text needs no padding to 77, and texts of similar length share a batch.
    /// `progress` hears how many texts were finished since it was last called.
    ///
    /// # Shapes
    ///
    /// - result: `[texts.len(), d_embed]`
    ///
    /// # Errors
    ///
    /// [`EncoderError::Tokenize`] or [`EncoderError::TooLong`] as the tokenizer says.
    pub fn encode(
        &self,
        texts: &[&str],
        progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        let texts = SortedTexts::new(self.tokenizer.encode(texts)?, &self.device);
        texts.encode(self.d_embed, |batch| self.forward(batch), progress)
    }

    fn forward(&self, texts: &[Text]) -> Tensor<2> {
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
            Tensor::from_data(TensorData::new(values, shape), &self.device)
        };
        let batch = texts.len();
        self.network
            .forward(indices(ids), indices(ends), [batch, n_tokens])
    }
}

/// The layers, from token numbers to embeddings.
#[derive(Debug)]
pub(super) struct TextNetwork {
    /// `[n_vocab, width]`
    pub(super) words: Tensor<2>,
    /// `[context, width]`
    pub(super) places: Tensor<2>,
    pub(super) blocks: Blocks,
    pub(super) norm: Norm,
    /// `[width, d_embed]`
    pub(super) project: Tensor<2>,
}

impl TextNetwork {
    /// # Shapes
    ///
    /// - `ids`: `[batch * n_tokens]`
    /// - `ends`: `[batch]`, which of them are end marks
    /// - result: `[batch, d_embed]`
    fn forward(
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
            batch,
            n_tokens,
            sees: Sees::Past,
        };
        let first = placed.reshape([batch * n_tokens, width]);
        let last = self.blocks.forward(first, tokens, ends);
        self.norm.forward(last).matmul(self.project.clone())
    }
}
