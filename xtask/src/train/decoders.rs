//! Every decoder of a run: all arms, all seeds, and the bound trained on pairs.

use std::fs;

use anyhow::Context;
use c3_artifacts::coco_results::write_results;
use c3_artifacts::{TransformRecord, atomic};
use c3_decoders::{EpochLoss, Split};

use super::lanes::{self, Job};
use super::lessons::{Assignment, Lessons, clean_view, noisy_view};
use crate::progress::Company;
use crate::recipe::SelectBy;
use crate::run::{PAIRED, Run};
use crate::{caption, fit};

/// One decoder to train.
#[derive(Clone, Debug)]
struct Decoder {
    arm: String,
    seed: u64,
}

impl Job for Decoder {
    fn label(&self) -> String {
        format!("{} seed {}", self.arm, self.seed)
    }
}

/// Trains every decoder that is not finished, and lets each caption the evaluated split.
pub(super) fn train(run: &Run) -> anyhow::Result<()> {
    let lessons = Lessons::prepare(run)?;
    let unfinished = unfinished(run);
    lessons.check_memory(&run.recipe.training, unfinished.len())?;
    lanes::work(run, unfinished, |decoder, company| {
        teach(run, &lessons, decoder, company)
    })
}

/// Decoders that are not finished, seed after seed.
fn unfinished(run: &Run) -> Vec<Decoder> {
    let settings = &run.recipe.run;
    let arms = settings.arms.iter().map(|arm| arm.name());
    let arms: Vec<&str> = arms.chain(settings.paired.then_some(PAIRED)).collect();
    let all = settings.seeds.iter().flat_map(|seed| {
        arms.iter().map(|arm| Decoder {
            arm: (*arm).to_owned(),
            seed: *seed,
        })
    });
    all.filter(|decoder| !run.captions(&decoder.arm, decoder.seed).exists())
        .collect()
}

/// Trains one decoder, writes its captions of the evaluated split and its model folder.
fn teach(
    run: &Run,
    lessons: &Lessons<'_>,
    decoder: &Decoder,
    company: Company,
) -> anyhow::Result<()> {
    let (arm, seed) = (decoder.arm.as_str(), decoder.seed);
    let record = TransformRecord::read(&run.transform(arm))?;
    let pictures = fit::image_transform(&record)?;
    let (own, material) = match arm {
        PAIRED => (pictures.clone(), &lessons.pairs),
        _ => (fit::text_transform(&record)?, &lessons.text),
    };
    let valid = match run.recipe.run.select_by {
        SelectBy::Pairs => Split::new(lessons.pairs.valid.clone(), clean_view(pictures.clone())),
        SelectBy::Text if run.recipe.transform.noise_on_validation => {
            Split::new(material.valid.clone(), noisy_view(own.clone()))
        }
        SelectBy::Text => Split::new(material.valid.clone(), clean_view(own.clone())),
    };
    let assignment = Assignment {
        label: decoder.label(),
        seed,
        checkpoints: run.checkpoints(&format!("{arm}-{seed}")),
        training: &run.recipe.training,
        decoder: lessons.beginner(seed)?,
        train: Split::new(material.train.clone(), noisy_view(own)),
        valid,
        pictures,
    };
    let Some(finished) = lessons.teach(assignment, company)? else {
        return Ok(());
    };
    let model = (&finished.decoder, &lessons.tokenizer);
    caption::write_model(run, arm, seed, model, &record)?;
    let curve = run.curve(arm, seed);
    atomic::write(&curve, &serde_json::to_vec_pretty(&finished.curve)?)?;
    write_results(&run.captions(arm, seed), &finished.captions)?;
    finished.clear()
}

/// Reads the losses of one decoder.
pub(super) fn read_curve(run: &Run, arm: &str, seed: u64) -> anyhow::Result<Vec<EpochLoss>> {
    let path = run.curve(arm, seed);
    let bytes = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("cannot read `{}`", path.display()))
}
