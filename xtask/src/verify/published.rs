//! Published weights against the outputs that their authors print.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use burn::tensor::Device;
use c3_encoders::clip::Clip;
use c3_encoders::imagebind::{Lengths, TextTower, VisionTower};
use c3_geometry::Embeddings;

use super::{Finding, Outcome, worse};
use crate::fetch;

/// CLIP multiplies cosines with this before the softmax, after training.
const CLIP_SCALE: f32 = 100.0;
/// The picture of CLIP's read-me, the texts there, and the probabilities that it prints.
const CLIP_PICTURE: &str = "CLIP.png";
const CLIP_TEXTS: [&str; 3] = ["a diagram", "a dog", "a cat"];
const CLIP_PRINTED: [f64; 3] = [0.992_793_7, 0.004_210_68, 0.002_995_72];
/// Models with published outputs.
pub(super) const NAMES: [&str; 2] = ["clip-vit-b-32", "imagebind-huge"];

/// Most that a probability may differ by: the printed ones come from half precision.
const MOST: f64 = 1e-3;

/// ImageBind's own pictures, its texts for them, and the probabilities that it prints.
const BIND_PICTURES: [&str; 3] = ["dog_image.jpg", "car_image.jpg", "bird_image.jpg"];
const BIND_TEXTS: [&str; 3] = ["A dog.", "A car", "A bird"];
const BIND_PRINTED: [[f64; 3]; 3] = [
    [0.997_61, 0.002_369_4, 0.000_018_612],
    [0.000_033_836, 0.999_94, 0.000_024_119],
    [0.000_047_996, 0.013_496, 0.986_46],
];

/// Compares every model that lies in `folder`, or by name in the cache.
pub(super) fn compare(folder: &Path, only: &str, device: &Device) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    type Compare = fn(&Path, &str, &Device) -> anyhow::Result<Result<f64, String>>;
    let models: [(&str, &'static str, Compare); 2] = [
        (NAMES[0], "three texts for one picture", clip),
        (NAMES[1], "three texts for three pictures", imagebind),
    ];
    for (name, what, compare) in models {
        if name.contains(only) {
            let outcome = match compare(folder, name, device)? {
                Ok(found) => Outcome::Difference { found, most: MOST },
                Err(missing) => Outcome::NotRun(missing),
            };
            let model = name.to_owned();
            findings.push(Finding {
                model,
                what,
                outcome,
            });
        }
    }
    Ok(findings)
}

/// The largest difference of a probability, or what is missing.
fn clip(folder: &Path, name: &str, device: &Device) -> anyhow::Result<Result<f64, String>> {
    let picture = folder.join(CLIP_PICTURE);
    if !picture.is_file() {
        let folder = folder.display();
        return Ok(Err(format!(
            "`{folder}` has no `{CLIP_PICTURE}`, the picture of CLIP's read-me"
        )));
    }
    let weights = match model(folder, name) {
        Ok(weights) => weights,
        Err(missing) => return Ok(Err(missing)),
    };
    let clip = Clip::load(&weights, device)
        .with_context(|| format!("cannot use the weights in `{}`", weights.display()))?;
    let bytes = fs::read(&picture)?;
    let pixels = clip.images().preprocess().decode(&bytes);
    let pixels = pixels.with_context(|| format!("cannot use `{}`", picture.display()))?;
    let image = clip.images().encode(&[pixels], |_| ())?.to_unit_length()?;
    let texts = clip.texts().encode(&CLIP_TEXTS, |_| ())?.to_unit_length()?;
    let found = probabilities(image.row(0), &texts, CLIP_SCALE);
    let differences = found.iter().zip(CLIP_PRINTED).map(|(a, b)| (a - b).abs());
    Ok(Ok(differences.fold(0.0, worse)))
}

/// As [`clip`], for ImageBind's pictures and texts.
fn imagebind(folder: &Path, name: &str, device: &Device) -> anyhow::Result<Result<f64, String>> {
    let missing = BIND_PICTURES
        .iter()
        .find(|name| !folder.join(name).is_file());
    if let Some(missing) = missing {
        let folder = folder.display();
        return Ok(Err(format!(
            "`{folder}` has no `{missing}`, a picture of ImageBind's own"
        )));
    }
    let weights = match model(folder, name) {
        Ok(weights) => weights,
        Err(missing) => return Ok(Err(missing)),
    };
    let unusable = || format!("cannot use the weights in `{}`", weights.display());
    let tower = VisionTower::load(&weights, device).with_context(unusable)?;
    let files = BIND_PICTURES.iter().map(|name| fs::read(folder.join(name)));
    let files = files.collect::<std::io::Result<Vec<_>>>()?;
    let pixels = tower.preprocess().decode_all(&files).into_iter();
    let images = tower.encode(&pixels.collect::<Result<Vec<_>, _>>()?, |_| ())?;
    drop(tower);
    // A text is as long as the logits of its softmax are to be scaled.
    let tower = TextTower::load(&weights, device).with_context(unusable)?;
    let texts = tower
        .with_lengths(Lengths::Published)
        .encode(&BIND_TEXTS, |_| ())?;
    let mut worst = 0.0_f64;
    for (image, printed) in images.rows().zip(BIND_PRINTED) {
        let found = probabilities(image, &texts, 1.0);
        let differences = found.iter().zip(printed).map(|(a, b)| (a - b).abs());
        worst = differences.fold(worst, worse);
    }
    Ok(Ok(worst))
}

/// Softmax of scaled inner products.
fn probabilities(row: &[f32], others: &Embeddings, scale: f32) -> Vec<f64> {
    let logits: Vec<f64> = others
        .rows()
        .map(|other| {
            let product: f32 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            f64::from(scale * product)
        })
        .collect();
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The folder of a model inside `folder`, else in the cache; or why there is none.
fn model(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let own = folder.join(name);
    if own.is_dir() {
        return Ok(own);
    }
    fetch::weights(name).map_err(|missing| {
        let folder = folder.display();
        format!("`{folder}` has no folder `{name}`, and {missing}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_a_softmax() {
        let texts = Embeddings::new(vec![1.0, 0.0, 0.0, 1.0], 2).unwrap();
        let found = probabilities(&[0.5, 0.25], &texts, 4.0);
        let expected = 1.0 / (1.0 + (-1.0_f64).exp());
        assert!((found[0] - expected).abs() < 1e-12, "{found:?}");
        assert!((found[0] + found[1] - 1.0).abs() < 1e-12);
    }
}
