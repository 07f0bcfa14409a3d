//! Bytes of a file into an upright picture without transparency.

use std::io::{Cursor, ErrorKind};

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

use super::jpeg;
use super::preprocess::Limits;
use crate::EncoderError;

/// What the `image` crate is asked to decode.
const FORMATS: [ImageFormat; 4] = [
    ImageFormat::Png,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Jpeg,
];

/// Decodes a file and lays it over `background`.
pub(super) fn decode(
    file: &[u8],
    background: [u8; 3],
    limits: Limits,
) -> Result<RgbImage, EncoderError> {
    if let Some(picture) = jpeg::decode(file, limits)? {
        return Ok(picture);
    }
    let picture = decode_other(file, limits)?;
    Ok(if picture.color().has_alpha() {
        flatten(&picture.into_rgba8(), background)
    } else {
        picture.into_rgb8()
    })
}

impl Limits {
    /// Refuses a size before anything of that size is allocated.
    pub(super) fn check(self, width: u32, height: u32) -> Result<(), EncoderError> {
        let Self {
            max_side,
            max_pixels,
        } = self;
        if width == 0 || height == 0 {
            return Err(EncoderError::NoPixels { width, height });
        }
        if width.max(height) > max_side || u64::from(width) * u64::from(height) > max_pixels {
            return Err(EncoderError::TooLarge {
                width,
                height,
                max_side,
                max_pixels,
            });
        }
        Ok(())
    }
}

/// Decodes PNG, WebP, the first frame of a GIF or a four-colour JPEG, and turns it upright.
fn decode_other(file: &[u8], limits: Limits) -> Result<DynamicImage, EncoderError> {
    let format = match image::guess_format(file) {
        Ok(format) if FORMATS.contains(&format) => format,
        _ => return Err(EncoderError::UnknownFormat),
    };
    let reader = ImageReader::with_format(Cursor::new(file), format);
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    let orientation = decoder.orientation().map_err(fault)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(fault)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Lays a picture over one colour, rounding to the nearest level.
fn flatten(picture: &image::RgbaImage, background: [u8; 3]) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut flat = RgbImage::new(width, height);
    for (over, out) in picture.pixels().zip(flat.pixels_mut()) {
        let alpha = u32::from(over[3]);
        for (channel, &under) in background.iter().enumerate() {
            let mixed = u32::from(over[channel]) * alpha + u32::from(under) * (255 - alpha);
            out[channel] = ((mixed + 127) / 255) as u8; // at most 255
        }
    }
    flat
}

fn fault(source: ImageError) -> EncoderError {
    match &source {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            EncoderError::Truncated
        }
        _ => EncoderError::Damaged { source },
    }
}
