//! The tower of texts.

use std::path::Path;

use burn::tensor::Device;
use c3_geometry::Embeddings;

use super::lengths::Ending;
use super::{Lengths, TextConfig, weights};
use crate::EncoderError;
use crate::batches::{SortedTexts, Text};
use crate::clip::{ClipTokenizer, Overlong};
use crate::transformer::TextTransformer;

/// ImageBind's tower of texts, with its tokenizer, which is CLIP's.
#[derive(Debug)]
pub struct TextTower {
    pub(super) config: TextConfig,
    pub(super) tokenizer: ClipTokenizer,
    pub(super) network: TextTransformer,
    pub(super) device: Device,
    pub(super) d_embed: usize,
    pub(super) ending: Ending,
}

impl TextTower {
    /// Loads this tower alone; see [`ImageBind::load`](super::ImageBind::load).
    ///
    /// # Errors
    ///
    /// As [`ImageBind::load`](super::ImageBind::load).
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        weights::load_text(path, device)
    }

    /// The same tower with embeddings of other lengths.
    #[must_use]
    pub fn with_lengths(self, lengths: Lengths) -> Self {
        let ending = self.ending.with_lengths(lengths);
        Self { ending, ..self }
    }

    /// How texts become tokens.
    #[must_use]
    pub fn tokenizer(&self) -> &ClipTokenizer {
        &self.tokenizer
    }

    /// The same tower with another answer to texts that are too long.
    ///
    /// A text that is too long keeps its end mark, as in ImageBind since November 2025. With
    /// [`Overlong::DropEnd`](crate::clip::Overlong::DropEnd) it loses the mark, as before: all
    /// such texts then have one embedding, that of the start mark.
    #[must_use]
    pub fn with_overlong(self, overlong: Overlong) -> Self {
        let tokenizer = self.tokenizer.with_overlong(overlong);
        Self { tokenizer, ..self }
    }

    /// Sizes of the tower.
    #[must_use]
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.d_embed
    }

    /// Encodes texts.
    ///
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
        let ids = self.tokenizer.encode(texts)?;
        let read = ids.into_iter().map(up_to_the_highest).collect();
        let texts = SortedTexts::new(read, &self.device);
        let forward = |batch: &[Text]| self.network.forward(batch, &self.device);
        let rows = texts.encode(self.d_embed, forward, progress)?;
        self.ending.finish(rows)
    }
}

/// What is read of a text: all up to the token that it is read off.
///
/// ImageBind takes the first of the highest number, which is the end mark's if there is one,
/// and else the start mark's. No token sees those after it.
fn up_to_the_highest(mut ids: Vec<u32>) -> Vec<u32> {
    let highest = ids.iter().max().copied();
    let place = ids.iter().position(|id| Some(*id) == highest);
    ids.truncate(place.map_or(0, |place| place + 1));
    ids
}

#[cfg(test)]
mod tests {
    use super::up_to_the_highest;

    #[test]
    fn a_text_is_read_up_to_the_first_of_the_highest_number() {
        assert_eq!(up_to_the_highest(vec![8, 1, 2, 9]), [8, 1, 2, 9]);
        assert_eq!(up_to_the_highest(vec![8, 1, 9, 2, 9]), [8, 1, 9]);
        assert_eq!(up_to_the_highest(vec![8, 1, 2]), [8]);
    }
}
