//! From the bytes of a file to the square of pixels that a tower takes.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::decode::decode;
use super::resample::{Window, resample};
use crate::{EncoderError, Pixels};

/// How a picture file becomes [`Pixels`].
///
/// In this order: decode, turn upright as EXIF says, lay over
/// [`background`](Self::background), shrink or enlarge so that the shorter side
/// measures `size + margin`, cut the central `size x size`. Rounding follows
/// torchvision's `Resize` and `CenterCrop` over Pillow; the reference pipeline is
/// `tests/golden/reference.py`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocess {
    /// Side of the square, in pixels.
    pub size: usize,
    /// How much longer than `size` the shorter side is before the centre is cut, in pixels.
    ///
    /// 0 keeps the whole shorter side. ImageNet accuracies are measured with 32.
    pub margin: usize,
    /// How pixels between pixels are found.
    pub filter: Filter,
    /// Red, green and blue under transparent parts. Pillow's plain `convert("RGB")`
    /// would show whatever colour the file hides there, often black.
    pub background: [u8; 3],
    /// The largest picture that is decoded.
    pub limits: Limits,
}

/// How pixels between pixels are found; both widen when shrinking, so nothing aliases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Triangle over two pixels.
    Bilinear,
    /// Keys' cubic with `a = -1/2` over four pixels.
    #[default]
    Bicubic,
}

/// The largest picture that is decoded. The header is checked before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest side, in pixels.
    pub max_side: u32,
    /// Width times height, in pixels. Decoding takes up to four bytes for each.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_side: 65_535,
            max_pixels: 100_000_000,
        }
    }
}

impl Default for Preprocess {
    fn default() -> Self {
        Self::new(224)
    }
}

impl Preprocess {
    /// The whole shorter side, bicubic, over white.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self {
            size,
            margin: 0,
            filter: Filter::default(),
            background: [255; 3],
            limits: Limits::default(),
        }
    }

    /// Decodes a JPEG, PNG, WebP or GIF file (of an animation, the first frame).
    ///
    /// # Errors
    ///
    /// [`EncoderError::UnknownFormat`], [`EncoderError::TooLarge`],
    /// [`EncoderError::NoPixels`], [`EncoderError::Truncated`],
    /// [`EncoderError::Jpeg`], [`EncoderError::Damaged`], and
    /// [`EncoderError::Setting`] if `size` is 0.
    pub fn decode(&self, file: &[u8]) -> Result<Pixels, EncoderError> {
        if self.size == 0 {
            return Err(EncoderError::Setting {
                name: "size",
                value: 0,
                needs: "a picture needs at least one pixel",
            });
        }
        let picture = decode(file, self.background, self.limits)?;
        let [width, height] = [picture.width() as usize, picture.height() as usize];
        let rgb = resample(picture.into_raw(), self.windows(width, height), self.filter);
        Pixels::new(rgb, self.size)
    }

    /// Decodes many files on all threads, keeping their order.
    pub fn decode_all<F: AsRef<[u8]> + Sync>(
        &self,
        files: &[F],
    ) -> Vec<Result<Pixels, EncoderError>> {
        files
            .par_iter()
            .map(|file| self.decode(file.as_ref()))
            .collect()
    }

    /// Refuses pictures that were prepared for another size.
    pub(crate) fn check(&self, pictures: &[Pixels]) -> Result<(), EncoderError> {
        let wrong = pictures
            .iter()
            .position(|pixels| pixels.size() != self.size);
        match wrong {
            None => Ok(()),
            Some(row) => Err(EncoderError::SizeMismatch {
                row,
                expected: self.size,
                found: pictures[row].size(),
            }),
        }
    }

    /// Where the square lies along both axes of a `width x height` picture.
    fn windows(&self, width: usize, height: usize) -> [Window; 2] {
        let short = self.size + self.margin;
        let along = |source: usize| {
            // torchvision rounds the longer side down and the offset half to even.
            let resized = source * short / width.min(height);
            let offset = ((resized - self.size) as f64 / 2.0).round_ties_even() as usize;
            Window {
                source,
                resized,
                offset,
                kept: self.size,
            }
        };
        [along(width), along(height)]
    }
}
