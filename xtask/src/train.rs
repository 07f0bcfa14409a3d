//! Step `train`: a whole recipe, from pictures and sentences to a table of arms.

mod decoders;
mod fine_tuning;
mod lanes;
mod lessons;
mod outcome;

use std::path::PathBuf;

use c3_transforms::Arm;

use crate::begin::{self, RecipeArguments};
use crate::device::DeviceChoice;
use crate::encode::Known;
use crate::run::{self, Run};
use crate::{connect, encode, fit, measure, memory, report, tables};

pub(crate) use fine_tuning::{FROM_SCRATCH, Pupil, check as check_fine_tuning, percent};
pub(crate) use lanes::side_by_side;
pub(crate) use outcome::captions;

/// Runs a whole recipe: encode, connect, measure, fit, then every decoder, and the report.
///
/// Without arguments it trains on the embedded picture set and needs nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Goes on with the run in this folder, with the recipe it was begun with.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "data", "encoder", "overrides", "out"])]
    resume: Option<PathBuf>,
}

impl Train {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let (mut run, corpus) = match &self.resume {
            Some(folder) => begin::resume(folder, self.device)?,
            None => self.recipe.begin(self.device)?,
        };
        eprintln!("run `{}` on {}", run.path().display(), run.device.name);
        if run.recipe.decoder.pretrained.is_some() {
            memory::keep_freed();
        }
        run.stage("encode", |run| encode::encode(run, &corpus, Known::Kept))?;
        run.stage("connect", connect::connect)?;
        run.stage("measure", measure::measure)?;
        run.stage("fit", fit::fit)?;
        println!("{}", tables::geometry(&measure::record(&run)?));
        println!("{}", tables::transforms(&fit::records(&run)?));
        run.stage("decoders", decoders::train)?;
        if !fine_tuning::pupils(&run).is_empty() {
            run.stage("fine-tuning", fine_tuning::train)?;
        }
        run.again("report", |run| {
            let results = outcome::collect(run)?;
            results.write(&run.path().join("results.json"))?;
            report::write(run, &corpus, &results, &caption_command(run))?;
            println!("{}", tables::arms(&results));
            if !results.fine_tuned.is_empty() {
                println!("{}", tables::fine_tuned(&results));
            }
            Ok(())
        })?;
        farewell(&run);
        run.folder.finish(&run::now())?;
        Ok(())
    }
}

/// The one command that captions a picture of the user's own: with C3 if it was trained.
fn caption_command(run: &Run) -> String {
    let arms = &run.recipe.run.arms;
    let best = arms.iter().find(|arm| **arm == Arm::C3).or(arms.last());
    let arm = best.map_or(run::PAIRED, |arm| arm.name());
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
