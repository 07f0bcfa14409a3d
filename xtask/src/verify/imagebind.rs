//! ImageBind at its true widths with few blocks, tower by tower, against PyTorch.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use c3_encoders::Pixels;
use c3_encoders::imagebind::{
    AudioClip, AudioTower, ImageBind, Lengths, TextTower, VideoClip, VisionTower,
};
use c3_geometry::Embeddings;
use safetensors::SafeTensors;

use super::clip::{captions, difference, theirs};
use super::{Finding, Outcome};

/// Most that a number may differ by, in parts of the length of its row.
const MOST: f64 = 2e-4;

/// Loads what `build_imagebind.py` wrote, one tower at a time, and compares embeddings.
pub(super) fn compare(name: &str, folder: &Path, device: &Device) -> anyhow::Result<Vec<Finding>> {
    ImageBind::check(folder)?;
    let file = fs::read(folder.join("reference.safetensors"))?;
    let reference = SafeTensors::deserialize(&file)?;
    let mut findings = Vec::new();
    let mut found = |what, reference_name: &str, ours: Embeddings| -> anyhow::Result<()> {
        let found = difference(&ours, &theirs(&reference, reference_name)?)?;
        findings.push(Finding {
            model: name.to_owned(),
            what,
            outcome: Outcome::Difference { found, most: MOST },
        });
        Ok(())
    };

    let tower = VisionTower::load(folder, device)?.with_lengths(Lengths::Published);
    let size = tower.preprocess().size;
    let pixels = reference.tensor("pixels")?.data().chunks(3 * size * size);
    let pixels = pixels.map(|rgb| Pixels::new(rgb.to_vec(), size));
    let pixels: Vec<Pixels> = pixels.collect::<Result<_, _>>()?;
    found(
        "embeddings of pictures",
        "pictures",
        tower.encode(&pixels, |_| ())?,
    )?;
    let videos = items(&reference, "video_clips", |values| {
        Ok(VideoClip::new(values, size)?)
    })?;
    let ours = tower.encode_videos(&videos, |_| ())?;
    found("embeddings of videos", "videos", ours)?;
    drop(tower);

    let tower = TextTower::load(folder, device)?.with_lengths(Lengths::Published);
    let texts = captions(theirs(&reference, "texts")?.len())?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    found(
        "embeddings of texts",
        "texts",
        tower.encode(&texts, |_| ())?,
    )?;
    drop(tower);

    let tower = AudioTower::load(folder, device)?.with_lengths(Lengths::Published);
    let sounds = items(&reference, "sound_clips", |values| {
        Ok(AudioClip::new(values)?)
    })?;
    found(
        "embeddings of sounds",
        "sounds",
        tower.encode(&sounds, |_| ())?,
    )?;
    Ok(findings)
}

/// The clips of each item, as many as `counts` of the reference says.
fn items<C>(
    reference: &SafeTensors<'_>,
    name: &str,
    clip: impl Fn(Vec<f32>) -> anyhow::Result<C>,
) -> anyhow::Result<Vec<Vec<C>>> {
    let tensor = reference.tensor(name)?;
    let values = tensor.data().as_chunks().0.iter();
    let values: Vec<f32> = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let size = values.len() / tensor.shape()[0];
    let mut clips = values.chunks(size).map(|values| clip(values.to_vec()));
    let counts = reference.tensor("counts")?.data().iter();
    counts
        .map(|count| clips.by_ref().take(usize::from(*count)).collect())
        .collect()
}
