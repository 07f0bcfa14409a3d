//! Tokenizing and scoring captions.

use std::hint::black_box;

use c3_metrics::{
    Tokenizer,
    meteor::{Meteor, Sources, index},
    score,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{Rng, RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const REFERENCES: usize = 5;
const WORDS: usize = 3_000;

/// A caption of about eleven words, the frequent ones more often.
fn caption(rng: &mut impl Rng, words: &[String]) -> String {
    let length = rng.random_range(7..16);
    let pick = |rng: &mut _| {
        words[..=rare(rng)]
            .choose(rng)
            .expect("there are words")
            .as_str()
    };
    let mut text: Vec<&str> = (0..length).map(|_| pick(rng)).collect();
    text.push(
        ["the dog's", "a T-shirt", "in the park"]
            .choose(rng)
            .expect("three"),
    );
    format!("{}.", text.join(" "))
}

/// A place in the list of words; small places are more frequent.
fn rare(rng: &mut impl Rng) -> usize {
    let uniform: f64 = rng.random();
    ((WORDS - 1) as f64 * uniform.powi(4)) as usize
}

fn captions(items: usize) -> (Vec<Vec<String>>, Vec<String>) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let letters = "aeioubcdfghklmnprst".as_bytes();
    let word = |rng: &mut ChaCha8Rng| -> String {
        let length = rng.random_range(2..9);
        (0..length)
            .map(|_| char::from(*letters.choose(rng).expect("there are letters")))
            .collect()
    };
    let words: Vec<String> = (0..WORDS).map(|_| word(&mut rng)).collect();
    let references = (0..items)
        .map(|_| (0..REFERENCES).map(|_| caption(&mut rng, &words)).collect())
        .collect();
    let captions = (0..items).map(|_| caption(&mut rng, &words)).collect();
    (references, captions)
}

fn tokenizing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tokenize");
    let tokenizer = Tokenizer::new();
    for items in [1_000, 10_000] {
        let (_, captions) = captions(items);
        group.throughput(Throughput::Elements(items as u64));
        group.bench_with_input(
            BenchmarkId::new("captions", items),
            &captions,
            |b, captions| {
                b.iter(|| tokenizer.tokenize_all(black_box(captions)));
            },
        );
    }
    group.finish();
}

fn scoring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    group.sample_size(10);
    for items in [500, 5_000] {
        let (references, captions) = captions(items);
        group.throughput(Throughput::Elements(items as u64));
        let input = (references, captions);
        group.bench_with_input(
            BenchmarkId::new("items_of_5", items),
            &input,
            |b, (r, c)| {
                b.iter(|| score(black_box(r), black_box(c)).expect("every item has references"));
            },
        );
    }
    group.finish();
}

/// METEOR with the small tables of its tests: they find little beyond equal words and stems.
fn aligning(criterion: &mut Criterion) {
    macro_rules! table {
        ($name:literal) => {
            &mut include_bytes!(concat!("../crates/c3-metrics/tests/golden/meteor/", $name))
                .as_slice()
        };
    }
    let sources = Sources {
        paraphrases: table!("paraphrase-en"),
        synsets: table!("synonym/english.synsets"),
        exceptions: table!("synonym/english.exceptions"),
        function_words: table!("function/english.words"),
        prefixes: table!("nonbreaking/english.prefixes"),
    };
    let mut tables = Vec::new();
    index(sources, &mut tables).expect("the tables are whole");
    let meteor = Meteor::new(tables).expect("they were just indexed");
    let mut group = criterion.benchmark_group("meteor");
    group.sample_size(10);
    for items in [500, 5_000] {
        let input = captions(items);
        group.throughput(Throughput::Elements(items as u64));
        group.bench_with_input(
            BenchmarkId::new("items_of_5", items),
            &input,
            |b, (r, c)| {
                b.iter(|| {
                    meteor
                        .score(black_box(r), black_box(c))
                        .expect("every item has references")
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, tokenizing, scoring, aligning);
criterion_main!(benches);
