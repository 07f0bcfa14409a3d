//! Captions made-up embeddings with random weights and prints one line:
//! `{"name": ..., "samples_per_second": ..., "threads": ...}`.
//!
//! The same sizes and as many tokens as `benches/peers/decoder_captioning.py`.
//!
//! ```text
//! cargo run --release -p c3-decoders --example captioning_speed -- [embeddings] [beam]
//! ```

use std::time::Instant;

use burn::tensor::Device;
use c3_decoders::{Captioner, Decoding, PrefixDecoderConfig, TokenizerConfig};
use c3_geometry::Embeddings;

const D_EMBED: usize = 512;
const N_VOCAB: usize = 3478;
const N_TOKENS: usize = 12;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse());
    let mut number = |default| numbers.next().map_or(default, |n| n.expect("a number"));
    let (count, beam): (usize, usize) = (number(1000), number(1));
    let words = (3..N_VOCAB).map(|word| format!("w{word}"));
    let tokenizer = TokenizerConfig::Words { min_count: 1 }
        .train(words)
        .expect("words to learn");
    let config = PrefixDecoderConfig {
        d_embed: D_EMBED,
        n_vocab: N_VOCAB,
        max_tokens: N_TOKENS,
        ..Default::default()
    };
    let decoder = config.init(0, &Device::flex()).expect("sizes that fit");
    let captioner = Captioner::new(decoder, tokenizer).expect("one vocabulary");
    let embeddings = |count: usize| {
        let values = (0..count * D_EMBED).map(|index| (index as f32 * 0.37).sin() * 0.06);
        Embeddings::new(values.collect(), D_EMBED).expect("finite values")
    };
    let decoding = Decoding {
        beam,
        ..Default::default()
    };
    let caption = |count| captioner.caption(&embeddings(count), &decoding);
    caption(10).expect("a decoding that can be");
    let start = Instant::now();
    let captions = caption(count).expect("a decoding that can be");
    let seconds = start.elapsed().as_secs_f64();
    let words = captions.iter().map(|best| best[0].text.split(' ').count());
    let line = serde_json::json!({
        "name": "decoder_captioning",
        "samples_per_second": count as f64 / seconds,
        "words_per_caption": words.sum::<usize>() as f64 / count as f64,
        "threads": rayon::current_num_threads(),
    });
    println!("{line}");
}
