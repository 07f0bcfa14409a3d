//! Step `train`: a whole recipe, from pictures and sentences to a table of arms.

mod decoders;
mod outcome;

use std::path::PathBuf;

use anyhow::ensure;
use c3_artifacts::RunFolder;

use crate::corpus::{self, Corpus};
use crate::device::DeviceChoice;
use crate::recipe::{self, Recipe};
use crate::run::{self, Run};
use crate::{connect, encode, fit, measure, report, tables};

pub(crate) use outcome::captions;

/// Runs a whole recipe: encode, connect, measure, fit, then every decoder, and the report.
///
/// Without arguments it trains on the embedded picture set and needs nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    /// Recipe by name (emoji, flickr8k) or path of a TOML file.
    #[arg(long, default_value = "emoji")]
    recipe: String,
    /// Folder of the data set, for recipes that read one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Changes one setting of the recipe; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Folder of the run; `runs/RECIPE-TIME` if absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Goes on with the run in this folder, with the recipe it was begun with.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "data", "overrides", "out"])]
    resume: Option<PathBuf>,
}

impl Train {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let (mut run, corpus) = match &self.resume {
            Some(folder) => self.resume(folder)?,
            None => self.begin()?,
        };
        eprintln!("run `{}` on {}", run.path().display(), run.device.name);
        run.stage("encode", |run| encode::encode(run, &corpus))?;
        run.stage("connect", connect::connect)?;
        run.stage("measure", measure::measure)?;
        run.stage("fit", fit::fit)?;
        println!("{}", tables::geometry(&measure::record(&run)?));
        println!("{}", tables::transforms(&fit::records(&run)?));
        run.stage("decoders", decoders::train)?;
        run.again("report", |run| {
            let results = outcome::collect(run)?;
            results.write(&run.path().join("results.json"))?;
            report::write(run, &corpus, &results, &caption_command(run))?;
            println!("{}", tables::arms(&results));
            Ok(())
        })?;
        farewell(&run);
        run.folder.finish(&run::now())?;
        Ok(())
    }

    /// Makes a folder for a new run; nothing is left of it if it cannot begin.
    fn begin(&self) -> anyhow::Result<(Run, Corpus)> {
        let mut recipe = recipe::load(&self.recipe, &self.overrides)?;
        if let Some(data) = &self.data {
            recipe.data.path = Some(std::path::absolute(data)?);
        }
        let corpus = corpus::load(&recipe.data)?;
        encode::check_weights(&recipe.encode)?;
        let device = self.device.open()?;
        let inputs = encode::input_hashes(&corpus)?;
        let manifest = run::manifest(&recipe, &device, inputs)?;
        let folder = RunFolder::create(&self.out_folder(&recipe), manifest)?;
        Ok((Run::new(folder, recipe, device)?, corpus))
    }

    fn resume(&self, folder: &std::path::Path) -> anyhow::Result<(Run, Corpus)> {
        ensure!(
            folder.is_dir(),
            "`{}` is not there; there is no run to go on with",
            folder.display()
        );
        let folder = RunFolder::resume(folder)?;
        let recipe = recipe::from_toml(&folder.manifest().recipe)?;
        let corpus = corpus::load(&recipe.data)?;
        let device = self.device.open()?;
        let inputs = encode::input_hashes(&corpus)?;
        let now = run::manifest(&recipe, &device, inputs)?;
        // The recipe is the run's own; a newer version may only write it differently.
        let stored = folder.manifest().recipe.clone();
        folder.check_unchanged(&c3_artifacts::RunManifest {
            recipe: stored,
            ..now
        })?;
        Ok((Run::new(folder, recipe, device)?, corpus))
    }

    fn out_folder(&self, recipe: &Recipe) -> PathBuf {
        self.out.clone().unwrap_or_else(|| {
            let time = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S");
            PathBuf::from("runs").join(format!("{}-{time}", recipe.name))
        })
    }
}

/// The one command that captions a picture of the user's own: with C3 if it was trained.
fn caption_command(run: &Run) -> String {
    let arm = run
        .recipe
        .run
        .arms
        .last()
        .map_or(run::PAIRED, |arm| arm.name());
    let model = run.model(arm, run.recipe.run.seeds[0]);
    format!(
        "cargo xtask caption --model {} PICTURE.png",
        model.display()
    )
}

/// Says where everything is and how to go on.
fn farewell(run: &Run) {
    println!("report: {}", run.path().join("report.html").display());
    println!("caption a picture of your own:\n  {}", caption_command(run));
}
