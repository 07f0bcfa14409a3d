//! Training a part of a decoder: what is frozen stays to the last bit, and the rest learns.

use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, Checkpoints, Decay, DecoderError, Ending, PrefixDecoder, PrefixDecoderConfig,
    Split, Trained, TrainingConfig, TrainingSession, Tune, View,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const D_EMBED: usize = 6;
const END: u32 = 1;
const LORA: Tune = Tune::Lora {
    rank: 2,
    alpha: 8.0,
};

/// A direction for each word, `turn` places on; a caption repeats its word, then ends.
fn words(count: usize, turn: usize) -> CaptionSet {
    let (mut values, mut captions) = (Vec::new(), Vec::new());
    for caption in 0..count {
        let word = caption % D_EMBED;
        let mut row = [0.05 * (caption % 3) as f32; D_EMBED];
        row[(word + turn) % D_EMBED] += 1.0;
        values.extend(row);
        let mut tokens = vec![3 + word as u32; 1 + word % 3];
        tokens.push(END);
        captions.push(tokens);
    }
    CaptionSet::one_to_one(Embeddings::new(values, D_EMBED).unwrap(), captions).unwrap()
}

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn sizes() -> PrefixDecoderConfig {
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

fn training(tune: Tune) -> TrainingConfig {
    TrainingConfig {
        epochs: 6,
        batch_size: 12,
        learning_rate: 1e-2,
        warmup_steps: 5,
        decay: Decay::Cosine,
        weight_decay: 0.1,
        tune,
        ..Default::default()
    }
}

fn session(checkpoints: Checkpoints) -> TrainingSession {
    TrainingSession {
        checkpoints,
        ..TrainingSession::new(Device::flex(), 7)
    }
}

/// A decoder that knows its words.
fn learned() -> PrefixDecoder {
    let (train, valid) = (
        Split::new(words(120, 0), clean),
        Split::new(words(24, 0), clean),
    );
    let config = TrainingConfig {
        epochs: 12,
        ..training(Tune::All)
    };
    let trained = config.train(&sizes(), &train, &valid, session(Checkpoints::InMemory));
    trained.unwrap().decoder
}

fn valid() -> Split {
    Split::new(words(24, 1), clean)
}

/// Trains on the same words in other directions.
fn tuned(
    tune: Tune,
    decoder: &PrefixDecoder,
    view: impl View + 'static,
    session: TrainingSession,
) -> Result<Trained, DecoderError> {
    let train = Split::new(words(120, 1), view);
    training(tune).fine_tune(decoder.clone(), &train, &valid(), session)
}

/// The names of the tensors that differ.
fn changed(before: &PrefixDecoder, after: &PrefixDecoder) -> Vec<String> {
    let bytes = [before, after].map(|decoder| decoder.to_safetensors().unwrap());
    let [before, after] =
        [&bytes[0], &bytes[1]].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    assert_eq!(before.len(), after.len());
    let mut names: Vec<String> = before
        .tensors()
        .into_iter()
        .filter(|(name, view)| view.data() != after.tensor(name).unwrap().data())
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names
}

#[test]
fn the_mapper_learns_before_a_frozen_decoder() {
    let before = learned();
    let trained = tuned(Tune::Mapper, &before, clean, session(Checkpoints::InMemory)).unwrap();
    let expected = ["prefix.project.bias", "prefix.project.weight"];
    assert_eq!(changed(&before, &trained.decoder), expected);
    let first = before.loss(&valid(), 24, 0).unwrap();
    let last = trained.decoder.loss(&valid(), 24, 0).unwrap();
    assert!(last < first / 3.0, "{first} to {last}");
}

#[test]
fn pairs_are_merged_into_the_attention_and_nothing_else_changes() {
    let before = learned();
    let trained = tuned(LORA, &before, clean, session(Checkpoints::InMemory)).unwrap();
    let mut expected = vec![
        "prefix.project.bias".to_owned(),
        "prefix.project.weight".to_owned(),
    ];
    for block in 0..2 {
        for layer in ["key", "project", "query", "value"] {
            expected.push(format!("blocks.{block}.attention.{layer}.weight"));
        }
    }
    expected.sort();
    assert_eq!(changed(&before, &trained.decoder), expected);
    let first = before.loss(&valid(), 24, 0).unwrap();
    let last = trained.decoder.loss(&valid(), 24, 0).unwrap();
    assert!(first > 1.0 && last < 0.2, "{first} to {last}");
    // What was validated is what was merged, but for rounding.
    let best = trained.curve[trained.best_epoch - 1].valid;
    assert!((last - best).abs() < 1e-5, "{last} != {best}");
}

#[test]
fn what_came_of_a_frozen_training_can_be_trained_as_a_whole() {
    let trained = tuned(LORA, &learned(), clean, session(Checkpoints::InMemory)).unwrap();
    let before = trained.decoder;
    let whole = tuned(Tune::All, &before, clean, session(Checkpoints::InMemory)).unwrap();
    let n_tensors = {
        let bytes = before.to_safetensors().unwrap();
        SafeTensors::deserialize(&bytes).unwrap().len()
    };
    assert_eq!(changed(&before, &whole.decoder).len(), n_tensors);
}

#[test]
fn a_resumed_training_of_a_part_ends_where_an_unbroken_one_does() {
    let before = learned();
    for tune in [Tune::Mapper, LORA] {
        let folder = tempfile::tempdir().unwrap();
        let broken = session(Checkpoints::Fresh(folder.path().to_owned()));
        let (visits, interrupter) = (AtomicUsize::new(0), broken.interrupter.clone());
        // In the third of epochs of ten batches; the first visit checks the width.
        let stopping = move |clean: Embeddings, _: &mut ChaCha8Rng| {
            if visits.fetch_add(1, Ordering::Relaxed) == 2 * 10 + 4 {
                interrupter.stop(Some("enough"));
            }
            clean
        };
        let half = tuned(tune, &before, stopping, broken).unwrap();
        assert_eq!(half.ending, Ending::Interrupted);
        assert_eq!(half.curve.len(), 2);
        let resumed = session(Checkpoints::Resume(folder.path().to_owned()));
        let visits = Arc::new(AtomicUsize::new(0));
        let seen = visits.clone();
        let counting = move |clean: Embeddings, _: &mut ChaCha8Rng| {
            seen.fetch_add(1, Ordering::Relaxed);
            clean
        };
        let resumed = tuned(tune, &before, counting, resumed).unwrap();
        let epochs = resumed.curve.len() - half.curve.len();
        assert_eq!(
            visits.load(Ordering::Relaxed),
            1 + epochs * 10,
            "it goes on"
        );
        let unbroken = tuned(tune, &before, clean, session(Checkpoints::InMemory)).unwrap();
        assert_eq!(resumed.curve, unbroken.curve);
        assert_eq!(changed(&resumed.decoder, &unbroken.decoder), [""; 0]);
    }
}

#[test]
fn a_fresh_decoder_has_nothing_to_keep() {
    let error = training(Tune::Mapper)
        .train(&sizes(), &valid(), &valid(), session(Checkpoints::InMemory))
        .unwrap_err();
    assert!(matches!(error, DecoderError::NothingLearned), "{error}");
}
