//! Captioning: greedy and beam search with the key-value cache.

use std::hint::black_box;

use burn::tensor::Device;
use c3_decoders::{Captioner, Decoding, PrefixDecoderConfig, TokenizerConfig};
use c3_geometry::Embeddings;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const DIM: usize = 512;
const N_VOCAB: usize = 1000;
const ROWS: usize = 64;

fn captioner() -> Captioner {
    let words = (3..N_VOCAB).map(|word| format!("w{word}"));
    let tokenizer = TokenizerConfig::Words { min_count: 1 }
        .train(words)
        .expect("words to learn");
    let config = PrefixDecoderConfig {
        d_embed: DIM,
        n_vocab: tokenizer.n_vocab(),
        max_tokens: 12,
        d_model: 128,
        n_layers: 2,
        ..PrefixDecoderConfig::default()
    };
    let decoder = config.init(0, &Device::flex()).expect("sizes that fit");
    Captioner::new(decoder, tokenizer).expect("one vocabulary")
}

fn captioning(c: &mut Criterion) {
    let captioner = captioner();
    let values = (0..ROWS * DIM).map(|at| (at as f32 * 0.37).sin() * 0.06);
    let batch = Embeddings::new(values.collect(), DIM).expect("finite values");
    let mut group = c.benchmark_group("caption");
    group.sample_size(10);
    group.throughput(Throughput::Elements(ROWS as u64));
    for beam in [1, 5] {
        let decoding = Decoding {
            beam,
            ..Decoding::default()
        };
        group.bench_with_input(BenchmarkId::new("beam", beam), &decoding, |b, decoding| {
            b.iter(|| captioner.caption(black_box(&batch), decoding));
        });
    }
    group.finish();
}

criterion_group!(benches, captioning);
criterion_main!(benches);
