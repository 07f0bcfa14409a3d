//! The tower of texts.

use std::path::Path;

use burn::tensor::Device;
use c3_geometry::Embeddings;

use super::{ClipTokenizer, Overlong, weights};
use crate::EncoderError;
use crate::batches::{SortedTexts, Text};
use crate::transformer::TextTransformer;

/// CLIP's tower of texts, with its tokenizer.
#[derive(Debug)]
pub struct TextTower {
    pub(super) tokenizer: ClipTokenizer,
    pub(super) network: TextTransformer,
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

    /// The same tower with another answer to texts that are too long.
    #[must_use]
    pub fn with_overlong(self, overlong: Overlong) -> Self {
        let tokenizer = self.tokenizer.with_overlong(overlong);
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
        let forward = |batch: &[Text]| self.network.forward(batch, &self.device);
        texts.encode(self.d_embed, forward, progress)
    }
}
