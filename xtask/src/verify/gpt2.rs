//! GPT-2 small behind a mapper at its true size, against transformers.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Captioner, Decay, Decoding, Gpt2File, PrefixDecoder,
    PretrainedUse, Split, TrainingConfig, TrainingSession,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Finding, Outcome, worse};
use crate::{mapped, memory};

/// Tokens of a greedy caption.
const GENERATED: usize = 20;

/// What `build_gpt2.py` wrote.
#[derive(Deserialize)]
struct Reference {
    embeddings: Vec<f32>,
    captions: Vec<Vec<u32>>,
    /// Loss of each caption, in nats per token.
    before: Vec<f64>,
    /// The same after a step of AdamW with this rate and this epsilon.
    after: Vec<f64>,
    rate: f64,
    epsilon: f32,
    texts: Vec<String>,
}

/// Compares losses, greedy captions, and how far a training step lets the losses fall.
pub(super) fn compare(name: &str, folder: &Path, device: &Device) -> anyhow::Result<Vec<Finding>> {
    memory::keep_freed();
    let text = |name: &str| fs::read_to_string(folder.join(name));
    let reference: Reference = serde_json::from_str(&text("reference.json")?)?;
    let n_tokens = reference.captions.iter().map(Vec::len).max().unwrap_or(1);
    let weights = mapped::map(&folder.join("model.safetensors"))?;
    let how = PretrainedUse {
        fresh: None,
        max_tokens: n_tokens.max(GENERATED),
        dropout: 0.0,
    };
    let decoder = Gpt2File::open(&[&weights], None)?.decoder(&how, 0, device)?;
    let d_embed = decoder.config().d_embed;
    let embeddings = Embeddings::new(reference.embeddings.clone(), d_embed)?;
    let finding = |what, outcome| Finding {
        model: name.to_owned(),
        what,
        outcome,
    };

    let before = losses(&decoder, &embeddings, &reference.captions)?;
    let found = relative(&before, &reference.before)?;
    let losses_before = Outcome::Difference { found, most: 2e-4 };

    let words = CaptionTokenizer::gpt2(&text("vocab.json")?, &text("merges.txt")?)?;
    let captioner = Captioner::new(decoder.clone(), words)?;
    let decoding = Decoding {
        max_tokens: Some(GENERATED),
        ..Decoding::default()
    };
    let captions = captioner.caption(&embeddings, &decoding)?;
    let same = captions.iter().zip(&reference.texts);
    let same = same
        .filter(|(ours, theirs)| ours[0].text == **theirs)
        .count();
    let all = reference.texts.len();

    let taught = one_step(decoder, &embeddings, &reference, device)?;
    let after = losses(&taught, &embeddings, &reference.captions)?;
    let fallen = |after: &[f64], before: &[f64]| -> Vec<f64> {
        before
            .iter()
            .zip(after)
            .map(|(before, after)| before - after)
            .collect()
    };
    let found = relative(
        &fallen(&after, &before),
        &fallen(&reference.after, &reference.before),
    )?;
    Ok(vec![
        finding("losses", losses_before),
        finding("greedy captions", Outcome::Same { same, all }),
        finding(
            "fall of the losses along the gradient",
            Outcome::Difference { found, most: 1e-3 },
        ),
    ])
}

fn as_they_are(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn losses(
    decoder: &PrefixDecoder,
    embeddings: &Embeddings,
    captions: &[Vec<u32>],
) -> anyhow::Result<Vec<f64>> {
    let losses = captions.iter().enumerate().map(|(row, caption)| {
        let set = CaptionSet::new(embeddings.clone(), vec![row], vec![caption.clone()])?;
        Ok(decoder.loss(&Split::new(set, as_they_are), 1, 0)?)
    });
    losses.collect()
}

fn one_step(
    decoder: PrefixDecoder,
    embeddings: &Embeddings,
    reference: &Reference,
    device: &Device,
) -> anyhow::Result<PrefixDecoder> {
    let training = TrainingConfig {
        epochs: 1,
        batch_size: reference.captions.len(),
        learning_rate: reference.rate,
        warmup_steps: 0,
        decay: Decay::None,
        weight_decay: 0.0,
        epsilon: reference.epsilon,
        clip_norm: None,
        ..TrainingConfig::default()
    };
    let set = CaptionSet::one_to_one(embeddings.clone(), reference.captions.clone())?;
    let split = Split::new(set, as_they_are);
    let session = TrainingSession::new(device.clone(), 0);
    Ok(training
        .fine_tune(decoder, &split, &split, session)?
        .decoder)
}

/// The largest difference, in parts of the reference.
fn relative(ours: &[f64], theirs: &[f64]) -> anyhow::Result<f64> {
    ensure!(ours.len() == theirs.len(), "there are other captions");
    let differences = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs() / b.abs());
    Ok(differences.fold(0.0, worse))
}
