//! The network, and pictures through it.

use std::path::Path;

use burn::module::Module;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use c3_geometry::Embeddings;

use super::EfficientNetLite0Config;
use super::weights;
use crate::batches::{encode_batches, is_host};
use crate::image::Normalization;
use crate::{EncoderError, Pixels, Preprocess};

/// Pictures in one batch on a processor: more of them leave the caches.
const ROWS_ON_HOST: usize = 2;

/// Pictures in one batch on a graphics card.
const ROWS: usize = 64;

/// What the network was trained with: `(byte - 127) / 128`.
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
        let expected = self.preprocess.size;
        for (row, pixels) in pictures.iter().enumerate() {
            let found = pixels.size();
            if found != expected {
                return Err(EncoderError::SizeMismatch {
                    row,
                    expected,
                    found,
                });
            }
        }
        let forward = |batch: &[Pixels]| {
            let pictures = NORMALIZATION.tensor(batch, &self.device);
            self.features.forward(pictures)
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
#[derive(Module, Debug)]
pub(super) struct Features {
    pub(super) stem: Convolution,
    pub(super) blocks: Vec<Block>,
    pub(super) head: Convolution,
}

impl Features {
    /// # Shapes
    ///
    /// - `pictures`: `[batch, 3, size, size]`
    /// - result: `[batch, d_embed]`
    fn forward(&self, pictures: Tensor<4>) -> Tensor<2> {
        let stem = relu6(self.stem.forward(pictures)); // [batch, d_stem, size / 2, size / 2]
        let blocks = self.blocks.iter().fold(stem, |x, block| block.forward(x));
        let head = relu6(self.head.forward(blocks)); // [batch, d_embed, size / 32, size / 32]
        let [batch, d_embed, height, width] = head.dims();
        let flat = head.reshape([batch, d_embed, height * width]);
        flat.mean_dim(2).reshape([batch, d_embed])
    }
}

/// An inverted residual block: widen, filter each channel, narrow.
#[derive(Module, Debug)]
pub(super) struct Block {
    pub(super) widen: Option<Convolution>,
    pub(super) filter: Convolution,
    pub(super) narrow: Convolution,
    /// Whether the input is added to the output.
    pub(super) residual: bool,
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let input = self.residual.then(|| x.clone());
        let wide = match &self.widen {
            Some(widen) => relu6(widen.forward(x)),
            None => x,
        };
        let filtered = relu6(self.filter.forward(wide));
        let narrow = self.narrow.forward(filtered);
        match input {
            Some(input) => narrow + input,
            None => narrow,
        }
    }
}

/// A convolution padded as TensorFlow's `SAME`: what is uneven goes below and to the right.
#[derive(Module, Debug)]
pub(super) struct Convolution {
    pub(super) weight: Tensor<4>,
    pub(super) bias: Tensor<1>,
    pub(super) stride: usize,
    pub(super) groups: usize,
}

impl Convolution {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let [_, _, kernel, _] = self.weight.dims();
        let padding = [height, width].map(|side| same(side, kernel, self.stride));
        let options = ConvOptions::new_with_padding([self.stride; 2], padding, [1, 1], self.groups);
        conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}

/// Padding before and after a side, so that the output measures `side / stride`, rounded up.
fn same(side: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let reach = (side.div_ceil(stride) - 1) * stride + kernel;
    let total = reach.saturating_sub(side);
    (total / 2, total - total / 2)
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}
