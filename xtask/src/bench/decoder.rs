//! The decoder on made-up captions: sizes as in the peers' scripts.

use std::time::Instant;

use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, Captioner, Decay, Decoding, PrefixDecoderConfig, Split, TokenizerConfig,
    TrainingConfig, TrainingSession,
};
use c3_geometry::Embeddings;
use c3_transforms::{Corrupt, Transform};
use rand_chacha::ChaCha8Rng;

use super::{Work, where_we_do};
use crate::device::Chosen;

const D_EMBED: usize = 512;
const N_VOCAB: usize = 3478;
const BATCH: usize = 128;
const STEPS: usize = 40;
const WARM_UP: usize = 5;
const SIGMA: f32 = 0.08;
const EMBEDDINGS: usize = 1000;
/// Tokens of a caption, in captioning.
const N_TOKENS: usize = 12;

/// Training on all threads, two trainings side by side, captioning.
pub(super) fn work(chosen: &Chosen) -> Vec<Work> {
    let training = |name, ours: fn(&Chosen) -> anyhow::Result<f64>| Work {
        name,
        unit: "captions/s",
        script: "decoder_training.py",
        arguments: where_we_do(chosen),
        ours: Box::new(ours),
    };
    vec![
        training("decoder training", one_training),
        training("decoder training, side by side", trainings_side_by_side),
        Work {
            name: "captioning, beside one by one without a cache",
            unit: "captions/s",
            script: "decoder_captioning.py",
            arguments: where_we_do(chosen),
            ours: Box::new(captioning),
        },
    ]
}

fn sizes(max_tokens: usize) -> PrefixDecoderConfig {
    PrefixDecoderConfig {
        d_embed: D_EMBED,
        n_vocab: N_VOCAB,
        max_tokens,
        ..PrefixDecoderConfig::default()
    }
}

/// Captions of 8 to 16 tokens, as the peer makes them.
fn captions(count: usize) -> anyhow::Result<CaptionSet> {
    let caption = |caption: usize| {
        let length = 8 + (caption * 7) % 9;
        let word = |index: usize| (3 + (caption * 31 + index * 17) % (N_VOCAB - 3)) as u32;
        let mut tokens: Vec<u32> = (0..length).map(word).collect();
        tokens[length - 1] = 1; // the end token
        tokens
    };
    Ok(CaptionSet::one_to_one(
        embeddings(count)?,
        (0..count).map(caption).collect(),
    )?)
}

pub(super) fn embeddings(count: usize) -> anyhow::Result<Embeddings> {
    let values = (0..count * D_EMBED).map(|at| (at as f32 * 0.37).sin() + 0.01);
    Ok(Embeddings::new(values.collect(), D_EMBED)?.to_unit_length()?)
}

fn train(steps: usize, parts: usize, device: &Device) -> anyhow::Result<()> {
    let config = TrainingConfig {
        epochs: 1,
        batch_size: BATCH,
        parts,
        warmup_steps: 0,
        decay: Decay::None,
        ..TrainingConfig::default()
    };
    let corrupt = Some(Corrupt::new(SIGMA)?);
    let noised = Transform {
        corrupt,
        ..Transform::default()
    };
    let view = move |clean: Embeddings, rng: &mut ChaCha8Rng| {
        noised.train(&clean, rng).expect("unit rows stay unit rows")
    };
    let train = Split::new(captions(steps * BATCH)?, view);
    let valid = Split::new(captions(1)?, |clean: Embeddings, _: &mut ChaCha8Rng| clean);
    config.train(
        &sizes(16),
        &train,
        &valid,
        TrainingSession::new(device.clone(), 0),
    )?;
    Ok(())
}

/// One training on all threads, each with a part of the batch (`training.parts`); a card takes
/// the batch whole.
fn one_training(chosen: &Chosen) -> anyhow::Result<f64> {
    let parts = lanes(chosen);
    train(WARM_UP, parts, &chosen.device)?;
    let clock = Instant::now();
    train(STEPS, parts, &chosen.device)?;
    Ok((STEPS * BATCH) as f64 / clock.elapsed().as_secs_f64())
}

/// A training on each thread, as `train` runs its decoders; on a card one.
fn trainings_side_by_side(chosen: &Chosen) -> anyhow::Result<f64> {
    let (lanes, device) = (lanes(chosen), &chosen.device);
    let pool = || rayon::ThreadPoolBuilder::new().num_threads(1).build();
    train(WARM_UP, 1, device)?;
    let clock = Instant::now();
    let outcomes: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let lane = || scope.spawn(|| pool()?.install(|| train(STEPS, 1, device)));
        let running: Vec<_> = (0..lanes).map(|_| lane()).collect();
        running
            .into_iter()
            .map(|lane| lane.join().expect("a training does not panic"))
            .collect()
    });
    outcomes.into_iter().collect::<anyhow::Result<()>>()?;
    Ok((lanes * STEPS * BATCH) as f64 / clock.elapsed().as_secs_f64())
}

/// How much is computed at once.
pub(super) fn lanes(chosen: &Chosen) -> usize {
    match chosen.is_processor() {
        true => rayon::current_num_threads(),
        false => 1,
    }
}

fn captioning(chosen: &Chosen) -> anyhow::Result<f64> {
    let words = (3..N_VOCAB).map(|word| format!("w{word}"));
    let tokenizer = TokenizerConfig::Words { min_count: 1 }.train(words)?;
    let captioner = Captioner::new(sizes(N_TOKENS).init(0, &chosen.device)?, tokenizer)?;
    let batch = embeddings(EMBEDDINGS)?;
    captioner.caption(&batch.select(&[0, 1, 2]), &Decoding::default())?;
    let clock = Instant::now();
    captioner.caption(&batch, &Decoding::default())?;
    Ok(EMBEDDINGS as f64 / clock.elapsed().as_secs_f64())
}
