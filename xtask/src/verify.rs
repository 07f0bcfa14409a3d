//! Step `verify`: whether models give the numbers of the libraries that they come from.

mod clip;
mod gpt2;
mod imagebind;
mod published;

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use burn::tensor::Device;
use tempfile::TempDir;

use crate::device::DeviceChoice;
use crate::{peers, tables};

/// Pictures and captions that the references are made of.
const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/c3-encoders/tests/golden"
);

/// Holds the models of this program against the libraries that they come from.
///
/// Exit code 1 says that a number differs, or that a model could not be built; weights that are not
/// there are named, and no fault.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("against").required(true).multiple(true)))]
pub(crate) struct Verify {
    /// Builds every architecture in PyTorch at its true size, with seeded random weights, and
    /// compares embeddings, losses and captions; needs Python with the packages that the heads of
    /// `benches/peers/build_*.py` name, and up to 5 GB of disk.
    #[arg(long, group = "against")]
    models: bool,
    /// Holds published weights in this folder against the published outputs; what is not there is
    /// not run, and said so. It holds a folder for each of `clip-vit-b-32`, `imagebind-huge`, and
    /// the pictures that the outputs were made of.
    #[arg(long, value_name = "DIR", group = "against")]
    weights: Option<PathBuf>,
    /// Python with the packages, as in `venv/bin/python`.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Only models whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// Keeps what was built in this folder, and does not build again what lies there.
    #[arg(long, value_name = "DIR", requires = "models")]
    folder: Option<PathBuf>,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// What a script writes last, so that a model that was broken off is built again.
const REFERENCES: [&str; 2] = ["reference.json", "reference.safetensors"];

/// Something that was held against a reference.
pub(crate) struct Finding {
    pub(crate) model: String,
    /// What was compared.
    pub(crate) what: &'static str,
    pub(crate) outcome: Outcome,
}

/// How a comparison ended.
pub(crate) enum Outcome {
    /// The largest difference, and the most that is borne.
    Difference { found: f64, most: f64 },
    /// How many of how many are the same; all have to be.
    Same { same: usize, all: usize },
    /// What is not there, so that it was not run.
    NotRun(String),
    /// Why a model cannot be built, or used where it is there.
    Failed(String),
}

impl Outcome {
    fn is_good(&self) -> bool {
        match self {
            Self::Difference { found, most } => found <= most,
            Self::Same { same, all } => same == all,
            Self::NotRun(_) => true,
            Self::Failed(_) => false,
        }
    }
}

/// A model that a script builds.
struct Build {
    /// What it is called in the table; also its folder.
    name: &'static str,
    script: &'static str,
    /// Whether the script builds several, and is told which.
    is_named: bool,
    compare: fn(&str, &Path, &Device) -> anyhow::Result<Vec<Finding>>,
}

/// One of the CLIPs that `build_clip.py` knows.
const fn clip(name: &'static str) -> Build {
    Build {
        name,
        script: "build_clip.py",
        is_named: true,
        compare: clip::compare,
    }
}

/// Every architecture.
const BUILDS: [Build; 8] = [
    clip("RN50"),
    clip("RN50x4"),
    clip("ViT-B-32-quickgelu"),
    clip("ViT-B-16"),
    clip("ViT-L-14"),
    clip("transformers"),
    Build {
        name: "imagebind",
        script: "build_imagebind.py",
        is_named: false,
        compare: imagebind::compare,
    },
    Build {
        name: "gpt2",
        script: "build_gpt2.py",
        is_named: false,
        compare: gpt2::compare,
    },
];

/// The greater difference; what is no number is the worst of all.
fn worse(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

impl Verify {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let device = self.device.open()?.device;
        let is_known = |name: &str| name.contains(&self.only);
        let known = BUILDS
            .iter()
            .filter(|_| self.models)
            .map(|build| build.name);
        let published = published::NAMES.iter().filter(|_| self.weights.is_some());
        ensure!(
            known.chain(published.copied()).any(is_known),
            "no model is called like `{}`",
            self.only
        );
        let mut findings = Vec::new();
        if self.models {
            for build in BUILDS.iter().filter(|build| is_known(build.name)) {
                findings.extend(self.built(build, &device));
            }
        }
        if let Some(folder) = &self.weights {
            ensure!(folder.is_dir(), "`{}` is no folder", folder.display());
            findings.extend(published::compare(folder, &self.only, &device)?);
        }
        println!("{}", tables::findings(&findings));
        let is_bad = |finding: &&Finding| !finding.outcome.is_good();
        match findings.iter().filter(is_bad).count() {
            0 => Ok(()),
            bad => bail!(
                "{bad} of {} comparisons differ by more than they may, or could not be made",
                findings.len()
            ),
        }
    }

    /// Builds a model, unless it is kept from before, and compares.
    fn built(&self, build: &Build, device: &Device) -> Vec<Finding> {
        let everything = |outcome| Finding {
            model: build.name.to_owned(),
            what: "everything",
            outcome,
        };
        let scratch = match TempDir::new() {
            Ok(scratch) => scratch,
            Err(error) => return vec![everything(Outcome::Failed(error.to_string()))],
        };
        let root = self.folder.as_deref().unwrap_or(scratch.path());
        let folder = root.join(build.name);
        if REFERENCES.iter().all(|name| !folder.join(name).exists()) {
            eprintln!("{}: building in PyTorch ...", build.name);
            if let Err(error) = self.build(build, root) {
                return vec![everything(Outcome::Failed(format!("{error:#}")))];
            }
        }
        eprintln!("{}: comparing ...", build.name);
        let found = (build.compare)(build.name, &folder, device);
        found.unwrap_or_else(|error| vec![everything(Outcome::Failed(format!("{error:#}")))])
    }

    fn build(&self, build: &Build, root: &Path) -> anyhow::Result<()> {
        let arguments = match build.is_named {
            true => vec![root.to_owned(), build.name.into()],
            false => vec![root.join(build.name)],
        };
        peers::run(&self.python, build.script, &arguments)?;
        Ok(())
    }
}
