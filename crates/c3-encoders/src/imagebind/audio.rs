//! The tower of sounds.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use c3_geometry::Embeddings;

use super::lengths::{Ending, flatten};
use super::{AudioClip, AudioConfig, Lengths, weights};
use crate::EncoderError;
use crate::batches::{encode_batches, rows_that_fit};
use crate::transformer::{Norm, PatchTransformer};

/// ImageBind's tower of sounds.
#[derive(Debug)]
pub struct AudioTower {
    pub(super) config: AudioConfig,
    pub(super) network: Network,
    pub(super) device: Device,
    pub(super) d_embed: usize,
    pub(super) ending: Ending,
}

/// The layers.
#[derive(Debug)]
pub(super) struct Network {
    /// `[patch^2, width]`
    pub(super) stem: Tensor<2>,
    pub(super) norm: Norm,
    pub(super) transformer: PatchTransformer,
}

impl AudioTower {
    /// Loads this tower alone; see [`ImageBind::load`](super::ImageBind::load).
    ///
    /// # Errors
    ///
    /// As [`ImageBind::load`](super::ImageBind::load).
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        weights::load_audio(path, device)
    }

    /// The same tower with embeddings of other lengths.
    #[must_use]
    pub fn with_lengths(self, lengths: Lengths) -> Self {
        let ending = self.ending.with_lengths(lengths);
        Self { ending, ..self }
    }

    /// Sizes of the tower.
    #[must_use]
    pub fn config(&self) -> &AudioConfig {
        &self.config
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.d_embed
    }

    /// Encodes sounds, each as the mean of its clips.
    ///
    /// `progress` hears how many clips were finished since it was last called.
    ///
    /// # Shapes
    ///
    /// - result: `[sounds.len(), d_embed]`
    ///
    /// # Errors
    ///
    /// [`EncoderError::NoClips`] if a sound has none.
    pub fn encode<S: AsRef<[AudioClip]>>(
        &self,
        sounds: &[S],
        progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        let (clips, counts) = flatten(sounds)?;
        let [along_bins, along_frames] = self.config.grid();
        let rows = rows_that_fit(along_bins * along_frames + 1, &self.device);
        let batches: Vec<&[&AudioClip]> = clips.chunks(rows).collect();
        let hear = |batch: &[&AudioClip]| self.hear(batch);
        let rows = encode_batches(&batches, self.d_embed, hear, progress)?;
        self.ending.finish_items(rows, &counts)
    }

    fn hear(&self, batch: &[&AudioClip]) -> Tensor<2> {
        let side = self.config.patch;
        let patches = batch.iter().flat_map(|clip| clip.patches(side));
        let patches: Vec<f32> = patches.collect();
        let shape = [patches.len() / (side * side), side * side];
        let patches = Tensor::from_data(TensorData::new(patches, shape), &self.device);
        let Network {
            stem,
            norm,
            transformer,
        } = &self.network;
        transformer.forward(norm.forward(patches.matmul(stem.clone())))
    }
}
