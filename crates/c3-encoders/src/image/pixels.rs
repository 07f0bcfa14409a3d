//! A square picture: the plain noun between decoding and encoding.

use burn::tensor::{Device, Tensor, TensorData};

use crate::EncoderError;

/// A square picture of 8-bit red, green and blue, upright and without transparency.
///
/// Kept as bytes (150 KB at 224 pixels) so that a whole data set fits in memory;
/// each tower shifts and scales them in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    rgb: Vec<u8>,
    size: usize,
}

impl Pixels {
    /// Takes red, green, blue of each pixel, row after row: `[size, size, 3]`.
    ///
    /// # Errors
    ///
    /// [`EncoderError::NotSquare`] if there are more or fewer values.
    pub fn new(rgb: Vec<u8>, size: usize) -> Result<Self, EncoderError> {
        if rgb.len() != 3 * size * size {
            let values = rgb.len();
            return Err(EncoderError::NotSquare { values, size });
        }
        Ok(Self { rgb, size })
    }

    /// Side of the square, in pixels.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Red, green, blue of each pixel, row after row: `[size, size, 3]`.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

/// How a tower shifts and scales bytes: `(byte - mean) / deviation`, in levels of 0 to 255.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalization {
    /// What becomes 0, of red, green and blue.
    pub(crate) mean: [f32; 3],
    /// What becomes 1 above the mean.
    pub(crate) deviation: [f32; 3],
}

impl Normalization {
    /// Normalizes pictures of one size into a tensor `[batch, 3, size, size]`.
    pub(crate) fn tensor(&self, batch: &[Pixels], device: &Device) -> Tensor<4> {
        let size = batch.first().map_or(0, Pixels::size);
        let mut values = Vec::with_capacity(batch.len() * 3 * size * size);
        for pixels in batch {
            for channel in 0..3 {
                let levels = pixels.rgb.iter().skip(channel).step_by(3);
                let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
                values.extend(levels.map(|&level| (f32::from(level) - mean) / deviation));
            }
        }
        Tensor::from_data(
            TensorData::new(values, [batch.len(), 3, size, size]),
            device,
        )
    }
}
