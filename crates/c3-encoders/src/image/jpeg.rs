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
const MAGIC: &[u8] = &[0xFF, 0xD8, 0xFF];

/// What follows `0xFF` where the compressed data begin, and where the picture ends.
const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Decodes a JPEG file and turns it upright; `None` if it is none, or one that only others read.
///
/// Those are printers' four colours where black is coarser than cyan: the exact decoder panics.
pub(super) fn decode(file: &[u8], limits: Limits) -> Result<Option<RgbImage>, EncoderError> {
    if !file.starts_with(MAGIC) {
        return Ok(None);
    }
    let mut decoder = Decoder::new(file).map_err(fault)?;
    let header = decoder.header();
    limits.check(header.width.into(), header.height.into())?;
    if !is_whole(file) {
        return Err(EncoderError::Truncated);
    }
    let has_ink = header.components.len() > 3;
    let planes = header.components.iter();
    let sizes = planes.map(|plane| (plane.horizontal_sampling, plane.vertical_sampling));
    if has_ink && !are_even(&sizes.collect::<Vec<_>>()) {
        return Ok(None);
    }
    let format = if has_ink {
        PixelFormat::Cmyk
    } else {
        PixelFormat::Rgb
    };
    decoder.set_output_format(format);
    let orientation = decoder.exif_orientation().and_then(Orientation::from_exif);

    let decoded = decoder.decode_image().map_err(fault)?;
    let (width, height) = (decoded.width as u32, decoded.height as u32);
    let colors = if has_ink {
        lit(&decoded.data)
    } else {
        decoded.data
    };
    let picture = RgbImage::from_raw(width, height, colors)
        .ok_or(EncoderError::NoPixels { width, height })?;
    Ok(Some(match orientation {
        None | Some(Orientation::NoTransforms) => picture,
        Some(orientation) => {
            let mut picture = DynamicImage::ImageRgb8(picture);
            picture.apply_orientation(orientation);
            picture.into_rgb8()
        }
    }))
}

/// Whether the first and the fourth plane are the largest, and the other two of one size.
fn are_even(sizes: &[(u8, u8)]) -> bool {
    let [cyan, magenta, yellow, black] = sizes else {
        return false;
    };
    black == cyan && yellow == magenta && magenta.0 <= cyan.0 && magenta.1 <= cyan.1
}

/// Four inks of each pixel, stored the way Adobe does (0 is full ink), as light: Pillow's formula.
fn lit(inks: &[u8]) -> Vec<u8> {
    let (pixels, _) = inks.as_chunks::<4>();
    let light = pixels.iter().flat_map(|[inks @ .., white]| {
        inks.map(|ink| {
            let dark = u16::from(255 - ink) * u16::from(*white) + 128;
            white.saturating_sub((((dark >> 8) + dark) >> 8) as u8) // at most 255
        })
    });
    light.collect()
}

/// Whether the end mark follows the compressed data; the decoder alone would grey out the rest.
fn is_whole(file: &[u8]) -> bool {
    let mut at = 2;
    // Segments: 0xFF, a kind, and a length that counts itself. A thumbnail lies inside one.
    while let Some(&[kind, high, low]) = file.get(at + 1..at + 4) {
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if kind == START_OF_SCAN {
            break;
        }
    }
    let data = file.get(at..).unwrap_or_default();
    data.windows(2).rev().any(|pair| pair == END_OF_IMAGE)
}

fn fault(source: JpegError) -> EncoderError {
    match source {
        JpegError::UnexpectedEof => EncoderError::Truncated,
        source => EncoderError::Jpeg { source },
    }
}
