//! The hot paths of an embedding: moments, and the transforms of every training batch.

use std::hint::black_box;

use c3_geometry::{Embeddings, modality_gap};
use c3_transforms::{Collapse, Corrupt, Renorm, Transform};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const DIM: usize = 512;

fn batch(rows: usize) -> Embeddings {
    let values = (0..rows * DIM).map(|at| (at as f32 * 0.37).sin() + 0.01);
    Embeddings::new(values.collect(), DIM).expect("whole rows of finite values")
}

fn moments(c: &mut Criterion) {
    let mut group = c.benchmark_group("modality_gap");
    for rows in [1_000, 30_000] {
        let batch = batch(rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::new("rows", rows), &batch, |b, batch| {
            b.iter(|| modality_gap(black_box(batch), black_box(batch)));
        });
    }
    group.finish();
}

fn transforms(c: &mut Criterion) {
    let mut group = c.benchmark_group("transform");
    for rows in [48, 512] {
        let batch = batch(rows);
        let transform = Transform {
            collapse: Some(Collapse::fit(&batch).expect("there are rows")),
            corrupt: Some(Corrupt::new(0.08).expect("a deviation")),
            renorm: Renorm::AfterAll,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::new("train", rows), &batch, |b, batch| {
            b.iter(|| transform.train(black_box(batch), &mut rng));
        });
    }
    group.finish();
}

criterion_group!(benches, moments, transforms);
criterion_main!(benches);
