//! Published weights against the outputs that their authors print.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use burn::tensor::Device;
use c3_encoders::clip::Clip;
use c3_geometry::Embeddings;

use super::{Finding, Outcome};
use crate::fetch;

/// CLIP multiplies cosines with this before the softmax, after training.
const CLIP_SCALE: f32 = 100.0;
/// The picture of CLIP's read-me, the texts there, and the probabilities that it prints.
const CLIP_PICTURE: &str = "CLIP.png";
const CLIP_TEXTS: [&str; 3] = ["a diagram", "a dog", "a cat"];
const CLIP_PRINTED: [f64; 3] = [0.992_793_7, 0.004_210_68, 0.002_995_72];
/// The printed numbers come from weights of half precision.
const CLIP_MOST: f64 = 1e-3;

/// Compares every model that lies in `folder`, or by name in the cache.
pub(super) fn compare(folder: &Path, only: &str, device: &Device) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let name = "clip-vit-b-32";
    if name.contains(only) {
        findings.push(Finding {
            model: name.to_owned(),
            what: "probabilities of three texts for one picture",
            outcome: match clip(folder, name, device)? {
                Ok(found) => Outcome::Difference {
                    found,
                    most: CLIP_MOST,
                },
                Err(missing) => Outcome::NotRun(missing),
            },
        });
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
    Ok(Ok(differences.fold(0.0, f64::max)))
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
