//! Trains a decoder on made-up captions and prints one line:
//! `{"name": ..., "samples_per_second": ..., "threads": ...}`.
//!
//! The same work as `benches/peers/decoder_training.py`.
//!
//! ```text
//! cargo run --release -p c3-decoders --example training_speed -- [steps] [trainings side by side]
//! ```
//!
//! With two or more side by side, each has a thread pool of one thread.

use std::time::Instant;

use burn::tensor::Device;
use c3_decoders::{CaptionSet, Decay, PrefixDecoderConfig, Split, TrainingConfig, TrainingSession};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

const D_EMBED: usize = 512;
const N_VOCAB: usize = 3478;
const BATCH: usize = 128;
const SIGMA: f32 = 0.08;

/// Captions of 8 to 16 tokens.
fn captions(count: usize) -> CaptionSet {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let values: Vec<f32> = StandardNormal
        .sample_iter(&mut rng)
        .take(count * D_EMBED)
        .collect();
    let embeddings = Embeddings::new(values, D_EMBED).expect("finite values");
    let embeddings = embeddings.to_unit_length().expect("no row of zeros");
    let captions = (0..count)
        .map(|caption| {
            let length = 8 + (caption * 7) % 9;
            let mut tokens: Vec<u32> = (0..length)
                .map(|index| (3 + (caption * 31 + index * 17) % (N_VOCAB - 3)) as u32)
                .collect();
            tokens[length - 1] = 1;
            tokens
        })
        .collect();
    CaptionSet::one_to_one(embeddings, captions).expect("one caption per row")
}

fn noised(clean: Embeddings, rng: &mut ChaCha8Rng) -> Embeddings {
    let noise = StandardNormal.sample_iter(rng);
    let values = clean
        .as_slice()
        .iter()
        .zip(noise)
        .map(|(value, z): (&f32, f32)| value + SIGMA * z);
    let noised = Embeddings::new(values.collect(), clean.dim()).expect("finite values");
    noised.to_unit_length().expect("no row of zeros")
}

fn train(steps: usize, parts: usize) {
    let config = TrainingConfig {
        epochs: 1,
        batch_size: BATCH,
        parts,
        learning_rate: 1e-3,
        warmup_steps: 0,
        decay: Decay::None,
        clip_norm: Some(1.0),
        ..Default::default()
    };
    let decoder = PrefixDecoderConfig {
        d_embed: D_EMBED,
        n_vocab: N_VOCAB,
        max_tokens: 16,
        ..Default::default()
    };
    let session = TrainingSession::new(Device::flex(), 0);
    let train = Split::new(captions(steps * BATCH), noised);
    let valid = Split::new(captions(1), |clean, _: &mut ChaCha8Rng| clean);
    config
        .train(&decoder, &train, &valid, session)
        .expect("the settings are right");
}

fn on_one_thread(steps: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    pool.expect("one thread").install(|| train(steps, 1));
}

fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse());
    let mut number = |default| numbers.next().map_or(default, |n| n.expect("a number"));
    let (steps, beside): (usize, usize) = (number(60), number(1));
    train(5, rayon::current_num_threads());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 1..beside {
            scope.spawn(|| on_one_thread(steps));
        }
        match beside {
            1 => train(steps, rayon::current_num_threads()),
            _ => on_one_thread(steps),
        }
    });
    let samples = (beside * steps * BATCH) as f64;
    let line = serde_json::json!({
        "name": "decoder_training",
        "samples_per_second": samples / start.elapsed().as_secs_f64(),
        "threads": rayon::current_num_threads(),
        "side_by_side": beside,
    });
    println!("{line}");
}
