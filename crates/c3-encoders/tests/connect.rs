//! Two towers find the pairs that they were trained on, and repeat themselves.

use burn::tensor::Device;
use burn::train::Interrupter;
use burn::train::renderer::CliMetricsRenderer;
use c3_encoders::connect::{
    Activation, Augment, ConnectConfig, ConnectError, ConnectSession, Connected, ConvConfig,
    DualEncoder, DualEncoderConfig, HeadConfig, Pairs, Temperature, TowerConfig, connect,
};
use c3_geometry::{Embeddings, modality_gap, recall};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ITEMS: usize = 48;

fn head() -> TowerConfig {
    TowerConfig::Head(HeadConfig {
        scale: 1.0,
        n_hidden: 1,
        d_hidden: 32,
        activation: Activation::Relu,
        dropout: 0.1,
        input_dropout: 0.1,
        cone: 1.0,
    })
}

fn towers(image: TowerConfig, d_image: usize) -> DualEncoderConfig {
    let temperature = Temperature::Learned(0.07);
    DualEncoderConfig {
        d_embed: 16,
        d_image,
        d_text: 12,
        image,
        text: head(),
        temperature,
    }
}

/// Pictures of `3 * 8 * 8` values and texts of 12, both made from the same four numbers.
fn pairs(seed: u64) -> (Embeddings, Embeddings) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut images, mut texts) = (Vec::new(), Vec::new());
    for _ in 0..ITEMS {
        let hidden: [f32; 4] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        images.extend((0..192).map(|at| (hidden[at % 4] * (at as f32 * 0.3).cos()).sin()));
        texts.extend((0..12).map(|at| hidden[at % 4] * (1.0 + at as f32 * 0.1)));
    }
    (
        Embeddings::new(images, 192).unwrap(),
        Embeddings::new(texts, 12).unwrap(),
    )
}

fn train(
    image: TowerConfig,
    rate: f64,
    folder: &std::path::Path,
) -> Result<Connected, ConnectError> {
    let (images, texts) = pairs(1);
    let owners: Vec<usize> = (0..ITEMS).collect();
    let pairs = Pairs::new(images, texts, &owners)?;
    let config = ConnectConfig {
        epochs: 30,
        batch_size: 16,
        learning_rate: rate,
        warmup_steps: 5,
        weight_decay: 0.01,
    };
    let session = ConnectSession {
        device: Device::flex(),
        seed: 5,
        renderer: Box::new(CliMetricsRenderer::new()),
        interrupter: Interrupter::new(),
        directory: folder.to_owned(),
    };
    connect(&pairs, &pairs, &towers(image, 192), &config, session)
}

fn recall_at_one(encoder: &DualEncoder) -> f64 {
    let (images, texts) = pairs(1);
    let images = encoder.encode_images(&images).unwrap();
    let texts = encoder.encode_texts(&texts).unwrap();
    assert!(modality_gap(&images, &texts).unwrap().distance > 0.0);
    let owners: Vec<usize> = (0..ITEMS).collect();
    recall(&images, &texts, &owners, &[1]).unwrap()[0].owner_to_item
}

/// One test, since burn's generator is one for the whole process.
#[test]
fn towers_learn_repeat_themselves_survive_a_file_and_stop_when_the_loss_is_not_finite() {
    let folders: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let first = train(head(), 3e-3, folders[0].path()).unwrap();
    assert_eq!(first.curve.len(), 30);
    assert!(
        first.curve[29].valid < 0.5 * first.curve[0].valid,
        "{:?}",
        first.curve
    );
    assert!(recall_at_one(&first.encoder) > 0.8);

    let second = train(head(), 3e-3, folders[1].path()).unwrap();
    let bytes = first.encoder.to_safetensors().unwrap();
    assert_eq!(bytes, second.encoder.to_safetensors().unwrap());

    let config = towers(head(), 192);
    let read = DualEncoder::from_safetensors(bytes.clone(), &config, &Device::flex()).unwrap();
    let (images, _) = pairs(1);
    assert_eq!(
        read.encode_images(&images).unwrap(),
        first.encoder.encode_images(&images).unwrap()
    );
    let wider = DualEncoderConfig {
        d_text: 13,
        ..config
    };
    let error = DualEncoder::from_safetensors(bytes, &wider, &Device::flex()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected [13, 32], found [12, 32]"),
        "{error}"
    );

    let conv = TowerConfig::Conv(ConvConfig {
        side: 8,
        channels: vec![8, 16],
        dropout: 0.0,
        cone: 0.0,
        augment: Augment {
            shift: 0,
            contrast: 0.05,
            noise: 0.02,
        },
    });
    let conv = train(conv, 3e-3, folders[2].path()).unwrap();
    assert!(recall_at_one(&conv.encoder) > 0.8);

    let error = train(head(), 1e0, folders[3].path());
    assert!(error.is_ok() || matches!(error, Err(ConnectError::Diverged { .. })));
}
