//! The decoder, its loss, its gradient and its optimiser against PyTorch.

use std::collections::BTreeMap;

use burn::tensor::Device;
use c3_decoders::{
    Activation, CaptionSet, Decay, Mapper, Output, PrefixDecoder, PrefixDecoderConfig, Split,
    TrainingConfig, TrainingSession,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    captions: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    mapper: Mapper,
    activation: Activation,
    output: Output,
    embeddings: Vec<f32>,
    losses: Vec<f64>,
    before: BTreeMap<String, Weights>,
    after: BTreeMap<String, Weights>,
}

#[derive(Deserialize)]
struct Weights {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/decoder.json")).unwrap()
}

fn config(case: &Case) -> PrefixDecoderConfig {
    PrefixDecoderConfig {
        d_embed: 6,
        d_model: 8,
        n_layers: 2,
        n_heads: 2,
        n_prefix: 3,
        n_vocab: 11,
        max_tokens: 5,
        mapper: case.mapper,
        activation: case.activation,
        output: case.output,
        ..Default::default()
    }
}

fn decoder(case: &Case) -> PrefixDecoder {
    let bytes: BTreeMap<&str, Vec<u8>> = case
        .before
        .iter()
        .map(|(name, weights)| {
            let bytes = weights.values.iter().flat_map(|value| value.to_le_bytes());
            (name.as_str(), bytes.collect())
        })
        .collect();
    let views = case.before.iter().map(|(name, weights)| {
        let bytes = &bytes[name.as_str()];
        let view = TensorView::new(Dtype::F32, weights.shape.clone(), bytes).unwrap();
        (name, view)
    });
    let file = safetensors::serialize(views, None).unwrap();
    PrefixDecoder::from_safetensors(&file, &config(case), &Device::flex()).unwrap()
}

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn split(case: &Case, captions: &[Vec<u32>]) -> Split {
    let embeddings = Embeddings::new(case.embeddings.clone(), 6).unwrap();
    let set = CaptionSet::one_to_one(embeddings, captions.to_vec()).unwrap();
    Split::new(set, clean)
}

#[test]
fn losses_agree_with_pytorch() {
    let golden = golden();
    for case in &golden.cases {
        let decoder = decoder(case);
        let (mut sum, mut count) = (0.0, 0);
        for (index, expected) in case.losses.iter().enumerate() {
            let row = case.embeddings[index * 6..(index + 1) * 6].to_vec();
            let caption = golden.captions[index].clone();
            sum += expected * caption.len() as f64;
            count += caption.len();
            let embeddings = Embeddings::new(row, 6).unwrap();
            let alone = CaptionSet::one_to_one(embeddings, vec![caption]).unwrap();
            let loss = decoder.loss(&Split::new(alone, clean), 1, 0).unwrap();
            // PyTorch computes in f64, burn in f32, of losses around three.
            assert!((loss - expected).abs() < 3e-6, "{loss} != {expected}");
        }
        // Side by side, with padding.
        let loss = decoder.loss(&split(case, &golden.captions), 4, 0).unwrap();
        let expected = sum / f64::from(count as u32);
        assert!((loss - expected).abs() < 3e-6, "{loss} != {expected}");
    }
}

#[test]
fn weights_after_three_steps_agree_with_pytorch() {
    let golden = golden();
    for case in &golden.cases {
        for parts in [1, 2, 5] {
            three_steps(case, &golden.captions, parts);
        }
    }
}

fn three_steps(case: &Case, captions: &[Vec<u32>], parts: usize) {
    let data = split(case, captions);
    let session = TrainingSession::new(Device::flex(), 0);
    let training = TrainingConfig {
        epochs: 3,
        batch_size: 4,
        parts,
        learning_rate: 0.01,
        warmup_steps: 1,
        decay: Decay::Cosine,
        weight_decay: 0.1,
        epsilon: 1e-3,
        clip_norm: Some(0.2),
        ..Default::default()
    };
    let trained = training
        .fine_tune(decoder(case), &data, &data, session)
        .unwrap();
    assert_eq!(trained.best_epoch, 3, "the last weights are the best");
    let file = trained.decoder.to_safetensors().unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    assert_eq!(file.len(), case.after.len());
    for (name, expected) in &case.after {
        let found = file.tensor(name).unwrap();
        assert_eq!(found.shape(), expected.shape, "{name}");
        let chunks = found.data().as_chunks().0;
        assert_eq!(chunks.len(), expected.values.len());
        for (found, expected) in chunks.iter().zip(&expected.values) {
            let found = f32::from_le_bytes(*found);
            // A step is at most 0.01 long, known here to about 1e-4 of itself.
            assert!(
                (found - expected).abs() < 2e-6,
                "{name}: {found} != {expected}"
            );
        }
    }
}
