//! Training through burn's loop, on a task that a tiny decoder can learn.

#[path = "training/parts.rs"]
mod parts;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;
use burn::train::Interrupter;
use c3_decoders::{
    CaptionSet, Checkpoints, Decay, DecoderError, Ending, Precision, PrefixDecoderConfig, Split,
    Trained, TrainingConfig, TrainingSession, View,
};
use c3_geometry::Embeddings;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const D_EMBED: usize = 6;
const END: u32 = 1;

/// One direction per word; a caption repeats its word, then ends.
fn words(count: usize) -> CaptionSet {
    let mut values = Vec::new();
    let mut captions = Vec::new();
    for caption in 0..count {
        let word = caption % D_EMBED;
        let mut row = [0.05 * (caption % 3) as f32; D_EMBED];
        row[word] += 1.0;
        values.extend(row);
        let mut tokens = vec![3 + word as u32; 1 + word % 3];
        tokens.push(END);
        captions.push(tokens);
    }
    CaptionSet::one_to_one(Embeddings::new(values, D_EMBED).unwrap(), captions).unwrap()
}

fn decoder() -> PrefixDecoderConfig {
    PrefixDecoderConfig {
        d_embed: D_EMBED,
        d_model: 16,
        n_layers: 2,
        n_heads: 2,
        n_prefix: 2,
        n_vocab: 3 + D_EMBED,
        max_tokens: 4,
        dropout: 0.1,
        ..Default::default()
    }
}

fn training() -> TrainingConfig {
    TrainingConfig {
        epochs: 4,
        batch_size: 16,
        learning_rate: 1e-2,
        warmup_steps: 5,
        decay: Decay::Cosine,
        ..Default::default()
    }
}

fn noisy(clean: Embeddings, rng: &mut ChaCha8Rng) -> Embeddings {
    let noised = clean
        .as_slice()
        .iter()
        .map(|value| value + rng.random_range(-0.1..0.1));
    Embeddings::new(noised.collect(), clean.dim()).unwrap()
}

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn session(checkpoints: Checkpoints) -> TrainingSession {
    TrainingSession {
        checkpoints,
        ..TrainingSession::new(Device::flex(), 7)
    }
}

fn train(config: &TrainingConfig, session: TrainingSession) -> Result<Trained, DecoderError> {
    let (train, valid) = (words(120), words(24));
    config.train(
        &decoder(),
        &Split::new(train, noisy),
        &Split::new(valid, clean),
        session,
    )
}

#[test]
fn a_tiny_decoder_learns_its_words() {
    let config = TrainingConfig {
        epochs: 16,
        ..training()
    };
    let trained = train(&config, session(Checkpoints::InMemory)).unwrap();
    assert_eq!(trained.ending, Ending::Finished);
    assert_eq!(trained.curve.len(), 16);
    let best = trained.curve[trained.best_epoch - 1];
    // Nothing is left to chance but the noise: the word is in the embedding.
    assert!(best.valid < 0.05, "{:?}", trained.curve);
    assert!(trained.curve.iter().all(|epoch| epoch.valid >= best.valid));
}

#[test]
fn products_in_bfloat16_learn_nearly_as_products_in_single_precision() {
    let at = |precision| {
        let config = TrainingConfig {
            precision,
            ..training()
        };
        train(&config, session(Checkpoints::InMemory))
            .unwrap()
            .curve
    };
    let (full, short) = (at(Precision::Full), at(Precision::Bf16));
    assert_eq!(full.len(), short.len());
    for (full, short) in full.iter().zip(&short) {
        assert!(
            (short.train / full.train - 1.0).abs() < 0.05,
            "{full:?} {short:?}"
        );
    }
    assert_ne!(full, short);
    assert!(
        short.last().unwrap().train < short[0].train / 2.0,
        "{short:?}"
    );
}

fn bytes(trained: &Trained) -> Vec<u8> {
    trained.decoder.to_safetensors().unwrap()
}

#[test]
fn one_seed_gives_one_set_of_weights_even_side_by_side() {
    let config = TrainingConfig {
        parts: 3,
        ..training()
    };
    let alone = bytes(&train(&config, session(Checkpoints::InMemory)).unwrap());
    let beside: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
                    let train = || train(&config, session(Checkpoints::InMemory)).unwrap();
                    bytes(&pool.build().unwrap().install(train))
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(beside.iter().all(|weights| *weights == alone));
    let other = TrainingSession {
        seed: 8,
        ..session(Checkpoints::InMemory)
    };
    assert_ne!(bytes(&train(&config, other).unwrap()), alone);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    // Wide enough for burn to cut one product into several threads' work.
    let wide = PrefixDecoderConfig {
        d_model: 256,
        ..decoder()
    };
    let config = TrainingConfig {
        epochs: 1,
        batch_size: 120,
        ..training()
    };
    let weights = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let train = || {
            let (train, valid) = (Split::new(words(240), noisy), Split::new(words(6), clean));
            config.train(&wide, &train, &valid, session(Checkpoints::InMemory))
        };
        bytes(&pool.build().unwrap().install(train).unwrap())
    };
    assert!(weights(1) == weights(2));
}

fn stop_at_visit(last: usize, interrupter: Interrupter) -> impl View {
    let visits = AtomicUsize::new(0);
    move |clean: Embeddings, rng: &mut ChaCha8Rng| {
        if visits.fetch_add(1, Ordering::Relaxed) == last {
            interrupter.stop(Some("enough"));
        }
        noisy(clean, rng)
    }
}

#[test]
fn a_resumed_training_ends_where_an_unbroken_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = || Checkpoints::Fresh(folder.path().to_owned());
    let resume = || Checkpoints::Resume(folder.path().to_owned());
    let unbroken = train(&training(), session(Checkpoints::InMemory)).unwrap();

    let broken = session(fresh());
    // In the third of epochs of eight batches; the first visit checks the width.
    let stopped = stop_at_visit(2 * 8 + 4, broken.interrupter.clone());
    let half = training()
        .train(
            &decoder(),
            &Split::new(words(120), stopped),
            &Split::new(words(24), clean),
            broken,
        )
        .unwrap();
    assert_eq!(half.ending, Ending::Interrupted);
    assert_eq!(half.curve.len(), 2);

    assert!(matches!(
        train(&training(), session(fresh())),
        Err(DecoderError::CheckpointsExist { checkpoints: 2 })
    ));
    let resumed = train(&training(), session(resume())).unwrap();
    assert_eq!(resumed.curve, unbroken.curve);
    assert_eq!(bytes(&resumed), bytes(&unbroken));
    // Nothing is left to do: the best epoch is read back.
    let again = train(&training(), session(resume())).unwrap();
    assert_eq!(bytes(&again), bytes(&unbroken));
    assert!(
        names(folder.path())
            .iter()
            .all(|name| !name.ends_with("half"))
    );
}

#[test]
fn a_torn_checkpoint_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let resume = || Checkpoints::Resume(folder.path().to_owned());
    let unbroken = train(&training(), session(resume())).unwrap();
    std::fs::remove_file(folder.path().join("optimizer-4.bpk")).unwrap();
    let resumed = train(&training(), session(resume())).unwrap();
    assert_eq!(bytes(&resumed), bytes(&unbroken));
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn only_the_best_and_the_last_two_checkpoints_stay() {
    let folder = tempfile::tempdir().unwrap();
    let config = TrainingConfig {
        epochs: 6,
        // So high that later epochs are worse than an early one.
        learning_rate: 0.3,
        warmup_steps: 0,
        decay: Decay::None,
        ..training()
    };
    let checkpoints = Checkpoints::Fresh(folder.path().to_owned());
    let trained = train(&config, session(checkpoints)).unwrap();
    let mut expected: Vec<String> = [trained.best_epoch, 5, 6]
        .iter()
        .map(|epoch| format!("model-{epoch}.bpk"))
        .collect();
    expected.sort();
    expected.dedup();
    let mut models = names(folder.path());
    models.retain(|name| name.starts_with("model"));
    assert_eq!(models, expected);
}

#[test]
fn a_loss_that_is_not_a_number_stops_and_keeps_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::Fresh(folder.path().to_owned());
    // Fine for one epoch of eight batches, then as good as infinite: squares overflow.
    let visits = AtomicUsize::new(0);
    let view = move |clean: Embeddings, _: &mut ChaCha8Rng| {
        let visit = visits.fetch_add(1, Ordering::Relaxed);
        let scale = if visit > 10 { 3e38 } else { 1.0 };
        let scaled = clean
            .as_slice()
            .iter()
            .map(|value| (value * scale).min(3e38));
        Embeddings::new(scaled.collect(), clean.dim()).unwrap()
    };
    let error = training()
        .train(
            &decoder(),
            &Split::new(words(120), view),
            &Split::new(words(24), clean),
            session(checkpoints),
        )
        .unwrap_err();
    let DecoderError::Diverged { split, step, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(split, "training");
    // Visit 0 checks the width; the epoch's eight batches follow.
    assert_eq!(step, 11);
    assert!(names(folder.path()).contains(&"model-1.bpk".to_owned()));
    assert!(!names(folder.path()).contains(&"model-2.bpk".to_owned()));
}

#[test]
fn patience_ends_a_training_that_gets_no_better() {
    let config = TrainingConfig {
        epochs: 30,
        learning_rate: 0.3,
        warmup_steps: 0,
        decay: Decay::None,
        patience: Some(2),
        ..training()
    };
    let trained = train(&config, session(Checkpoints::InMemory)).unwrap();
    assert_eq!(trained.ending, Ending::Patience);
    assert_eq!(trained.curve.len(), trained.best_epoch + 2);
}

#[test]
fn stopped_before_the_first_epoch_there_is_no_decoder() {
    let session = session(Checkpoints::InMemory);
    session.interrupter.stop(None);
    assert!(matches!(
        train(&training(), session),
        Err(DecoderError::Interrupted)
    ));
}

#[test]
fn data_that_does_not_fit_is_refused_before_the_first_step() {
    let refuse = |config: PrefixDecoderConfig| {
        training()
            .train(
                &config,
                &Split::new(words(12), clean),
                &Split::new(words(12), clean),
                session(Checkpoints::InMemory),
            )
            .unwrap_err()
            .to_string()
    };
    let narrow = PrefixDecoderConfig {
        d_embed: 5,
        ..decoder()
    };
    assert_eq!(
        refuse(narrow),
        "the decoder reads embeddings of width 5, not 6"
    );
    let short = PrefixDecoderConfig {
        max_tokens: 3,
        ..decoder()
    };
    assert_eq!(
        refuse(short),
        "caption 2 has 4 tokens, but must have 1 to 3"
    );
    let few = PrefixDecoderConfig {
        n_vocab: 5,
        ..decoder()
    };
    assert_eq!(
        refuse(few),
        "caption 2 holds token 5, but the vocabulary ends at 5"
    );
}
