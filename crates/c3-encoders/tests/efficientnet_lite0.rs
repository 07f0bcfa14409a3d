//! EfficientNet-Lite0, against PyTorch: pictures to unit embeddings, decoding included.

mod golden;

use std::ffi::OsStr;
use std::path::PathBuf;

use burn::tensor::Device;
use c3_encoders::efficientnet_lite0::{EfficientNetLite0Config, Stage};
use c3_encoders::{EfficientNetLite0, EncoderError, Pixels, TensorFault};
use c3_geometry::Embeddings;

fn tiny() -> EfficientNetLite0Config {
    let stages = vec![
        Stage::new(1, 3, 1, 1, 8),
        Stage::new(2, 3, 2, 6, 16),
        Stage::new(2, 5, 2, 2, 24),
    ];
    EfficientNetLite0Config::new()
        .with_size(40)
        .with_stages(stages)
        .with_d_embed(48)
}

fn encode(tower: &EfficientNetLite0) -> Embeddings {
    let files: Vec<Vec<u8>> = golden::pictures()
        .into_iter()
        .map(|(_, file)| file)
        .collect();
    let pixels = tower.preprocess().decode_all(&files).into_iter();
    let pixels: Vec<Pixels> = pixels.map(|result| result.unwrap()).collect();
    let mut done = 0;
    let embeddings = tower.encode(&pixels, |rows| done += rows).unwrap();
    assert_eq!(done, 32);
    embeddings.to_unit_length().unwrap()
}

#[test]
fn a_small_network_agrees_with_pytorch_under_both_naming_schemes() {
    let golden = golden::rows("tiny_efficientnet.npy", 48);
    for name in ["tiny_efficientnet.pth", "tiny_efficientnet.safetensors"] {
        let file = golden::path(name);
        let tower = EfficientNetLite0::load_sized(&tiny(), &file, &Device::flex()).unwrap();
        golden::assert_close(&encode(&tower), &golden);
    }
}

#[test]
fn the_published_network_agrees_with_pytorch() {
    let Some(folder) = golden::weights("efficientnet-lite0") else {
        return;
    };
    let files = std::fs::read_dir(folder).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    let is_weights = |file: &PathBuf| {
        let extension = file.extension().and_then(OsStr::to_str);
        matches!(extension, Some("pth" | "safetensors"))
    };
    let file = files
        .find(is_weights)
        .expect("a folder of weights holds weights");
    let tower = EfficientNetLite0::load(&file, &Device::flex()).unwrap();
    golden::assert_close(
        &encode(&tower),
        &golden::rows("efficientnet_lite0.npy", 1280),
    );
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let mut config = tiny();
    config.d_embed = 50;
    config.stages[2].repeats = 3;
    let file = golden::path("tiny_efficientnet.pth");
    let error = EfficientNetLite0::load_sized(&config, &file, &Device::flex()).unwrap_err();
    let EncoderError::Weights { faults, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 15 + 5); // a whole block, and the last layer
    let missing = TensorFault::Missing {
        name: "_blocks.5._expand_conv.weight".to_owned(),
        expected: vec![48, 24, 1, 1],
    };
    assert_eq!(faults[0], missing);
    let text = error.to_string();
    assert!(text.contains("_conv_head.weight has shape [48, 24, 1, 1] (expected [50, 24, 1, 1])"));
}

#[test]
fn pixels_of_another_size_are_refused() {
    let file = golden::path("tiny_efficientnet.safetensors");
    let tower = EfficientNetLite0::load_sized(&tiny(), &file, &Device::flex()).unwrap();
    let (_, picture) = &golden::pictures()[0];
    let pixels = c3_encoders::Preprocess::new(32).decode(picture).unwrap();
    let error = tower.encode(&[pixels], |_| ()).unwrap_err();
    let expected = "picture 0 is 32 pixels wide, but the encoder takes 40";
    assert_eq!(error.to_string(), expected);
}
