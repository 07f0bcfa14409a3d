//! Step `connect`: the features as points of one space, by two trained towers or as they are.

mod sweep;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use c3_artifacts::{EmbeddingSet, Rows, atomic};
use c3_encoders::connect::{
    ConnectError, ConnectSession, Connected, DualEncoder, EpochLoss, Pairs, connect as train,
};
use serde::{Deserialize, Serialize};

use crate::progress::{self, Company};
use crate::recipe::{ConnectSettings, TowerSettings};
use crate::run::{Run, RunArguments, Side};

pub(crate) use sweep::AtTemperature;

/// Trains the two towers of a run and embeds every split with them.
///
/// Where a recipe says that the space is given, its features become embeddings of unit length.
#[derive(Debug, clap::Args)]
pub(crate) struct Connect {
    #[command(flatten)]
    run: RunArguments,
    /// Only trains towers at each of these fixed temperatures, and prints the gap that is left;
    /// the run itself stays as it is.
    #[arg(long, value_name = "T,T,...", value_delimiter = ',')]
    temperatures: Vec<f64>,
}

impl Connect {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut run = self.run.open()?;
        if self.temperatures.is_empty() {
            return run.again("connect", connect);
        }
        sweep::temperatures(&run, &self.temperatures)
    }
}

/// What is known of the training of the towers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConnectRecord {
    /// Temperature at the end.
    pub(crate) temperature: f64,
    pub(crate) curve: Vec<EpochLoss>,
}

/// Writes the embeddings of every split, and the weights of the towers that make them, if any do.
pub(crate) fn connect(run: &Run) -> anyhow::Result<()> {
    match &run.recipe.connect {
        ConnectSettings::Given => {
            let (d_image, d_text) = widths(run)?;
            ensure!(
                d_image == d_text,
                "pictures have {d_image} features and texts {d_text}, so they are not of one \
                 space: train towers over them, with `connect.kind = \"towers\"`"
            );
            embed(run, None)
        }
        ConnectSettings::Towers(settings) => by_towers(run, settings),
    }
}

fn by_towers(run: &Run, settings: &TowerSettings) -> anyhow::Result<()> {
    let connected = train_towers(run, settings, &run.path().join("connect"))?;
    atomic::write(&run.towers(), &connected.encoder.to_safetensors()?)?;
    let record = ConnectRecord {
        temperature: connected.encoder.temperature(),
        curve: connected.curve,
    };
    atomic::write(
        &run.path().join("connect.json"),
        &serde_json::to_vec_pretty(&record)?,
    )?;
    embed(run, Some(&connected.encoder))
}

fn train_towers(run: &Run, settings: &TowerSettings, folder: &Path) -> anyhow::Result<Connected> {
    let train_pairs = pairs(run, "train")?;
    let valid_pairs = pairs(run, run.evaluated())?;
    let (d_image, d_text) = widths(run)?;
    let towers = settings.towers(d_image, d_text);
    let session = ConnectSession {
        device: run.device.device.clone(),
        seed: settings.seed,
        renderer: progress::renderer("connect", Company::Alone, &run.interrupter),
        interrupter: run.interrupter.clone(),
        directory: folder.to_owned(),
    };
    let connected = train(
        &train_pairs,
        &valid_pairs,
        &towers,
        &settings.training,
        session,
    );
    connected.map_err(|error| match error {
        ConnectError::Interrupted => run.stopped(),
        other => other.into(),
    })
}

/// Reads what [`connect`] wrote of its training; nothing where nothing was trained.
pub(crate) fn record(run: &Run) -> anyhow::Result<Option<ConnectRecord>> {
    if run.recipe.connect == ConnectSettings::Given {
        return Ok(None);
    }
    let path = run.path().join("connect.json");
    let bytes = std::fs::read(&path)
        .with_context(|| format!("`{}` is not there; run `connect` first", path.display()))?;
    let record = serde_json::from_slice(&bytes);
    record.with_context(|| format!("cannot read `{}`", path.display()))
}

/// Widths of the features of pictures and of texts.
pub(crate) fn widths(run: &Run) -> anyhow::Result<(usize, usize)> {
    let images = run
        .read(&run.features("train", Side::Images))?
        .embeddings()
        .dim();
    let texts = run
        .read(&run.features("train", Side::Texts))?
        .embeddings()
        .dim();
    Ok((images, texts))
}

fn pairs(run: &Run, split: &str) -> anyhow::Result<Pairs> {
    let images = run.read(&run.features(split, Side::Images))?;
    let texts = run.read(&run.features(split, Side::Texts))?;
    texts.check_owners(images.embeddings().len())?;
    let Rows::Captions { owners, .. } = texts.rows() else {
        anyhow::bail!("the texts of `{split}` belong to no pictures");
    };
    Ok(Pairs::new(
        images.embeddings().clone(),
        texts.embeddings().clone(),
        owners,
    )?)
}

/// Embeds the features of every split, each side through its own tower if there are any.
fn embed(run: &Run, encoder: Option<&DualEncoder>) -> anyhow::Result<()> {
    let mut sets = vec![("extra", Side::Texts)];
    for split in run.splits() {
        sets.extend([(split, Side::Images), (split, Side::Texts)]);
    }
    for (split, side) in sets {
        if split == "extra" && !run.features(split, side).exists() {
            continue;
        }
        let set = embedded(run, encoder, split, side)?;
        set.write(&run.embeddings(split, side))?;
    }
    Ok(())
}

fn embedded(
    run: &Run,
    encoder: Option<&DualEncoder>,
    split: &str,
    side: Side,
) -> anyhow::Result<EmbeddingSet> {
    let features = run.read(&run.features(split, side))?;
    let embeddings = match (encoder, side) {
        (None, _) => features.embeddings().to_unit_length()?,
        (Some(encoder), Side::Images) => encoder.encode_images(features.embeddings())?,
        (Some(encoder), Side::Texts) => encoder.encode_texts(features.embeddings())?,
    };
    let origin = BTreeMap::from([("split".to_owned(), split.to_owned())]);
    Ok(EmbeddingSet::new(
        embeddings,
        features.rows().clone(),
        origin,
    )?)
}
