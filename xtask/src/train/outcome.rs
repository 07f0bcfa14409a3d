//! What came of a run: every decoder's captions scored, and the bound of the nearest caption.

use std::collections::BTreeMap;

use anyhow::ensure;
use c3_artifacts::coco_results::{ImageId, Reference, read_results, write_references};
use c3_artifacts::results::{
    ArmRuns, Curve, FineTuned, Gap, Results, Retrieval, SeedScores, Timing, summarize,
};
use c3_geometry::nearest;
use c3_transforms::Collapse;

use super::decoders::read_curve;
use super::fine_tuning;
use crate::connect;
use crate::measure::{self, Geometry};
use crate::run::{PAIRED, Run};
use crate::score::{named, score_captions};
use crate::space::Space;

/// Name of the baseline that copies the nearest training caption.
pub(crate) const NEAREST: &str = "nearest";

/// Scores every decoder of a finished run.
pub(super) fn collect(run: &Run) -> anyhow::Result<Results> {
    let space = Space::read(run, run.evaluated())?;
    let references = space.references();
    write_annotations(run, &space, &references)?;
    let mut arms = Vec::new();
    for record in crate::fit::records(run)? {
        let mut seeds = Vec::new();
        for seed in &run.recipe.run.seeds {
            let captions = captions(run, &record.arm, *seed)?;
            let scores = named(&score_captions(&references, &captions)?);
            seeds.push(SeedScores {
                seed: *seed,
                scores,
            });
        }
        let sigma = (record.sigma > 0.0).then_some(record.sigma);
        arms.push(ArmRuns {
            arm: record.arm,
            sigma,
            seeds,
        });
    }
    arms.push(nearest_captions(run, &space, &references)?);
    let geometry = measure::record(run)?;
    Ok(Results {
        recipe: run.recipe.name.clone(),
        split: run.evaluated().to_owned(),
        arms: summarize(arms, PAIRED)?,
        fine_tuned: fine_tuned(run, &references)?,
        retrieval: retrieval(&geometry),
        gaps: gaps(&geometry),
        curves: curves(run)?,
        timings: run
            .folder
            .stages()
            .iter()
            .map(|stage| Timing {
                stage: stage.name.clone(),
                seconds: stage.seconds,
                items: None,
            })
            .collect(),
    })
}

/// Scores every decoder of the second stage, share by share.
fn fine_tuned(run: &Run, references: &[Vec<String>]) -> anyhow::Result<Vec<FineTuned>> {
    let mut shares: Vec<(f64, Vec<ArmRuns>)> = Vec::new();
    for pupil in fine_tuning::pupils(run) {
        let results = read_results(&run.fine_tuned(&pupil.name()))?;
        let captions: Vec<String> = results.into_iter().map(|result| result.caption).collect();
        let scores = SeedScores {
            seed: pupil.seed,
            scores: named(&score_captions(references, &captions)?),
        };
        if shares
            .last()
            .is_none_or(|(fraction, _)| *fraction != pupil.fraction)
        {
            shares.push((pupil.fraction, Vec::new()));
        }
        let (_, arms) = shares.last_mut().expect("one was begun");
        match arms.iter_mut().find(|runs| runs.arm == pupil.arm) {
            Some(runs) => runs.seeds.push(scores),
            None => arms.push(ArmRuns {
                arm: pupil.arm,
                sigma: None,
                seeds: vec![scores],
            }),
        }
    }
    let shares = shares.into_iter().map(|(fraction, arms)| {
        let arms = summarize(arms, PAIRED)?;
        Ok(FineTuned { fraction, arms })
    });
    shares.collect()
}

/// The captions that one decoder wrote, in the order of the evaluated pictures.
pub(crate) fn captions(run: &Run, arm: &str, seed: u64) -> anyhow::Result<Vec<String>> {
    let results = read_results(&run.captions(arm, seed))?;
    Ok(results.into_iter().map(|result| result.caption).collect())
}

/// Copies the training caption nearest to each picture, both modalities centred.
fn nearest_captions(
    run: &Run,
    space: &Space,
    references: &[Vec<String>],
) -> anyhow::Result<ArmRuns> {
    let train = Space::read(run, "train")?;
    let images = Collapse::fit(&train.images)?.apply(&space.images)?;
    let Space {
        texts, captions, ..
    } = train;
    let texts = Collapse::fit(&texts)?.apply(&texts)?; // those before are no longer held
    let found = nearest(&images, &texts)?;
    let captions: Vec<String> = found.into_iter().map(|row| captions[row].clone()).collect();
    let scores = named(&score_captions(references, &captions)?);
    let seeds = vec![SeedScores { seed: 0, scores }];
    Ok(ArmRuns {
        arm: NEAREST.to_owned(),
        sigma: None,
        seeds,
    })
}

fn write_annotations(run: &Run, space: &Space, references: &[Vec<String>]) -> anyhow::Result<()> {
    ensure!(
        references.len() == space.names.len(),
        "every picture has references"
    );
    let references: Vec<Reference> = space
        .names
        .iter()
        .zip(references)
        .map(|(name, captions)| Reference {
            image_id: ImageId::from_name(name),
            file_name: name.clone(),
            captions: captions.clone(),
        })
        .collect();
    Ok(write_references(
        &run.path().join("references.json"),
        &references,
    )?)
}

fn retrieval(geometry: &Geometry) -> Vec<Retrieval> {
    let direction = |image_to_text: bool| {
        let (queries, candidates) = if image_to_text {
            (geometry.pictures, geometry.texts)
        } else {
            (geometry.texts, geometry.pictures)
        };
        let recall: BTreeMap<usize, f64> = geometry
            .before
            .recall
            .iter()
            .map(|at| {
                (
                    at.k,
                    if image_to_text {
                        at.image_to_text
                    } else {
                        at.text_to_image
                    },
                )
            })
            .collect();
        let name = if image_to_text {
            "image to text"
        } else {
            "text to image"
        };
        let (split, direction) = (geometry.split.clone(), name.to_owned());
        Retrieval {
            split,
            direction,
            queries,
            candidates,
            recall,
        }
    };
    vec![direction(true), direction(false)]
}

fn gaps(geometry: &Geometry) -> Vec<Gap> {
    [("before", &geometry.before), ("after", &geometry.after)]
        .into_iter()
        .map(|(name, view)| Gap {
            space: name.to_owned(),
            split: geometry.split.clone(),
            distance: view.gap,
            pair_cosine: view.pair_cosine,
        })
        .collect()
}

fn curves(run: &Run) -> anyhow::Result<Vec<Curve>> {
    let curve = |run: &str, value: &str, points| Curve {
        run: run.to_owned(),
        value: value.to_owned(),
        over: "epoch".to_owned(),
        points,
    };
    let mut curves = Vec::new();
    if let Some(record) = connect::record(run)? {
        let points = |loss: fn(&c3_encoders::connect::EpochLoss) -> f64| {
            let epochs = record.curve.iter();
            epochs
                .map(|epoch| (epoch.epoch as f64, loss(epoch)))
                .collect()
        };
        curves.push(curve("connect", "train loss", points(|epoch| epoch.train)));
        curves.push(curve("connect", "valid loss", points(|epoch| epoch.valid)));
    }
    for record in crate::fit::records(run)? {
        for seed in &run.recipe.run.seeds {
            let losses = read_curve(run, &record.arm, *seed)?;
            let name = format!("{} seed {seed}", record.arm);
            let points = |loss: fn(&c3_decoders::EpochLoss) -> f64| {
                losses
                    .iter()
                    .map(|epoch| (epoch.epoch as f64, loss(epoch)))
                    .collect()
            };
            curves.push(curve(&name, "train loss", points(|epoch| epoch.train)));
            curves.push(curve(&name, "valid loss", points(|epoch| epoch.valid)));
        }
    }
    Ok(curves)
}
