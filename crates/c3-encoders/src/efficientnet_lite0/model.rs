//! The network, and pictures through it.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use c3_geometry::Embeddings;

use super::EfficientNetLite0Config;
use super::weights;
use crate::batches::encode_batches;
use crate::image::Normalization;
use crate::kernels::{Activation, Bias, Depthwise, Grid, is_host};
use crate::{EncoderError, Pixels, Preprocess};

/// Pictures in one batch on a processor: with two, the widest layers leave the caches.
const ROWS_ON_HOST: usize = 1;

/// Pictures in one batch on a graphics card.
const ROWS: usize = 64;

/// What the network was trained with: `(byte - 127) / 128`. `timm` has 127.5 for both.
const NORMALIZATION: Normalization = Normalization {
    mean: [127.0; 3],
    deviation: [128.0; 3],
};

/// EfficientNet-Lite0 up to its pooled features.
#[derive(Debug)]
pub struct EfficientNetLite0 {
    features: Features,
    preprocess: Preprocess,
    device: Device,
    d_embed: usize,
}

impl EfficientNetLite0 {
    /// Loads the published network from a `.pth` or `.safetensors` file onto `device`.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Read`], [`EncoderError::Checkpoint`] or
    /// [`EncoderError::Safetensors`] if the file cannot be read, and
    /// [`EncoderError::Weights`] naming every tensor that does not fit.
    pub fn load(file: &Path, device: &Device) -> Result<Self, EncoderError> {
        Self::load_sized(&EfficientNetLite0Config::new(), file, device)
    }

    /// Loads a network of other sizes.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_sized(
        config: &EfficientNetLite0Config,
        file: &Path,
        device: &Device,
    ) -> Result<Self, EncoderError> {
        Ok(Self {
            features: weights::load(config, file, device)?,
            preprocess: Preprocess::new(config.size),
            device: device.clone(),
            d_embed: config.d_embed,
        })
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

    /// Encodes pictures: the mean of the last feature map, not of unit length.
    ///
    /// `progress` hears how many pictures were finished since it was last called.
    ///
    /// # Shapes
    ///
    /// - result: `[pictures.len(), 1280]`
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
        let forward = |batch: &[Pixels]| {
            let (patches, grid) = NORMALIZATION.patches(batch, &self.device);
            self.features.forward(patches, grid)
        };
        let rows = if is_host(&self.device) {
            ROWS_ON_HOST
        } else {
            ROWS
        };
        let batches: Vec<&[Pixels]> = pictures.chunks(rows).collect();
        encode_batches(&batches, self.d_embed, forward, progress)
    }
}

/// The convolutions. Batch normalization is folded into them when they are loaded.
///
/// Between them, a row holds all channels of one pixel: a convolution of single
/// pixels is then one matrix product for the whole batch.
#[derive(Debug)]
pub(super) struct Features {
    /// On patches of 3 x 3 pixels, two apart.
    pub(super) stem: Pointwise,
    pub(super) blocks: Vec<Block>,
    pub(super) head: Pointwise,
}

impl Features {
    /// # Shapes
    ///
    /// - `patches`: `[batch * (size / 2)^2, 27]`
    /// - result: `[batch, d_embed]`
    fn forward(&self, patches: Tensor<2>, grid: Grid) -> Tensor<2> {
        let stem = self.stem.forward(patches, Activation::Relu6);
        let blocks = self.blocks.iter();
        let (x, grid) = blocks.fold((stem, grid), |(x, grid), block| block.forward(x, grid));
        let head = self.head.forward(x, Activation::Relu6);
        let [_, d_embed] = head.dims();
        let pixels = head.reshape([grid.batch, grid.side * grid.side, d_embed]);
        pixels.mean_dim(1).reshape([grid.batch, d_embed])
    }
}

/// An inverted residual block: widen, filter each channel, narrow.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) widen: Option<Pointwise>,
    pub(super) filter: Depthwise,
    pub(super) narrow: Pointwise,
    pub(super) stride: usize,
    /// Whether the input is added to the output.
    pub(super) residual: bool,
}

impl Block {
    fn forward(&self, x: Tensor<2>, grid: Grid) -> (Tensor<2>, Grid) {
        let filtered = match &self.widen {
            Some(widen) => {
                let wide = x.clone().matmul(widen.weight.clone());
                self.filter.forward(wide, grid, Some(&widen.bias))
            }
            None => self.filter.forward(x.clone(), grid, None),
        };
        let narrow = filtered.matmul(self.narrow.weight.clone());
        let bias = &self.narrow.bias;
        let output = if self.residual {
            bias.finish_onto(narrow, x)
        } else {
            bias.finish(narrow, Activation::Identity)
        };
        (output, grid.strided(self.stride))
    }
}

/// A convolution of single pixels.
#[derive(Debug)]
pub(super) struct Pointwise {
    /// `[d_input, d_output]`
    pub(super) weight: Tensor<2>,
    pub(super) bias: Bias,
}

impl Pointwise {
    fn forward(&self, x: Tensor<2>, ending: Activation) -> Tensor<2> {
        self.bias.finish(x.matmul(self.weight.clone()), ending)
    }
}
