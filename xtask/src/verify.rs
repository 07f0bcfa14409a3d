//! Step `verify`: whether models give the numbers of the libraries that they come from.

mod clip;
mod gpt2;
mod imagebind;
mod published;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use tempfile::TempDir;

use crate::device::DeviceChoice;
use crate::tables;

/// Where the scripts lie that build models in PyTorch.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/peers");
/// Pictures and captions that the references are made of.
const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/c3-encoders/tests/golden"
);

/// Holds the models of this program against the libraries that they come from.
///
/// Exit code 1 says that a number differs; what could not be run is named with its reason.
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
    /// Why it was not run.
    NotRun(String),
}

impl Outcome {
    fn is_good(&self) -> bool {
        match self {
            Self::Difference { found, most } => found <= most,
            Self::Same { same, all } => same == all,
            Self::NotRun(_) => true,
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

/// Every architecture, the small ones first.
const BUILDS: [Build; 5] = [
    Build {
        name: "RN50",
        script: "build_clip.py",
        is_named: true,
        compare: clip::compare,
    },
    Build {
        name: "ViT-B-32-quickgelu",
        script: "build_clip.py",
        is_named: true,
        compare: clip::compare,
    },
    Build {
        name: "transformers",
        script: "build_clip.py",
        is_named: true,
        compare: clip::compare,
    },
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

impl Verify {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let device = self.device.open()?.device;
        let mut findings = Vec::new();
        if self.models {
            let wanted = || {
                BUILDS
                    .iter()
                    .filter(|build| build.name.contains(&self.only))
            };
            ensure!(
                wanted().count() > 0,
                "no model is called like `{}`",
                self.only
            );
            for build in wanted() {
                findings.extend(self.built(build, &device)?);
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
                "{bad} of {} comparisons differ by more than they may",
                findings.len()
            ),
        }
    }

    /// Builds a model, unless it is kept from before, and compares.
    fn built(&self, build: &Build, device: &Device) -> anyhow::Result<Vec<Finding>> {
        let scratch = TempDir::new().context("cannot make a folder to build in")?;
        let root = self.folder.as_deref().unwrap_or(scratch.path());
        let folder = root.join(build.name);
        if !folder.join("reference.json").exists() && !folder.join("reference.safetensors").exists()
        {
            eprintln!("{}: building in PyTorch ...", build.name);
            if let Err(error) = self.build(build, root) {
                return Ok(vec![Finding {
                    model: build.name.to_owned(),
                    what: "everything",
                    outcome: Outcome::NotRun(format!("{error:#}")),
                }]);
            }
        }
        eprintln!("{}: comparing ...", build.name);
        (build.compare)(build.name, &folder, device)
            .with_context(|| format!("cannot verify `{}`", build.name))
    }

    fn build(&self, build: &Build, root: &Path) -> anyhow::Result<()> {
        let mut command = Command::new(&self.python);
        command.arg(Path::new(PEERS).join(build.script));
        match build.is_named {
            true => command.arg(root).arg(build.name),
            false => command.arg(root.join(build.name)),
        };
        let output = command
            .output()
            .with_context(|| format!("cannot start `{}`", self.python.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors
            .lines()
            .last()
            .unwrap_or("it said nothing")
            .to_owned();
        ensure!(output.status.success(), "`{}` failed: {last}", build.script);
        Ok(())
    }
}
