//! Stage 2: decoders that were trained on text go on with a share of the pairs.

use std::sync::Arc;

use anyhow::{Context, ensure};
use c3_artifacts::coco_results::write_results;
use c3_artifacts::{ModelFolder, TransformRecord, atomic};
use c3_decoders::{CaptionSet, PrefixDecoder, Split, TrainingConfig};
use c3_transforms::Transform;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::lanes::{self, Job};
use super::lessons::{Assignment, Lessons, Material, clean_view};
use crate::caption::{self, ModelConfig};
use crate::fit;
use crate::progress::Company;
use crate::recipe::{FineTuning, Reads, ShareOf};
use crate::run::Run;

/// What a decoder is called that skipped the first stage.
pub(crate) const FROM_SCRATCH: &str = "from scratch";

/// One decoder that goes on with a share of the pairs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pupil {
    /// Its arm in the first stage, or [`FROM_SCRATCH`].
    pub(crate) arm: String,
    /// Seed of the decoder, in both stages.
    pub(crate) seed: u64,
    /// Share of the pairs, from 0 to 1.
    pub(crate) fraction: f64,
}

impl Pupil {
    /// What its files are called after, as in `C3-seed1-25pct`.
    pub(crate) fn name(&self) -> String {
        let arm = self.arm.replace(' ', "-");
        format!("{arm}-seed{}-{}pct", self.seed, percent(self.fraction))
    }
}

impl Job for Pupil {
    fn label(&self) -> String {
        let (arm, seed) = (&self.arm, self.seed);
        format!("{arm} seed {seed}, {} % of pairs", percent(self.fraction))
    }
}

/// A share in per cent, without digits that only rounding made.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{}", (fraction * 1e6).round() / 1e4)
}

/// Every decoder of the second stage: share by share, seed after seed.
pub(crate) fn pupils(run: &Run) -> Vec<Pupil> {
    let Some(settings) = &run.recipe.fine_tuning else {
        return Vec::new();
    };
    let arms = run.recipe.run.arms.iter().map(|arm| arm.name());
    let arms: Vec<&str> = arms
        .chain(settings.from_scratch.then_some(FROM_SCRATCH))
        .collect();
    let mut pupils = Vec::new();
    for fraction in &settings.fractions {
        for seed in &run.recipe.run.seeds {
            pupils.extend(arms.iter().map(|arm| Pupil {
                arm: (*arm).to_owned(),
                seed: *seed,
                fraction: *fraction,
            }));
        }
    }
    pupils
}

/// Fine-tunes every decoder that is not finished.
pub(super) fn train(run: &Run) -> anyhow::Result<()> {
    let Some(settings) = &run.recipe.fine_tuning else {
        return Ok(());
    };
    let all = pupils(run).into_iter();
    let unfinished: Vec<Pupil> = all
        .filter(|pupil| !run.fine_tuned(&pupil.name()).exists())
        .collect();
    if unfinished.is_empty() {
        return Ok(());
    }
    let lessons = Lessons::prepare(run)?;
    lessons.check_memory(&settings.training, unfinished.len())?;
    lanes::work(run, unfinished, |pupil, company| {
        teach(run, &lessons, settings, pupil, company)
    })
}

fn teach(
    run: &Run,
    lessons: &Lessons<'_>,
    settings: &FineTuning,
    pupil: &Pupil,
    company: Company,
) -> anyhow::Result<()> {
    let record = record(run, &pupil.arm)?;
    let clean = |transform: Transform| Transform {
        corrupt: None,
        renorm: settings.renorm,
        ..transform
    };
    let pictures = clean(fit::image_transform(&record)?);
    let (material, own) = match settings.reads {
        Reads::Pictures => (&lessons.pairs, pictures.clone()),
        Reads::Texts => (&lessons.text, clean(fit::text_transform(&record)?)),
    };
    let chosen = chosen(
        &lessons.owners,
        settings.share_of,
        pupil.fraction,
        pupil.seed,
    );
    let Material { train, valid } = material;
    let name = pupil.name();
    let assignment = Assignment {
        label: pupil.label(),
        seed: pupil.seed,
        checkpoints: run.checkpoints(&name),
        training: &scaled(&settings.training, pupil.fraction),
        decoder: beginner(run, lessons, pupil)?,
        train: Split::new(share(train, &chosen)?, clean_view(own.clone())),
        valid: Split::new(valid.clone(), clean_view(own)),
        pictures,
    };
    let Some(finished) = lessons.teach(assignment, company)? else {
        return Ok(());
    };
    if settings.keep_models {
        let record = TransformRecord {
            renorm: fit::renorm_name(settings.renorm)?,
            sigma: 0.0,
            noise: None,
            ..record
        };
        let model = (&finished.decoder, &lessons.tokenizer);
        caption::write_fine_tuned(run, settings, pupil, model, &record)?;
    }
    let curve = run.path().join("curves").join(format!("{name}.json"));
    atomic::write(&curve, &serde_json::to_vec_pretty(&finished.curve)?)?;
    write_results(&run.fine_tuned(&name), &finished.captions)?;
    finished.clear()
}

/// Some captions of all; all of them are not copied.
fn share(all: &Arc<CaptionSet>, chosen: &[usize]) -> anyhow::Result<Arc<CaptionSet>> {
    if chosen.len() == all.len() {
        return Ok(all.clone());
    }
    Ok(Arc::new(all.select(chosen)?))
}

/// What the decoder of an arm reads; nothing is done to what one from scratch reads.
fn record(run: &Run, arm: &str) -> anyhow::Result<TransformRecord> {
    if arm != FROM_SCRATCH {
        return Ok(TransformRecord::read(&run.transform(arm))?);
    }
    fit::plain(arm, run.recipe.transform.renorm)
}

/// The decoder as the first stage left it, or as the recipe begins it.
fn beginner(run: &Run, lessons: &Lessons<'_>, pupil: &Pupil) -> anyhow::Result<PrefixDecoder> {
    if pupil.arm == FROM_SCRATCH {
        return lessons.beginner(pupil.seed);
    }
    let path = run.model(&pupil.arm, pupil.seed);
    let unusable = || format!("cannot go on from `{}`", path.display());
    let files = ModelFolder::open(&path)?;
    let config: ModelConfig = files.config()?;
    let weights = files.weights()?;
    PrefixDecoder::from_safetensors(&weights, &config.decoder, &run.device.device)
        .with_context(unusable)
}

/// The settings for a share of the data: its warm-up is the same share.
fn scaled(training: &TrainingConfig, fraction: f64) -> TrainingConfig {
    TrainingConfig {
        warmup_steps: (training.warmup_steps as f64 * fraction).round() as usize,
        ..training.clone()
    }
}

/// Captions of a share of the pictures, or a share of the captions (trap D10); the same for every
/// arm, and those of a smaller share are among those of a larger one.
fn chosen(owners: &[usize], share_of: ShareOf, fraction: f64, seed: u64) -> Vec<usize> {
    let share = |all: usize| ((all as f64 * fraction).ceil() as usize).clamp(1, all);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    match share_of {
        ShareOf::Captions => {
            let mut rows: Vec<usize> = (0..owners.len()).collect();
            rows.shuffle(&mut rng);
            rows.truncate(share(owners.len()));
            rows.sort_unstable();
            rows
        }
        ShareOf::Pictures => {
            let mut pictures = owners.to_vec();
            pictures.sort_unstable();
            pictures.dedup();
            pictures.shuffle(&mut rng);
            pictures.truncate(share(pictures.len()));
            pictures.sort_unstable();
            let is_chosen = |row: &usize| pictures.binary_search(&owners[*row]).is_ok();
            (0..owners.len()).filter(is_chosen).collect()
        }
    }
}

/// Refuses shares that are none.
pub(crate) fn check(settings: &FineTuning) -> anyhow::Result<()> {
    for fraction in &settings.fractions {
        ensure!(
            *fraction > 0.0 && *fraction <= 1.0,
            "`fine_tuning.fractions` holds {fraction}; a share is above 0 and at most 1, as in \
             0.05 for 5 %"
        );
        let same = settings.fractions.iter();
        let same = same.filter(|other| percent(**other) == percent(*fraction));
        ensure!(
            same.count() == 1,
            "`fine_tuning.fractions` holds {} % twice",
            percent(*fraction)
        );
    }
    let training = settings.training.check();
    training.context("the recipe's `fine_tuning.training`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two captions of each of ten pictures.
    fn owners() -> Vec<usize> {
        (0..20).map(|row| row / 2).collect()
    }

    #[test]
    fn a_share_of_the_pictures_keeps_their_captions_together() {
        let rows = chosen(&owners(), ShareOf::Pictures, 0.3, 1);
        assert_eq!(rows.len(), 6);
        for pair in rows.chunks(2) {
            assert_eq!((pair[0] % 2, pair[1]), (0, pair[0] + 1));
        }
        assert_eq!(chosen(&owners(), ShareOf::Captions, 0.3, 1).len(), 6);
    }

    #[test]
    fn a_larger_share_holds_the_smaller_and_the_whole_is_the_whole() {
        for share_of in [ShareOf::Pictures, ShareOf::Captions] {
            let small = chosen(&owners(), share_of, 0.1, 5);
            let large = chosen(&owners(), share_of, 0.5, 5);
            assert!(small.iter().all(|row| large.contains(row)), "{share_of:?}");
            let whole = chosen(&owners(), share_of, 1.0, 5);
            assert_eq!(whole, (0..20).collect::<Vec<_>>());
            assert!(!chosen(&owners(), share_of, 0.001, 5).is_empty());
        }
    }

    #[test]
    fn shares_are_written_as_people_write_them() {
        let written: Vec<String> = [0.01, 0.05, 0.25, 1.0, 0.07].map(percent).to_vec();
        assert_eq!(written, ["1", "5", "25", "100", "7"]);
    }
}
