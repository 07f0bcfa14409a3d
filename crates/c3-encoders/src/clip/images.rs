//! The tower of pictures.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use c3_geometry::Embeddings;

use super::ClipConfig;
use super::resnet::ResNet;
use super::vit::Vit;
use super::weights;
use crate::batches::encode_batches;
use crate::image::Normalization;
use crate::kernels::is_host;
use crate::{EncoderError, Pixels, Preprocess};

/// Pictures in one batch on a processor.
const ROWS_ON_HOST: usize = 4;

/// Pictures in one batch on a graphics card.
const ROWS: usize = 64;

/// CLIP's tower of pictures.
#[derive(Debug)]
pub struct ImageTower {
    pub(super) network: Network,
    pub(super) preprocess: Preprocess,
    pub(super) normalization: Normalization,
    pub(super) device: Device,
    pub(super) d_embed: usize,
}

/// One kind of network or the other.
#[derive(Debug)]
pub(super) enum Network {
    Vit {
        /// Side of a patch, in pixels.
        patch: usize,
        vit: Box<Vit>,
    },
    ResNet(Box<ResNet>),
}

impl ImageTower {
    /// Loads the tower of pictures alone; see [`Clip::load`](super::Clip::load).
    ///
    /// # Errors
    ///
    /// As [`Clip::load`](super::Clip::load).
    pub fn load(path: &Path, device: &Device) -> Result<Self, EncoderError> {
        weights::load_images(path, device)
    }

    pub(super) fn new(config: &ClipConfig, network: Network, device: &Device) -> Self {
        Self {
            network,
            preprocess: Preprocess::new(config.image.size()),
            normalization: config.levels.of_bytes(),
            device: device.clone(),
            d_embed: config.d_embed,
        }
    }

    /// How files have to be prepared for [`encode`](Self::encode).
    #[must_use]
    pub fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.d_embed
    }

    /// Encodes pictures, not to unit length.
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
        let rows = if is_host(&self.device) {
            ROWS_ON_HOST
        } else {
            ROWS
        };
        let batches: Vec<&[Pixels]> = pictures.chunks(rows).collect();
        encode_batches(
            &batches,
            self.d_embed,
            |batch| self.forward(batch),
            progress,
        )
    }

    fn forward(&self, batch: &[Pixels]) -> Tensor<2> {
        match &self.network {
            Network::Vit { patch, vit } => {
                let squares = self.normalization.squares(batch, *patch, &self.device);
                vit.forward(squares)
            }
            Network::ResNet(resnet) => {
                let size = self.preprocess.size;
                let whole = self.normalization.squares(batch, size, &self.device);
                resnet.forward(whole.reshape([batch.len(), 3, size, size]))
            }
        }
    }
}
