//! Step `measure`: the modality gap, before and after Collapse, and retrieval both ways.

use anyhow::Context;
use c3_artifacts::atomic;
use c3_geometry::{Embeddings, Recall, mean_group_cosine, mean_pair_cosine, modality_gap, recall};
use c3_transforms::Collapse;
use serde::{Deserialize, Serialize};

use crate::run::{Run, RunArguments};
use crate::space::Space;
use crate::tables;

/// How many of the nearest are looked at.
const NEAREST: [usize; 3] = [1, 5, 10];

/// Measures the space of a run: gap, alignment, retrieval.
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    #[command(flatten)]
    run: RunArguments,
}

impl Measure {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut run = self.run.open()?;
        run.again("measure", measure)?;
        println!("{}", tables::geometry(&record(&run)?));
        Ok(())
    }
}

/// What is known of a space.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Geometry {
    /// Split it was measured on.
    pub(crate) split: String,
    pub(crate) pictures: usize,
    pub(crate) texts: usize,
    /// Embeddings as the towers give them.
    pub(crate) before: View,
    /// Each modality minus its own mean over the training split.
    pub(crate) after: View,
}

/// One look at both modalities.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct View {
    /// Distance of the two means.
    pub(crate) gap: f64,
    /// Mean cosine of a picture and a caption of it.
    pub(crate) pair_cosine: f64,
    /// Mean cosine of two captions of one picture; absent if no picture has two.
    pub(crate) caption_cosine: Option<f64>,
    pub(crate) recall: Vec<RecallAt>,
}

/// Share of queries that find a partner among the nearest `k`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct RecallAt {
    pub(crate) k: usize,
    pub(crate) image_to_text: f64,
    pub(crate) text_to_image: f64,
}

/// Measures the evaluated split and writes `geometry.json`.
pub(crate) fn measure(run: &Run) -> anyhow::Result<()> {
    let split = run.evaluated();
    let geometry = geometry(
        &Space::read(run, "train")?,
        &Space::read(run, split)?,
        split,
    )?;
    atomic::write(
        &run.path().join("geometry.json"),
        &serde_json::to_vec_pretty(&geometry)?,
    )?;
    Ok(())
}

/// Looks at a space as it is, and with the means of the training split subtracted.
pub(crate) fn geometry(train: &Space, space: &Space, split: &str) -> anyhow::Result<Geometry> {
    let centred = Space {
        images: Collapse::fit(&train.images)?.apply(&space.images)?,
        texts: Collapse::fit(&train.texts)?.apply(&space.texts)?,
        ..space.clone()
    };
    Ok(Geometry {
        split: split.to_owned(),
        pictures: space.images.len(),
        texts: space.texts.len(),
        before: view(space)?,
        after: view(&centred)?,
    })
}

/// Reads what [`measure`] wrote.
pub(crate) fn record(run: &Run) -> anyhow::Result<Geometry> {
    let path = run.path().join("geometry.json");
    let bytes = std::fs::read(&path)
        .with_context(|| format!("`{}` is not there; run `measure` first", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read `{}`", path.display()))
}

fn view(space: &Space) -> anyhow::Result<View> {
    let recall = recall(&space.images, &space.texts, &space.owners, &NEAREST)?;
    let at = |found: &Recall| RecallAt {
        k: found.k,
        image_to_text: found.owner_to_item,
        text_to_image: found.item_to_owner,
    };
    Ok(View {
        gap: modality_gap(&space.images, &space.texts)?.distance,
        pair_cosine: mean_pair_cosine(&space.owner_images(), &space.texts)?,
        caption_cosine: caption_cosine(&space.texts, &space.owners),
        recall: recall.iter().map(at).collect(),
    })
}

/// Mean cosine of two captions of one picture; nothing if no picture has two.
pub(crate) fn caption_cosine(texts: &Embeddings, owners: &[usize]) -> Option<f64> {
    mean_group_cosine(texts, owners).ok()
}
