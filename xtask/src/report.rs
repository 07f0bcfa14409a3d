//! The report of a run: one page that needs nothing else.

mod arms;
pub(crate) mod axis;
mod bars;
mod curves;
pub(crate) mod examples;
mod figures;
#[cfg(test)]
mod fixture;
pub(crate) mod number;
pub(crate) mod page;
pub(crate) mod scatter;
mod shares;
mod verdict;

use c3_artifacts::{Results, atomic};
use c3_datasets::Sample;
use c3_transforms::Collapse;

use crate::corpus::{Corpus, Part};
use crate::measure::{self, Geometry};
use crate::recipe::{self, DataKind};
use crate::run::Run;
use crate::space::Space;
use crate::{fit, projection, train};

use page::{Example, Report};

/// Pictures shown with every arm's caption.
const EXAMPLES: usize = 24;

/// Writes `report.html`.
pub(crate) fn write(
    run: &Run,
    corpus: &Corpus,
    results: &Results,
    command: &str,
) -> anyhow::Result<()> {
    let (learned, space) = (
        Space::read(run, "train")?,
        Space::read(run, run.evaluated())?,
    );
    let images = Collapse::fit(&learned.images)?.apply(&space.images)?;
    let texts = Collapse::fit(&learned.texts)?.apply(&space.texts)?;
    let centred = [&images, &texts];
    let report = Report {
        title: format!("{}, {}", run.recipe.name, run.folder.manifest().started),
        summary: summary(run),
        results,
        geometry: geometry(&measure::record(run)?),
        projection: Some(projection::project(
            &space.images,
            &space.texts,
            centred,
            ["images", "texts"],
        )?),
        examples: examples(run, &corpus.evaluate)?,
        recipe: recipe::to_toml(&run.recipe)?,
        command: command.to_owned(),
    };
    Ok(atomic::write(
        &run.path().join("report.html"),
        page::render(&report).as_bytes(),
    )?)
}

fn summary(run: &Run) -> Vec<(String, String)> {
    let manifest = run.folder.manifest();
    let seeds: Vec<String> = run.recipe.run.seeds.iter().map(u64::to_string).collect();
    let mut summary = vec![
        (
            "measured on".to_owned(),
            format!("split `{}`", run.evaluated()),
        ),
        ("decoder seeds".to_owned(), seeds.join(", ")),
    ];
    summary.extend(manifest.machine.clone());
    summary.extend(manifest.versions.clone());
    if let Some(revision) = &manifest.git_revision {
        summary.push(("revision".to_owned(), revision.clone()));
    }
    if run.recipe.data.kind == DataKind::Emoji {
        summary.push(("pictures".to_owned(), "Twemoji, CC BY 4.0".to_owned()));
    }
    summary
}

fn geometry(geometry: &Geometry) -> Vec<(String, f64, f64)> {
    let (before, after) = (&geometry.before, &geometry.after);
    let mut rows = vec![
        ("modality gap".to_owned(), before.gap, after.gap),
        (
            "cosine of pairs".to_owned(),
            before.pair_cosine,
            after.pair_cosine,
        ),
    ];
    if let (Some(a), Some(b)) = (before.caption_cosine, after.caption_cosine) {
        rows.push(("cosine of captions of one picture".to_owned(), a, b));
    }
    for (a, b) in before.recall.iter().zip(&after.recall) {
        let name = |way: &str| format!("R@{} {way}, %", a.k);
        rows.push((
            name("image to text"),
            a.image_to_text * 100.0,
            b.image_to_text * 100.0,
        ));
        rows.push((
            name("text to image"),
            a.text_to_image * 100.0,
            b.text_to_image * 100.0,
        ));
    }
    rows
}

/// Pictures at even distances over the evaluated split, none chosen by hand.
fn examples(run: &Run, part: &Part) -> anyhow::Result<Vec<Example>> {
    let seed = run.recipe.run.seeds[0];
    let mut captions = Vec::new();
    for record in fit::records(run)? {
        captions.push((record.arm.clone(), train::captions(run, &record.arm, seed)?));
    }
    let shown = EXAMPLES.min(part.samples.len());
    let rows = (0..shown).map(|at| at * part.samples.len() / shown);
    rows.map(|row| {
        example(
            part,
            &part.samples[row],
            |arm| captions[arm].1[row].clone(),
            &captions,
        )
    })
    .collect()
}

fn example(
    part: &Part,
    sample: &Sample,
    caption: impl Fn(usize) -> String,
    arms: &[(String, Vec<String>)],
) -> anyhow::Result<Example> {
    let bytes = part.picture(sample)?;
    Ok(Example {
        name: sample.name.clone(),
        picture: bytes.map(page::Picture::of),
        references: sample.captions.clone(),
        captions: arms
            .iter()
            .enumerate()
            .map(|(at, arm)| (arm.0.clone(), caption(at)))
            .collect(),
    })
}
