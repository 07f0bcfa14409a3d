//! Training a decoder of GPT-2's sizes behind ClipCap's mapper: random weights cost as much.

use std::time::Instant;

use c3_decoders::{
    Activation, CaptionSet, Decay, Mapper, Precision, PrefixDecoderConfig, ReadAt, Split,
    TrainingConfig, TrainingSession,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;

use super::decoder::{embeddings, lanes};
use super::{Work, where_we_do};
use crate::device::Chosen;
use crate::memory;

const D_EMBED: usize = 512;
const N_VOCAB: usize = 50257;
const BATCH: usize = 8;
const N_TOKENS: usize = 30;
const STEPS: usize = 8;
const WARM_UP: usize = 2;
/// Times as many of both on a card, which is faster.
const ON_A_CARD: usize = 8;

/// In single precision; on a card also in bfloat16, which a processor only imitates.
pub(super) fn work(chosen: &Chosen) -> Vec<Work> {
    let of = |name, precision, told: &[&str]| Work {
        name,
        unit: "captions/s",
        script: "gpt2_training.py",
        arguments: [
            where_we_do(chosen),
            told.iter().map(|word| (*word).to_owned()).collect(),
        ]
        .concat(),
        ours: Box::new(move |chosen| training(precision, chosen)),
    };
    let mut work = vec![of("GPT-2 training", Precision::Full, &[])];
    if !chosen.is_processor() {
        work.push(of("GPT-2 training, bfloat16", Precision::Bf16, &["--bf16"]));
    }
    work
}

fn sizes() -> PrefixDecoderConfig {
    PrefixDecoderConfig {
        d_embed: D_EMBED,
        d_model: 768,
        n_layers: 12,
        n_heads: 12,
        n_prefix: 10,
        n_vocab: N_VOCAB,
        max_tokens: N_TOKENS,
        mapper: Mapper::Mlp,
        read_at: ReadAt::OwnLength,
        activation: Activation::GeluTanh,
        ..PrefixDecoderConfig::default()
    }
}

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn split(count: usize) -> anyhow::Result<Split> {
    let word = |caption: usize, at: usize| ((caption * 3001 + at * 1709) % N_VOCAB) as u32;
    let caption = |caption| (0..N_TOKENS).map(|at| word(caption, at)).collect();
    let captions = (0..count).map(caption).collect();
    Ok(Split::new(
        CaptionSet::one_to_one(embeddings(count)?, captions)?,
        clean,
    ))
}

/// Seconds of a whole training of some steps, its beginning and end counted.
fn seconds(steps: usize, precision: Precision, chosen: &Chosen) -> anyhow::Result<f64> {
    let training = TrainingConfig {
        epochs: 1,
        batch_size: BATCH,
        parts: lanes(chosen),
        learning_rate: 2e-5,
        warmup_steps: 0,
        decay: Decay::None,
        precision,
        ..TrainingConfig::default()
    };
    let session = TrainingSession::new(chosen.device.clone(), 0);
    let clock = Instant::now();
    training.train(&sizes(), &split(steps * BATCH)?, &split(1)?, session)?;
    Ok(clock.elapsed().as_secs_f64())
}

fn training(precision: Precision, chosen: &Chosen) -> anyhow::Result<f64> {
    memory::keep_freed();
    let times = if chosen.is_processor() { 1 } else { ON_A_CARD };
    let (few, many) = (WARM_UP * times, (WARM_UP + STEPS) * times);
    seconds(few, precision, chosen)?;
    // The one without the other, so that neither beginning nor end counts.
    let few = seconds(few, precision, chosen)?;
    let many = seconds(many, precision, chosen)?;
    Ok((BATCH * STEPS * times) as f64 / (many - few))
}
