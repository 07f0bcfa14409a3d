//! The folder of a run: which file lies where, and what is finished.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, anyhow};
use burn::train::Interrupter;
use c3_artifacts::run::Stage;
use c3_artifacts::{EmbeddingSet, RunFolder, RunManifest};

use crate::device::{Chosen, DeviceChoice};
use crate::recipe::{self, Recipe, Validation};

/// Name of the decoder that is trained on pairs.
pub(crate) const PAIRED: &str = "paired";

/// Folders inside that of a run.
const FOLDERS: [&str; 6] = [
    "features",
    "embeddings",
    "transforms",
    "captions",
    "curves",
    "models",
];

/// A run in progress: its folder, its recipe, and the device it computes on.
pub(crate) struct Run {
    pub(crate) folder: RunFolder,
    pub(crate) recipe: Recipe,
    pub(crate) device: Chosen,
    /// Set by Ctrl-C.
    pub(crate) interrupter: Interrupter,
}

/// Which embeddings of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Images,
    Texts,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Texts => "texts",
        }
    }
}

/// Arguments of a step that goes on in a run.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArguments {
    /// Folder of the run, as `cargo xtask train` or `encode` made it.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl RunArguments {
    pub(crate) fn new(run: PathBuf, device: DeviceChoice) -> Self {
        Self { run, device }
    }

    /// Opens the run; nobody else may write in it until it is dropped.
    pub(crate) fn open(&self) -> anyhow::Result<Run> {
        let folder = RunFolder::resume(&self.run)?;
        let recipe = recipe::from_toml(&folder.manifest().recipe)?;
        Ok(Run {
            folder,
            recipe,
            device: self.device.open()?,
            interrupter: interrupter()?,
        })
    }
}

impl Run {
    /// Makes the folders inside the run's own, and listens to Ctrl-C.
    pub(crate) fn new(folder: RunFolder, recipe: Recipe, device: Chosen) -> anyhow::Result<Self> {
        for name in FOLDERS {
            let path = folder.path().join(name);
            fs::create_dir_all(&path)
                .with_context(|| format!("cannot make folder `{}`", path.display()))?;
        }
        Ok(Self {
            folder,
            recipe,
            device,
            interrupter: interrupter()?,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Features of one side of one split, as `encode` writes them.
    pub(crate) fn features(&self, split: &str, side: Side) -> PathBuf {
        self.path()
            .join("features")
            .join(format!("{split}-{}.safetensors", side.name()))
    }

    /// Embeddings of one side of one split, as `connect` writes them.
    pub(crate) fn embeddings(&self, split: &str, side: Side) -> PathBuf {
        self.path()
            .join("embeddings")
            .join(format!("{split}-{}.safetensors", side.name()))
    }

    /// Weights of the two towers.
    pub(crate) fn towers(&self) -> PathBuf {
        self.path().join("towers.safetensors")
    }

    /// Name of the split that the arms are compared on.
    pub(crate) fn evaluated(&self) -> &'static str {
        match self.recipe.data.evaluate {
            c3_datasets::Split::Train => "train",
            c3_datasets::Split::Dev => "dev",
            c3_datasets::Split::Test => "test",
        }
    }

    /// Every split that a run reads, in the order in which they are used.
    pub(crate) fn splits(&self) -> Vec<&'static str> {
        match self.recipe.data.validation {
            Validation::HeldOut => vec!["train", self.evaluated()],
            Validation::Dev => vec!["train", "dev", self.evaluated()],
        }
    }

    /// Means and noise of one arm, as `fit` writes them.
    pub(crate) fn transform(&self, arm: &str) -> PathBuf {
        self.path()
            .join("transforms")
            .join(format!("{arm}.safetensors"))
    }

    /// Captions that one decoder wrote for the evaluated split.
    pub(crate) fn captions(&self, arm: &str, seed: u64) -> PathBuf {
        self.path()
            .join("captions")
            .join(format!("{arm}-seed{seed}.json"))
    }

    /// Captions of a decoder of the second stage.
    pub(crate) fn fine_tuned(&self, name: &str) -> PathBuf {
        self.path().join("captions").join(format!("{name}.json"))
    }

    /// Losses of one decoder over its training.
    pub(crate) fn curve(&self, arm: &str, seed: u64) -> PathBuf {
        self.path()
            .join("curves")
            .join(format!("{arm}-seed{seed}.json"))
    }

    /// Where a training in progress is kept.
    pub(crate) fn checkpoints(&self, name: &str) -> PathBuf {
        self.path().join("checkpoints").join(name)
    }

    /// Model folder of one decoder.
    pub(crate) fn model(&self, arm: &str, seed: u64) -> PathBuf {
        self.path().join("models").join(format!("{arm}-seed{seed}"))
    }

    /// Reads a set of features or embeddings; a missing file names the step that writes it.
    pub(crate) fn read(&self, path: &Path) -> anyhow::Result<EmbeddingSet> {
        Ok(EmbeddingSet::read(path)?)
    }

    /// Runs a stage unless it is finished, and writes down that it is.
    pub(crate) fn stage(
        &mut self,
        name: &str,
        work: impl FnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if self.folder.is_finished(name) {
            eprintln!("{name}: finished before");
            return Ok(());
        }
        self.again(name, work)
    }

    /// What is said after Ctrl-C.
    pub(crate) fn stopped(&self) -> anyhow::Error {
        let folder = self.path().display();
        anyhow!("stopped; go on with `cargo xtask train --resume {folder}`")
    }

    /// Runs a stage, finished before or not.
    pub(crate) fn again(
        &mut self,
        name: &str,
        work: impl FnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let clock = Instant::now();
        work(self)?;
        let seconds = clock.elapsed().as_secs_f64();
        self.folder.finish_stage(Stage {
            name: name.to_owned(),
            seconds,
        })?;
        eprintln!("{name}: done in {seconds:.1} s");
        self.go_on()
    }

    /// Ends a step where it can be ended, after Ctrl-C.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        match self.interrupter.should_stop() {
            true => Err(self.stopped()),
            false => Ok(()),
        }
    }
}

/// A handle that Ctrl-C sets; the second Ctrl-C ends the process at once.
fn interrupter() -> anyhow::Result<Interrupter> {
    let interrupter = Interrupter::new();
    let handle = interrupter.clone();
    ctrlc::set_handler(move || {
        if handle.should_stop() {
            std::process::exit(130);
        }
        eprintln!("stopping at the next safe point; press Ctrl-C again to stop at once");
        handle.stop(Some("Ctrl-C"));
    })
    .context("cannot listen to Ctrl-C")?;
    Ok(interrupter)
}

/// What decides the results of a run, and when it began.
pub(crate) fn manifest(
    recipe: &Recipe,
    device: &Chosen,
    inputs: BTreeMap<String, String>,
) -> anyhow::Result<RunManifest> {
    let seeds = BTreeMap::from([
        (
            "connect".to_owned(),
            recipe.connect.seed().into_iter().collect(),
        ),
        ("decoders".to_owned(), recipe.run.seeds.clone()),
    ]);
    let versions = BTreeMap::from([
        ("c3".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("burn".to_owned(), "0.22.1".to_owned()),
    ]);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = BTreeMap::from([
        ("device".to_owned(), device.name.clone()),
        (
            "system".to_owned(),
            format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        ),
        ("threads".to_owned(), threads.to_string()),
    ]);
    Ok(RunManifest {
        recipe: recipe::to_toml(recipe)?,
        seeds,
        versions,
        git_revision: git_revision(),
        machine,
        inputs,
        started: now(),
        finished: None,
    })
}

/// The time in RFC 3339, UTC.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The revision of the source tree, `-dirty` if it was changed since; nothing outside of git.
fn git_revision() -> Option<String> {
    let arguments = [
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ];
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
