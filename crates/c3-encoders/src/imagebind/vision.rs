//! The tower of pictures and videos.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use c3_geometry::Embeddings;

use super::lengths::{Ending, flatten};
use super::{Lengths, VideoClip, VisionConfig, weights};
use crate::batches::{encode_batches, rows_that_fit};
use crate::image::Normalization;
use crate::transformer::PatchTransformer;
use crate::{EncoderError, Pixels, Preprocess};

/// ImageBind's tower of pictures and videos.
#[derive(Debug)]
pub struct VisionTower {
    pub(super) config: VisionConfig,
    pub(super) network: Network,
    pub(super) preprocess: Preprocess,
    pub(super) normalization: Normalization,
    pub(super) device: Device,
    pub(super) d_embed: usize,
    pub(super) ending: Ending,
}

/// The layers.
#[derive(Debug)]
pub(super) struct Network {
    /// Of both frames, `[3 * 2 * patch^2, width]`.
    pub(super) moving: Tensor<2>,
    /// Of two frames that are the same, `[3 * patch^2, width]`.
    pub(super) still: Tensor<2>,
    pub(super) transformer: PatchTransformer,
}

impl VisionTower {
    /// Loads this tower alone; see [`ImageBind::load`](super::ImageBind::load).
    ///
    /// # Errors
    ///
    /// As [`ImageBind::load`](super::ImageBind::load).
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        weights::load_vision(path, device)
    }

    /// The same tower with embeddings of other lengths.
    #[must_use]
    pub fn with_lengths(self, lengths: Lengths) -> Self {
        let ending = self.ending.with_lengths(lengths);
        Self { ending, ..self }
    }

    /// How files have to be prepared for [`encode`](Self::encode).
    #[must_use]
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// Sizes of the tower.
    #[must_use]
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.d_embed
    }

    /// Encodes pictures, each as a video that stands still, to unit length.
    ///
    /// `progress` hears how many pictures were finished since it was last called.
    ///
    /// # Shapes
    ///
    /// - result: `[pictures.len(), d_embed]`
    ///
    /// # Errors
    ///
    /// [`EncoderError::SizeMismatch`] if a picture was prepared for another size.
    pub fn encode(
        &self,
        pictures: &[Pixels],
        progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        self.preprocess.check(pictures)?;
        let batches: Vec<&[Pixels]> = pictures.chunks(self.rows()).collect();
        let see = |batch: &[Pixels]| self.see(batch);
        let rows = encode_batches(&batches, self.d_embed, see, progress)?;
        self.ending.finish(rows)
    }

    /// Encodes videos, each as the mean of its clips.
    ///
    /// `progress` hears how many clips were finished since it was last called.
    ///
    /// # Shapes
    ///
    /// - result: `[videos.len(), d_embed]`
    ///
    /// # Errors
    ///
    /// [`EncoderError::NoClips`] if a video has none, and [`EncoderError::ClipSize`] if one
    /// was prepared for another size.
    pub fn encode_videos<V: AsRef<[VideoClip]>>(
        &self,
        videos: &[V],
        progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        let (clips, counts) = flatten(videos)?;
        self.check(videos)?;
        let batches: Vec<&[&VideoClip]> = clips.chunks(self.rows()).collect();
        let watch = |batch: &[&VideoClip]| self.watch(batch);
        let rows = encode_batches(&batches, self.d_embed, watch, progress)?;
        self.ending.finish_items(rows, &counts)
    }

    /// Refuses clips that were prepared for another size.
    fn check<V: AsRef<[VideoClip]>>(&self, videos: &[V]) -> Result<(), EncoderError> {
        let expected = self.config.size;
        for (row, video) in videos.iter().enumerate() {
            let mut sizes = video.as_ref().iter().map(VideoClip::size);
            if let Some(found) = sizes.find(|size| *size != expected) {
                return Err(EncoderError::ClipSize {
                    row,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        let grid = self.config.grid();
        rows_that_fit(grid * grid + 1, &self.device)
    }

    fn see(&self, batch: &[Pixels]) -> Tensor<2> {
        let patch = self.config.patch;
        let squares = self.normalization.squares(batch, patch, &self.device);
        let Network {
            still, transformer, ..
        } = &self.network;
        transformer.forward(squares.matmul(still.clone()))
    }

    fn watch(&self, batch: &[&VideoClip]) -> Tensor<2> {
        let patches = batch
            .iter()
            .flat_map(|clip| clip.patches(self.config.patch));
        let patches: Vec<f32> = patches.collect();
        let d_patch = self.config.d_patch();
        let shape = [patches.len() / d_patch, d_patch];
        let patches = Tensor::from_data(TensorData::new(patches, shape), &self.device);
        let Network {
            moving,
            transformer,
            ..
        } = &self.network;
        transformer.forward(patches.matmul(moving.clone()))
    }
}
