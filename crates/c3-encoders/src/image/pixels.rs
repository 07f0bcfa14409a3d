//! A square picture: the plain noun between decoding and encoding.

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
