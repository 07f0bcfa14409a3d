//! Trains and lets caption a GPT-2 with a mapper, or a Llama with a fresh one, as
//! `benches/peers/gpt2.py` or `llama.py` wrote it into a folder, and prints one line: its losses,
//! the seconds of a training step, captions a second.
//!
//! ```text
//! cargo run --release --workspace --example decoder_speed -- FOLDER
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Captioner, Decay, DecoderFile, Decoding, Mapper, PrefixDecoder,
    PretrainedPrefix, PretrainedUse, ReadAt, Split, TrainingConfig, TrainingSession,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

const STEPS: usize = 6;
const N_TOKENS: usize = 20;

#[derive(Deserialize)]
struct Case {
    embeddings: Vec<f32>,
    captions: Vec<Vec<u32>>,
    /// Embeddings that are captioned.
    n_captioned: usize,
}

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn split(embeddings: &Embeddings, captions: &[Vec<u32>], rows: Vec<usize>) -> Split {
    let captions = rows.iter().map(|row| captions[*row].clone()).collect();
    let set = CaptionSet::new(embeddings.clone(), rows, captions).expect("a row for each");
    Split::new(set, clean)
}

/// Seconds of a whole training of some steps, its beginning and end counted.
fn train(decoder: &PrefixDecoder, data: &Case, embeddings: &Embeddings, steps: usize) -> f64 {
    let batch_size = data.captions.len();
    let training = TrainingConfig {
        epochs: 1,
        batch_size,
        parts: rayon::current_num_threads(),
        learning_rate: 2e-5,
        warmup_steps: 0,
        decay: Decay::None,
        clip_norm: None,
        ..Default::default()
    };
    let rows = (0..steps * batch_size).map(|at| at % batch_size);
    let train = split(embeddings, &data.captions, rows.collect());
    let valid = split(embeddings, &data.captions, vec![0]);
    let session = TrainingSession::new(Device::flex(), 0);
    let start = Instant::now();
    training
        .fine_tune(decoder.clone(), &train, &valid, session)
        .expect("the settings are right");
    start.elapsed().as_secs_f64()
}

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("say which folder"));
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect(name);
    let data: Case = serde_json::from_str(&text("case.json")).expect("the case");
    let start = Instant::now();
    let decoder = decoder(
        &folder,
        data.captions[0].len(),
        data.embeddings.len() / data.captions.len(),
    );
    let load = start.elapsed().as_secs_f64();
    let d_embed = decoder.config().d_embed;
    let all = Embeddings::new(data.embeddings.clone(), d_embed).expect("finite values");

    let losses: Vec<f64> = (0..data.captions.len())
        .map(|row| {
            let alone = split(&all, &data.captions, vec![row]);
            decoder.loss(&alone, 1, 0).expect("a caption")
        })
        .collect();
    train(&decoder, &data, &all, 1);
    let few = train(&decoder, &data, &all, 1);
    let many = train(&decoder, &data, &all, 1 + STEPS);

    let words = CaptionTokenizer::gpt2(&text("vocab.json"), &text("merges.txt"));
    let captioner = Captioner::new(decoder, words.expect("GPT-2's tokens")).expect("GPT-2's");
    let rows: Vec<usize> = (0..data.n_captioned).map(|at| at % all.len()).collect();
    let decoding = Decoding {
        max_tokens: Some(N_TOKENS),
        ..Default::default()
    };
    let caption = || captioner.caption(&all.select(&rows), &decoding);
    caption().expect("embeddings of the width");
    let start = Instant::now();
    let captions = caption().expect("embeddings of the width");
    let seconds = start.elapsed().as_secs_f64();
    let line = serde_json::json!({
        "load_seconds": load,
        "losses": losses,
        "step_seconds": (many - few) / STEPS as f64,
        "captions_per_second": rows.len() as f64 / seconds,
        "captions": captions.iter().map(|best| &best[0].text).collect::<Vec<_>>(),
    });
    println!("{line}");
}

fn decoder(folder: &Path, max_tokens: usize, d_embed: usize) -> PrefixDecoder {
    let bytes = fs::read(folder.join("model.safetensors")).expect("the weights");
    let config = fs::read_to_string(folder.join("config.json")).ok();
    let file = DecoderFile::open(&[&bytes], config.as_deref()).expect("a decoder");
    let fresh = PretrainedPrefix {
        d_embed,
        n_prefix: 10,
        mapper: Mapper::Mlp,
        read_at: ReadAt::OwnLength,
    };
    let how = PretrainedUse {
        fresh: file.prefix().is_none().then_some(fresh),
        max_tokens,
        dropout: 0.0,
    };
    file.decoder(&how, 0, &Device::flex())
        .expect("a decoder with a mapper")
}
