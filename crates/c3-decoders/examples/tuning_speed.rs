//! Trains a Llama as a whole, its mapper alone, or with pairs, and prints one line: how many bytes
//! were foretold, how many the process had at most, the seconds of a step, the losses.
//!
//! ```text
//! cargo run --release -p c3-decoders --example tuning_speed -- FILE.gguf '"mapper"'
//! cargo run --release -p c3-decoders --example tuning_speed -- FILE.gguf '{"lora": {"rank": 8, "alpha": 16}}'
//! ```

use std::time::Instant;

use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Checkpoints, Decay, DecoderFile, Mapper, PretrainedPrefix,
    PretrainedUse, ReadAt, Split, TrainingConfig, TrainingSession, Tune,
};
use c3_geometry::Embeddings;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const D_EMBED: usize = 512;
const BATCH: usize = 16;
const STEPS: usize = 4;
const SENTENCES: [&str; 4] = [
    "A brown dog runs over the wet sand beside the sea.",
    "Two children in red jackets climb a rock.",
    "A man plays the guitar on a small stage at night.",
    "A girl in a white dress looks at the camera.",
];

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

/// The most memory that the process has had, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("the path of a GGUF");
    let tune = arguments.next().expect("what to train, as JSON");
    let tune: Tune = serde_json::from_str(&tune).expect("`all`, `mapper` or a `lora`");
    let bytes = std::fs::read(&path).expect("a file that can be read");
    let words = CaptionTokenizer::from_gguf(&bytes).expect("tokens");
    let file = DecoderFile::open(&[&bytes], None).expect("a GGUF");

    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let n = STEPS * BATCH;
    let values = (0..n * D_EMBED).map(|_| rng.random_range(-0.08..0.08));
    let embeddings = Embeddings::new(values.collect(), D_EMBED).expect("finite numbers");
    let captions: Vec<Vec<u32>> = (0..n)
        .map(|at| words.encode(SENTENCES[at % 4]).expect("tokens"))
        .collect();
    let set = CaptionSet::one_to_one(embeddings, captions).expect("one of each");
    let how = PretrainedUse {
        fresh: Some(PretrainedPrefix {
            d_embed: D_EMBED,
            n_prefix: 10,
            mapper: Mapper::Mlp,
            read_at: ReadAt::RootWidth,
        }),
        max_tokens: set.longest(),
        dropout: 0.0,
    };
    let training = TrainingConfig {
        epochs: 2,
        batch_size: BATCH,
        parts: rayon::current_num_threads(),
        learning_rate: 1e-3,
        warmup_steps: 0,
        decay: Decay::None,
        tune,
        ..Default::default()
    };
    let sizes = file.sizes(&how).expect("sizes that can be");
    let foretold = training.footprint(&sizes).expect("sizes that can be");
    let decoder = file.decoder(&how, 0, &Device::flex()).expect("a Llama");
    let data = Split::new(set, clean);
    let folder = tempfile::tempdir().expect("a folder for checkpoints");
    let session = TrainingSession {
        checkpoints: Checkpoints::Fresh(folder.path().to_owned()),
        ..TrainingSession::new(Device::flex(), 0)
    };
    let start = Instant::now();
    let trained = training
        .fine_tune(decoder, &data, &data, session)
        .expect("a training");
    let line = serde_json::json!({
        "foretold": foretold.total(),
        "peak": peak(),
        "seconds_a_step_with_validation": start.elapsed().as_secs_f64() / (2 * STEPS) as f64,
        "losses": trained.curve.iter().map(|epoch| epoch.valid).collect::<Vec<_>>(),
    });
    println!("{line}");
}
