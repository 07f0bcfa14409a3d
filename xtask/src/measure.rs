//! Step `measure`: what the geometry of a space is, and whether C3 will help in it.

mod alone;
mod bars;
mod charts;
mod drawing;
mod experiment;
mod labels;
mod metadata;
mod page;
mod pass;
mod pictures;
mod probe;
mod sources;
mod stable;
mod survey;
mod vectors;
mod views;
mod vocabulary;
mod words;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use c3_artifacts::atomic;
use c3_geometry::{Embeddings, Recall, mean_group_cosine, mean_pair_cosine, modality_gap, recall};
use c3_transforms::Collapse;
use serde::{Deserialize, Serialize};

use crate::device::DeviceChoice;
use crate::run::{Run, RunArguments};
use crate::space::Space;
use crate::tables;

use experiment::{Experiment, ExperimentSettings};

/// How many of the nearest are looked at.
const NEAREST: [usize; 3] = [1, 5, 10];

/// Measures a space: gap, noise, spectra, retrieval, and whether C3 will help in it.
///
/// PATHS are `.npy`, `.safetensors` or `.parquet` files, `[n, d]` or pairs `[2, n, d]`, or folders of them;
/// several are shards of one space, and exactly two `[n, d]` files are the two modalities. A
/// folder with `img_emb` and `text_emb`, as clip-retrieval writes it, is both.
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    /// Files or folders of embeddings.
    paths: Vec<PathBuf>,
    /// Shards of the first modality, where it has more than one file.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "paths", requires = "second")]
    first: Vec<PathBuf>,
    /// Shards of the second modality.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "first")]
    second: Vec<PathBuf>,
    /// Columns of Parquet files that hold several lists of numbers: one, or one for each modality.
    #[arg(long, value_name = "NAME", num_args = 1..=2)]
    columns: Vec<String>,
    /// Rows of the two modalities do not belong together.
    #[arg(long)]
    unpaired: bool,
    /// The item of each row of the last modality, one name a line: rows of one item are not
    /// independent, and several captions of an item bound the noise from below.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "merge", "experiment"])]
    items: Option<PathBuf>,
    /// The caption of each row of the last modality, one a line; for `--probe`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "merge", "experiment"])]
    captions: Option<PathBuf>,
    /// Ranks corruptions by the words that a straight line, learned from corrupted texts,
    /// finds in images; needs `--captions`, `--run` or the metadata of clip-retrieval.
    #[arg(long, conflicts_with_all = ["merge", "experiment"])]
    probe: bool,
    /// Takes spectra and moments of rows as they are, not at unit length.
    #[arg(long)]
    as_they_are: bool,
    /// Pairs averaged in one group of Table 1; a hundred where there are enough.
    #[arg(long, value_name = "PAIRS")]
    group: Option<usize>,
    /// Most pairs that are looked at one by one; all rows count for means and spectra.
    #[arg(long, value_name = "PAIRS", default_value_t = 5000)]
    sample: usize,
    /// Start of the random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for `geometry.json`, `geometry.html` and the pictures.
    #[arg(long, value_name = "DIR", default_value = "geometry")]
    out: PathBuf,
    /// Only sums up the rows, into a file that `--merge` takes.
    #[arg(long, value_name = "FILE", requires = "paths")]
    moments: Option<PathBuf>,
    /// Sums up as every processor can: the same bits from a cluster of several kinds, but slower
    /// where byte products in tiles (AMX) are to be had.
    #[arg(long)]
    portable: bool,
    /// Measures the moments of shards together, in any order.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "paths")]
    merge: Vec<PathBuf>,
    /// Runs an experiment of the theory on drawn embeddings.
    #[arg(long, conflicts_with_all = ["paths", "merge"])]
    experiment: Option<Experiment>,
    #[command(flatten)]
    sizes: ExperimentSettings,
    /// Folder of a run, as `cargo xtask train` or `encode` made it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["paths", "merge", "experiment", "first"])]
    run: Option<PathBuf>,
    /// Where a run computes: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl Measure {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        if let Some(experiment) = self.experiment {
            return experiment.run(&self.sizes, self.seed, &self.out);
        }
        if let Some(folder) = &self.run {
            let mut run = RunArguments::new(folder.clone(), self.device).open()?;
            let depth = match self.probe {
                true => Depth::Probe,
                false => Depth::Survey,
            };
            run.again("measure", |run| measured(run, depth))?;
            println!("{}", tables::geometry(&record(&run)?));
            return Ok(());
        }
        ensure!(
            !(self.paths.is_empty() && self.merge.is_empty() && self.first.is_empty()),
            "nothing to measure: name files of embeddings, or `--run DIR`"
        );
        self.alone()
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
    measured(run, Depth::Survey)
}

/// How much is asked of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// The geometry of the evaluated split.
    Survey,
    /// The probe too.
    Probe,
}

fn measured(run: &Run, depth: Depth) -> anyhow::Result<()> {
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
    // A space too small or too plain for the survey is no reason to end a run.
    match alone::of_run(run, split, depth) {
        Err(error) if depth == Depth::Survey => {
            eprintln!("measure: no survey of `{split}`: {error:#}")
        }
        outcome => outcome?,
    }
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
