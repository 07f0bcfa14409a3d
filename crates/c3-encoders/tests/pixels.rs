//! Decoding and resizing, against Pillow: every byte.

mod golden;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;

use c3_encoders::image::{Filter, Preprocess};
use c3_encoders::{EncoderError, Pixels};
use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma};
use sha2::{Digest, Sha256};

/// SHA-256 of the pixels at 224, and the pixels themselves at 8.
#[derive(serde::Deserialize)]
struct Golden {
    plain: String,
    margin: String,
    bilinear: String,
    small: Vec<u8>,
}

fn digest(pixels: &Pixels) -> String {
    let bytes = Sha256::digest(pixels.rgb());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn pixels_equal_those_of_pillow() {
    let text = fs::read_to_string(golden::path("pixels.json")).unwrap();
    let mut golden: BTreeMap<String, Golden> = serde_json::from_str(&text).unwrap();
    let plain = Preprocess::new(224);
    let margin = Preprocess {
        margin: 32,
        ..plain.clone()
    };
    let bilinear = Preprocess {
        filter: Filter::Bilinear,
        ..plain.clone()
    };
    let mut differing = Vec::new();
    for (name, file) in golden::pictures() {
        let golden = golden.remove(&name).unwrap();
        if Preprocess::new(8).decode(&file).unwrap().rgb() != golden.small {
            differing.push(format!("{name} small"));
        }
        let settings = [&plain, &margin, &bilinear];
        let digests = [&golden.plain, &golden.margin, &golden.bilinear];
        for (setting, expected) in settings.into_iter().zip(digests) {
            if digest(&setting.decode(&file).unwrap()) != *expected {
                differing.push(format!("{name} {:?} {}", setting.filter, setting.margin));
            }
        }
    }
    assert!(golden.is_empty());
    assert_eq!(differing, Vec::<String>::new());
}

/// Pixels of a picture in printers' colours, ours and Pillow's.
fn four_colors(name: &str) -> (Vec<u8>, Vec<u8>) {
    let text = fs::read_to_string(golden::path(&format!("{name}.json"))).unwrap();
    let file = fs::read(golden::path(&format!("{name}.jpg"))).unwrap();
    let pixels = Preprocess::new(32).decode(&file).unwrap();
    (pixels.rgb().to_vec(), serde_json::from_str(&text).unwrap())
}

#[test]
fn four_colors_are_those_of_pillow() {
    let (ours, pillow) = four_colors("four_colors");
    assert_eq!(ours, pillow);
}

/// Coarse planes of black go through another decoder, which rounds otherwise.
#[test]
fn four_colors_of_coarse_planes_come_close() {
    let (ours, pillow) = four_colors("four_colors_coarse");
    assert_eq!(ours.len(), pillow.len());
    let off = ours.iter().zip(&pillow).map(|(a, b)| a.abs_diff(*b));
    let most = off.max().unwrap();
    assert!(most <= 1, "{most}");
}

#[test]
fn sixteen_bits_a_channel_are_scaled_to_eight() {
    let grey = |x: u32, y: u32| (x * 5 + y * 3) as u8;
    let narrow = GrayImage::from_fn(40, 30, |x, y| Luma([grey(x, y)]));
    let wide = ImageBuffer::from_fn(40, 30, |x, y| Luma([u16::from(grey(x, y)) * 257]));
    let file = |picture: DynamicImage| {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    };
    let preprocess = Preprocess::new(16);
    let narrow = preprocess.decode(&file(DynamicImage::ImageLuma8(narrow)));
    let wide = preprocess.decode(&file(DynamicImage::ImageLuma16(wide)));
    assert_eq!(wide.unwrap(), narrow.unwrap());
}

#[test]
fn a_truncated_picture_is_refused() {
    let four_colors = fs::read(golden::path("four_colors.jpg")).unwrap();
    let mut files = golden::pictures();
    files.push(("four colors".to_owned(), four_colors));
    files.retain(|(name, _)| name != "30.gif"); // half of it holds the whole first frame
    for (name, file) in files {
        let half = &file[..file.len() / 2];
        let result = Preprocess::new(32).decode(half);
        let error = result.expect_err(&name);
        assert!(
            matches!(
                error,
                EncoderError::Truncated | EncoderError::Damaged { .. } | EncoderError::Jpeg { .. }
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_hostile_header_is_refused_by_the_limits() {
    let file = fs::read(golden::path("hostile.png")).unwrap();
    let error = Preprocess::new(32).decode(&file).unwrap_err();
    let expected = "100000x100000 pixels: over the limit of 65535 a side and 100000000 in all";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_limits_are_settings() {
    let mut preprocess = Preprocess::new(32);
    preprocess.limits.max_pixels = 200 * 150;
    let too_large = |(_, file): &(String, Vec<u8>)| {
        let result = preprocess.decode(file);
        matches!(result, Err(EncoderError::TooLarge { .. }))
    };
    let refused: Vec<String> = golden::pictures()
        .into_iter()
        .filter(too_large)
        .map(|(name, _)| name)
        .collect();
    assert!(refused.contains(&"15.jpg".to_owned()) && refused.contains(&"25.webp".to_owned()));
    assert!(!refused.contains(&"00.png".to_owned()));
}

#[test]
fn what_is_no_picture_is_called_so() {
    for file in [&b""[..], b"GIF", b"hello", b"BM000000"] {
        let error = Preprocess::new(32).decode(file).unwrap_err();
        assert_eq!(error.to_string(), "not a JPEG, PNG, WebP or GIF picture");
    }
}

#[test]
fn a_square_without_pixels_is_no_setting() {
    let (_, file) = &golden::pictures()[0];
    let error = Preprocess::new(0).decode(file).unwrap_err();
    assert_eq!(
        error.to_string(),
        "size = 0: a picture needs at least one pixel"
    );
}

#[test]
fn many_files_keep_their_order() {
    let files: Vec<Vec<u8>> = golden::pictures()
        .into_iter()
        .map(|(_, file)| file)
        .collect();
    let preprocess = Preprocess::new(16);
    let together = preprocess.decode_all(&files);
    assert_eq!(together.len(), files.len());
    for (file, pixels) in files.iter().zip(together) {
        assert_eq!(pixels.unwrap(), preprocess.decode(file).unwrap());
    }
}
