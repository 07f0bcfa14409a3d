//! Step `fit`: the means of Collapse and the noise of Corrupt, arm by arm, without a pair.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use c3_artifacts::{NoiseRecord, TransformRecord};
use c3_geometry::{Embeddings, mate_cosine};
use c3_transforms::{
    Arm, Collapse, Corrupt, Directions, NoiseShape, PAPER_SIGMA, Renorm, Transform,
};
use ndarray::Array2;

use crate::measure::caption_cosine;
use crate::recipe::{ImageMean, MeanPrecision, NamedRule, SigmaRule, TransformSettings};
use crate::run::{PAIRED, Run, RunArguments};
use crate::space::Space;
use crate::tables;

const IMAGE: &str = "image";
const TEXT: &str = "text";

const NO_MATES: &str = "no picture has two captions, so the noise cannot be chosen by a rule: \
                        give a number, as in `--set transform.sigma=0.1`";

/// Fits Collapse and Corrupt for every arm of a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Fit {
    #[command(flatten)]
    run: RunArguments,
}

impl Fit {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let mut run = self.run.open()?;
        run.again("fit", fit)?;
        println!("{}", tables::transforms(&records(&run)?));
        Ok(())
    }
}

/// Fits every arm, and the plain transform of the paired decoder, on the training split.
pub(crate) fn fit(run: &Run) -> anyhow::Result<()> {
    let settings = &run.recipe.transform;
    let train = Space::read(run, "train")?;
    for arm in &run.recipe.run.arms {
        let record =
            fit_arm(*arm, &train, settings).with_context(|| format!("cannot fit arm {arm}"))?;
        record.write(&run.transform(arm.name()))?;
    }
    if run.recipe.run.paired {
        plain(PAIRED, settings.renorm)?.write(&run.transform(PAIRED))?;
    }
    Ok(())
}

/// What a decoder reads that takes embeddings as they are.
pub(crate) fn plain(arm: &str, renorm: Renorm) -> anyhow::Result<TransformRecord> {
    Ok(TransformRecord {
        arm: arm.to_owned(),
        renorm: renorm_name(renorm)?,
        sigma: 0.0,
        means: BTreeMap::new(),
        noise: None,
    })
}

fn fit_arm(
    arm: Arm,
    train: &Space,
    settings: &TransformSettings,
) -> anyhow::Result<TransformRecord> {
    let mut means = BTreeMap::new();
    if arm.collapses() {
        let weights = match settings.image_mean {
            ImageMean::Items => None,
            ImageMean::Rows => Some(train.caption_counts()),
        };
        let image = mean(&train.images, weights.as_deref(), settings.mean_precision)?;
        let text = mean(&train.texts, None, settings.mean_precision)?;
        means.insert(IMAGE.to_owned(), image.mean().to_vec());
        means.insert(TEXT.to_owned(), text.mean().to_vec());
    }
    let clean = |modality: &str| {
        let collapse = means.get(modality).cloned().map(Collapse::new);
        Transform {
            collapse,
            corrupt: None,
            renorm: settings.renorm,
        }
    };
    let sigma = match arm.corrupts() {
        true => sigma(&clean(IMAGE), &clean(TEXT), train, settings.sigma)?,
        false => 0.0,
    };
    let renorm = renorm_name(settings.renorm)?;
    let noise = match (arm.corrupts(), settings.directions) {
        (false, _) | (true, Directions::All) => None,
        (true, directions) => Some(noise(directions, train)?),
    };
    Ok(TransformRecord {
        arm: arm.name().to_owned(),
        renorm,
        sigma: f64::from(sigma),
        means,
        noise,
    })
}

/// The directions of the noise, fitted to the training split before Collapse.
fn noise(directions: Directions, train: &Space) -> anyhow::Result<NoiseRecord> {
    let images = match directions {
        Directions::Residual => train.owner_images(),
        _ => train.images.clone(),
    };
    let shape = directions.fit(&images.to_unit_length()?, &train.texts.to_unit_length()?)?;
    Ok(NoiseRecord {
        directions: directions.name().to_owned(),
        axes: shape.axes().iter().copied().collect(),
        dim: train.texts.dim(),
    })
}

fn mean(
    batch: &Embeddings,
    weights: Option<&[usize]>,
    precision: MeanPrecision,
) -> anyhow::Result<Collapse> {
    let unit = batch.to_unit_length()?;
    Ok(match (precision, weights) {
        (MeanPrecision::Full, None) => Collapse::fit(&unit)?,
        (MeanPrecision::Full, Some(weights)) => Collapse::fit_weighted(&unit, weights)?,
        (MeanPrecision::Half, None) => Collapse::fit_in_half_precision(&unit)?,
        (MeanPrecision::Half, Some(_)) => {
            bail!("`transform.image_mean = \"rows\"` goes with `mean_precision = \"full\"` only")
        }
    })
}

/// The noise of an arm, without a pair: `image` and `text` are its transforms without noise.
fn sigma(
    image: &Transform,
    text: &Transform,
    train: &Space,
    rule: SigmaRule,
) -> anyhow::Result<f32> {
    match rule {
        SigmaRule::Value(sigma) => Ok(sigma as f32),
        SigmaRule::Rule(NamedRule::Paper) => Ok(PAPER_SIGMA),
        SigmaRule::Rule(NamedRule::CaptionSpread) => {
            let texts = text.centre(&train.texts)?;
            let cosine = caption_cosine(&texts, &train.owners).context(NO_MATES)?;
            matching(&texts, cosine)
        }
        SigmaRule::Rule(NamedRule::Mates) => {
            let texts = text.centre(&train.texts)?;
            let cosine = unpaired_cosine(&image.centre(&train.images)?, &texts, &train.owners)?;
            matching(&texts, cosine)
        }
    }
}

/// Noise that leaves this cosine; a space without a shared direction has none.
fn matching(texts: &Embeddings, cosine: f64) -> anyhow::Result<f32> {
    ensure!(
        cosine > 0.0,
        "pictures and captions share no direction (cosine {cosine:.3}), so no noise is like \
         theirs: connect for longer, or give a number, as in `--set transform.sigma=0.1`"
    );
    Ok(Corrupt::matching(texts, cosine)?.sigma())
}

/// The cosine of pairs, estimated from every other picture and the captions of the rest.
fn unpaired_cosine(
    images: &Embeddings,
    texts: &Embeddings,
    owners: &[usize],
) -> anyhow::Result<f64> {
    let pictures: Vec<usize> = (0..images.len()).step_by(2).collect();
    let captions: Vec<usize> = (0..owners.len())
        .filter(|row| owners[*row] % 2 == 1)
        .collect();
    let groups: Vec<usize> = captions.iter().map(|row| owners[*row]).collect();
    mate_cosine(&images.select(&pictures), &texts.select(&captions), &groups).context(NO_MATES)
}

/// The transforms of a run, in the order of its arms.
pub(crate) fn records(run: &Run) -> anyhow::Result<Vec<TransformRecord>> {
    let paired = run.recipe.run.paired.then_some(PAIRED);
    let arms = run.recipe.run.arms.iter().map(|arm| arm.name());
    arms.chain(paired)
        .map(|arm| Ok(TransformRecord::read(&run.transform(arm))?))
        .collect()
}

/// What a decoder of this record reads of the modality it was trained on.
pub(crate) fn text_transform(record: &TransformRecord) -> anyhow::Result<Transform> {
    transform(record, TEXT)
}

/// What a decoder of this record reads of pictures.
pub(crate) fn image_transform(record: &TransformRecord) -> anyhow::Result<Transform> {
    transform(record, IMAGE)
}

fn transform(record: &TransformRecord, modality: &str) -> anyhow::Result<Transform> {
    let collapse = record.means.get(modality).cloned().map(Collapse::new);
    let sigma = record.sigma as f32;
    let corrupt = if sigma > 0.0 {
        let corrupt = Corrupt::new(sigma)?;
        Some(match &record.noise {
            Some(noise) => corrupt.shaped(shape(noise)?),
            None => corrupt,
        })
    } else {
        None
    };
    let renorm: Renorm = serde_json::from_value(record.renorm.clone().into())
        .with_context(|| format!("no rule of normalisation is called `{}`", record.renorm))?;
    Ok(Transform {
        collapse,
        corrupt,
        renorm,
    })
}

fn shape(noise: &NoiseRecord) -> anyhow::Result<NoiseShape> {
    let name = &noise.directions;
    let directions: Directions = serde_json::from_value(name.clone().into())
        .with_context(|| format!("no noise is called `{name}`"))?;
    let rows = noise.axes.len() / noise.dim.max(1);
    let axes = Array2::from_shape_vec((rows, noise.dim), noise.axes.clone())?;
    Ok(NoiseShape::new(directions, axes)?)
}

pub(crate) fn renorm_name(renorm: Renorm) -> anyhow::Result<String> {
    let value = serde_json::to_value(renorm)?;
    Ok(value
        .as_str()
        .context("a rule is written as a word")?
        .to_owned())
}
