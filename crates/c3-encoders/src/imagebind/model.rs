//! The towers together.

use std::path::Path;

use burn::tensor::Device;

use super::{AudioTower, Lengths, TextTower, VisionTower, weights};
use crate::EncoderError;

/// ImageBind: towers of pictures and videos, of texts and of sounds that end in one space.
#[derive(Debug)]
pub struct ImageBind {
    pub(super) vision: VisionTower,
    pub(super) text: TextTower,
    pub(super) audio: AudioTower,
}

impl ImageBind {
    /// Loads the three towers from a folder, or from a weight file with its folder, onto
    /// `device`; [`VisionTower::load`], [`TextTower::load`] and [`AudioTower::load`] read one.
    ///
    /// The weights lie in `imagebind_huge.pth`, or in `model.safetensors` (or its index and
    /// shards) under the same names, which may all begin with the same letters, such as
    /// `model.`. Tensors of depth, heat and motion are left unread, half precision is widened.
    /// Texts are cut by one of the files that [`ClipTokenizer::load`] takes; ImageBind ships
    /// `bpe_simple_vocab_16e6.txt.gz`.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Incomplete`] if the folder lacks something,
    /// [`EncoderError::OtherModel`] if the weights are those of another,
    /// [`EncoderError::Read`], [`EncoderError::Json`], [`EncoderError::Safetensors`] or
    /// [`EncoderError::Checkpoint`] if a file cannot be read,
    /// [`EncoderError::Unsupported`], [`EncoderError::Setting`] or
    /// [`EncoderError::Vocabulary`] if they describe no model that can be built, and
    /// [`EncoderError::Weights`] naming every tensor that is missing, too much or
    /// misshapen.
    ///
    /// [`ClipTokenizer::load`]: crate::clip::ClipTokenizer::load
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        weights::load(path, device)
    }

    /// Looks for the weights, the sizes and the tokens of a model before hours of other work;
    /// no tensor is read. Gives the width of its space.
    ///
    /// # Errors
    ///
    /// As [`ImageBind::load`], but for tensors that do not fit.
    pub fn check(path: &Path) -> Result<usize, EncoderError> {
        weights::check(path)
    }

    /// Whether the weights in a folder, or in a file, have the names of ImageBind.
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        weights::is_at(path)
    }

    /// The same towers with embeddings of other lengths.
    #[must_use]
    pub fn with_lengths(self, lengths: Lengths) -> Self {
        Self {
            vision: self.vision.with_lengths(lengths),
            text: self.text.with_lengths(lengths),
            audio: self.audio.with_lengths(lengths),
        }
    }

    /// The tower of pictures and videos.
    #[must_use]
    pub fn vision(&self) -> &VisionTower {
        &self.vision
    }

    /// The tower of texts.
    #[must_use]
    pub fn text(&self) -> &TextTower {
        &self.text
    }

    /// The tower of sounds.
    #[must_use]
    pub fn audio(&self) -> &AudioTower {
        &self.audio
    }

    /// Takes the towers apart.
    #[must_use]
    pub fn into_towers(self) -> (VisionTower, TextTower, AudioTower) {
        (self.vision, self.text, self.audio)
    }
}
