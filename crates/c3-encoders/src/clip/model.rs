//! Both towers together.

use std::path::Path;

use burn::tensor::Device;

use super::{ImageTower, TextTower, weights};
use crate::EncoderError;

/// CLIP: a tower of pictures and a tower of texts that end in one space.
#[derive(Debug)]
pub struct Clip {
    images: ImageTower,
    texts: TextTower,
    logit_scale: f32,
}

impl Clip {
    /// Loads both towers from a folder, or from a weight file with its folder, onto `device`.
    ///
    /// The weights may have the names of transformers (`model.safetensors` with its
    /// `config.json`) or those of OpenAI and `open_clip` (`open_clip_model.safetensors`
    /// with `open_clip_config.json`); the latter need no description if they hold
    /// OpenAI's `input_resolution`. Half precision is widened. Texts are cut by
    /// `tokenizer.json`, by `vocab.json` and `merges.txt`, or by OpenAI's
    /// `bpe_simple_vocab_16e6.txt.gz`, whichever lies there.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Incomplete`] if the folder lacks something,
    /// [`EncoderError::Read`], [`EncoderError::Json`], [`EncoderError::Safetensors`] or
    /// [`EncoderError::Checkpoint`] if a file cannot be read,
    /// [`EncoderError::Unsupported`], [`EncoderError::Setting`] or
    /// [`EncoderError::Vocabulary`] if they describe no model that can be built,
    /// [`EncoderError::OtherModel`] if they are ImageBind's, and
    /// [`EncoderError::Weights`] naming every tensor that is missing, too much or
    /// misshapen.
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        let (images, texts, logit_scale) = weights::load(path, device)?;
        Ok(Self {
            images,
            texts,
            logit_scale,
        })
    }

    /// Looks for the weights, the sizes and the tokens of a model before hours of other work;
    /// no tensor is read. Gives the width of its space.
    ///
    /// # Errors
    ///
    /// As [`Clip::load`], but for tensors that do not fit.
    pub fn check(path: &Path) -> Result<usize, EncoderError> {
        weights::check(path)
    }

    /// The tower of pictures.
    #[must_use]
    pub fn images(&self) -> &ImageTower {
        &self.images
    }

    /// The tower of texts.
    #[must_use]
    pub fn texts(&self) -> &TextTower {
        &self.texts
    }

    /// The logarithm of what cosines were multiplied with in training.
    #[must_use]
    pub fn logit_scale(&self) -> f32 {
        self.logit_scale
    }

    /// Takes the towers apart.
    #[must_use]
    pub fn into_towers(self) -> (ImageTower, TextTower) {
        (self.images, self.texts)
    }
}
