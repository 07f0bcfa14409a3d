//! A trained decoder as a folder that captions pictures anywhere.

use std::path::Path;

use anyhow::Context;
use c3_artifacts::{ModelCard, ModelFolder, ModelParts, TransformRecord};
use c3_decoders::{CaptionTokenizer, PrefixDecoder};

use super::{ModelConfig, TOWERS};
use crate::connect;
use crate::recipe::{ConnectSettings, DataKind, FineTuning, ImageFeatures, Reads, Recipe, ShareOf};
use crate::run::{PAIRED, Run};
use crate::train::{FROM_SCRATCH, Pupil, percent};

/// Writes the model folder of one decoder.
pub(crate) fn write_model(
    run: &Run,
    arm: &str,
    seed: u64,
    (decoder, tokenizer): (&PrefixDecoder, &CaptionTokenizer),
    record: &TransformRecord,
) -> anyhow::Result<()> {
    let card = card(run, arm, seed, record);
    write(
        run,
        &run.model(arm, seed),
        (decoder, tokenizer),
        record,
        &card,
    )
}

/// Writes the model folder of a decoder that went on with a share of the pairs.
pub(crate) fn write_fine_tuned(
    run: &Run,
    settings: &FineTuning,
    pupil: &Pupil,
    (decoder, tokenizer): (&PrefixDecoder, &CaptionTokenizer),
    record: &TransformRecord,
) -> anyhow::Result<()> {
    let mut card = card(run, &pupil.arm, pupil.seed, record);
    let share = percent(pupil.fraction);
    card.title = format!("{}, {share} % of pairs", card.title);
    let before = match pupil.arm.as_str() {
        FROM_SCRATCH => "nothing before them",
        _ => "text alone before them",
    };
    let of = match settings.share_of {
        ShareOf::Pictures => "pictures",
        ShareOf::Captions => "captions",
    };
    let read = match settings.reads {
        Reads::Pictures => "embeddings of pictures with their captions",
        Reads::Texts => "embeddings of captions (as the original's released code does)",
    };
    card.summary = format!(
        "Captions pictures with a decoder trained from {share} % of the pairs, and {before}."
    );
    let (epochs, batch) = (settings.training.epochs, settings.training.batch_size);
    card.training.push(format!(
        "then {share} % of the {of} of the training split, read as {read}: at most {epochs} epochs, \
         batches of {batch}"
    ));
    let path = run.path().join("models").join(pupil.name());
    write(run, &path, (decoder, tokenizer), record, &card)
}

fn write(
    run: &Run,
    path: &Path,
    (decoder, tokenizer): (&PrefixDecoder, &CaptionTokenizer),
    record: &TransformRecord,
    card: &ModelCard,
) -> anyhow::Result<()> {
    let towers = match &run.recipe.connect {
        ConnectSettings::Given => None,
        ConnectSettings::Towers(settings) => {
            let (d_image, d_text) = connect::widths(run)?;
            let weights = std::fs::read(run.towers())
                .with_context(|| format!("cannot read `{}`", run.towers().display()))?;
            Some((settings.towers(d_image, d_text), weights))
        }
    };
    let config = ModelConfig {
        image: run.recipe.encode.image.clone(),
        towers: towers.as_ref().map(|(config, _)| config.clone()),
        decoder: decoder.config().clone(),
        stop: run.recipe.decoder.stop,
    };
    let extra: Vec<(&str, &[u8])> = towers
        .iter()
        .map(|(_, bytes)| (TOWERS, &bytes[..]))
        .collect();
    let tokenizer = tokenizer.to_json()?;
    let parts = ModelParts {
        config: &config,
        weights: &decoder.to_safetensors()?,
        tokenizer: tokenizer.as_bytes(),
        transform: record,
        card,
        extra: &extra,
    };
    ModelFolder::write(path, &parts)?;
    Ok(())
}

fn card(run: &Run, arm: &str, seed: u64, record: &TransformRecord) -> ModelCard {
    let recipe = &run.recipe;
    let learned = match arm {
        PAIRED => "image embeddings with their captions (the upper bound)",
        _ => "text embeddings alone: it never saw a picture",
    };
    let mut training = vec![
        format!("recipe `{}`, arm {arm}, seed {seed}", recipe.name),
        format!("decoder trained from {learned}"),
        format!(
            "at most {} epochs, batches of {}",
            recipe.training.epochs, recipe.training.batch_size
        ),
    ];
    if record.sigma > 0.0 {
        let directions = record.noise.as_ref().map(|noise| &noise.directions);
        let directions = directions.map_or_else(String::new, |name| format!(", `{name}`"));
        training.push(format!(
            "noise on training embeddings: sigma {:.4}{directions}",
            record.sigma
        ));
    }
    let credits = match recipe.data.kind {
        DataKind::Emoji => vec!["Pictures: Twemoji, CC BY 4.0. Names: Unicode CLDR.".to_owned()],
        DataKind::Flickr8k => vec!["Flickr8k: for research, not for commercial use.".to_owned()],
        DataKind::Karpathy | DataKind::Embeddings => {
            vec!["Captions: whoever made the data set; its own terms hold.".to_owned()]
        }
    };
    ModelCard {
        title: format!("C3 captioner: {}, {arm}", recipe.name),
        summary: format!("Captions pictures with a decoder trained from {learned}."),
        license: match recipe.data.kind {
            DataKind::Emoji => "CC BY 4.0".to_owned(),
            DataKind::Flickr8k => "research only".to_owned(),
            DataKind::Karpathy | DataKind::Embeddings => "as that of the data set".to_owned(),
        },
        command: "cargo xtask caption --model THIS_FOLDER PICTURE".to_owned(),
        training,
        scores: Vec::new(),
        measured_on: run.evaluated().to_owned(),
        limits: limits(recipe),
        credits,
    }
}

/// What a model is not good for, and what it needs.
fn limits(recipe: &Recipe) -> Vec<String> {
    let mut limits = vec![
        "It knows only what its training captions speak of.".to_owned(),
        "Do not rely on a caption where a wrong one does harm.".to_owned(),
    ];
    if recipe.encode.image == ImageFeatures::EfficientNetLite0 {
        limits.push("Needs the weights `efficientnet-lite0` in the cache.".to_owned());
    }
    if let ImageFeatures::Clip { model } | ImageFeatures::ImageBind { model } = &recipe.encode.image
    {
        limits.push(format!("Needs the weights `{model}`."));
    }
    if recipe.data.kind == DataKind::Embeddings {
        let from = "The embeddings it learned from were made elsewhere: it is right for pictures \
                    only if the encoder named here made them.";
        limits.push(from.to_owned());
    }
    if let ImageFeatures::ImageBind { .. } = &recipe.encode.image {
        limits.push("ImageBind's weights are not for commercial use (CC BY-NC 4.0).".to_owned());
    }
    limits
}
