//! JPEG, equal to libjpeg-turbo bit for bit.
//!
//! The decoder of the `image` crate differs from libjpeg-turbo in 16 % of all
//! values (chroma upsampling and colour conversion round otherwise, 200 photos),
//! which moves unit embeddings by up to 8e-3.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use libjpeg_turbo_rs::{Decoder, JpegError, PixelFormat};

use super::preprocess::Limits;
use crate::EncoderError;

/// Begins every JPEG file.
pub(super) const MAGIC: &[u8] = &[0xFF, 0xD8, 0xFF];

/// Decodes a JPEG file and turns it upright.
pub(super) fn decode(file: &[u8], limits: Limits) -> Result<RgbImage, EncoderError> {
    let mut decoder = Decoder::new(file).map_err(fault)?;
    let header = decoder.header();
    limits.check(header.width.into(), header.height.into())?;
    decoder.set_output_format(PixelFormat::Rgb);
    let orientation = decoder.exif_orientation().and_then(Orientation::from_exif);

    let decoded = decoder.decode_image().map_err(fault)?;
    let (width, height) = (decoded.width as u32, decoded.height as u32);
    let picture = RgbImage::from_raw(width, height, decoded.data)
        .ok_or(EncoderError::NoPixels { width, height })?;
    Ok(match orientation {
        None | Some(Orientation::NoTransforms) => picture,
        Some(orientation) => {
            let mut picture = DynamicImage::ImageRgb8(picture);
            picture.apply_orientation(orientation);
            picture.into_rgb8()
        }
    })
}

fn fault(source: JpegError) -> EncoderError {
    match source {
        JpegError::UnexpectedEof => EncoderError::Truncated,
        source => EncoderError::Jpeg { source },
    }
}
