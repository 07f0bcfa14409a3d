//! CLIP at its true sizes, both towers, against `open_clip` and transformers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use burn::tensor::Device;
use c3_encoders::Pixels;
use c3_encoders::clip::Clip;
use c3_geometry::Embeddings;
use safetensors::SafeTensors;

use super::{Finding, GOLDEN, Outcome, worse};

/// Most that a number may differ by, in parts of the length of its row.
const MOST: f64 = 2e-4;

/// Loads what `build_clip.py` wrote, and compares the embeddings of pictures and captions.
pub(super) fn compare(name: &str, folder: &Path, device: &Device) -> anyhow::Result<Vec<Finding>> {
    let file = fs::read(folder.join("reference.safetensors"))?;
    let reference = SafeTensors::deserialize(&file)?;
    let clip = Clip::load(folder, device)?;
    let images = theirs(&reference, "images")?;
    let texts = theirs(&reference, "texts")?;
    let (seen, read) = (pictures(&clip, images.len())?, captions(texts.len())?);
    let read: Vec<&str> = read.iter().map(String::as_str).collect();
    let pairs = [
        (
            "embeddings of pictures",
            clip.images().encode(&seen, |_| ())?,
            images,
        ),
        (
            "embeddings of texts",
            clip.texts().encode(&read, |_| ())?,
            texts,
        ),
    ];
    let findings = pairs.into_iter().map(|(what, ours, theirs)| {
        let found = difference(&ours, &theirs)?;
        Ok(Finding {
            model: name.to_owned(),
            what,
            outcome: Outcome::Difference { found, most: MOST },
        })
    });
    findings.collect()
}

fn pictures(clip: &Clip, count: usize) -> anyhow::Result<Vec<Pixels>> {
    let folder = Path::new(GOLDEN).join("pictures");
    let entries = fs::read_dir(&folder).with_context(|| {
        format!(
            "the pictures in `{}` are part of the source",
            folder.display()
        )
    })?;
    let entries = entries.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    let files = paths.iter().take(count).map(fs::read);
    let files = files.collect::<std::io::Result<Vec<_>>>()?;
    let decoded = clip.images().preprocess().decode_all(&files).into_iter();
    Ok(decoded.collect::<Result<_, _>>()?)
}

/// The first captions of the goldens.
pub(super) fn captions(count: usize) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(Path::new(GOLDEN).join("captions.txt"))?;
    let lines = text.lines().take(count);
    let lines = lines.map(|line| line.replace("\\n", "\n").replace("\\t", "\t"));
    Ok(lines.collect())
}

/// Rows that a reference holds.
pub(super) fn theirs(reference: &SafeTensors<'_>, name: &str) -> anyhow::Result<Embeddings> {
    let tensor = reference.tensor(name)?;
    let &[_, dim] = tensor.shape() else {
        anyhow::bail!("`{name}` of the reference is no matrix");
    };
    let values = tensor.data().as_chunks().0.iter();
    let values = values.map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Ok(Embeddings::new(values, dim)?)
}

/// The largest difference of a number, in parts of the length of its row.
pub(super) fn difference(ours: &Embeddings, theirs: &Embeddings) -> anyhow::Result<f64> {
    ensure!(
        (ours.len(), ours.dim()) == (theirs.len(), theirs.dim()),
        "{} x {} numbers are not {} x {}",
        ours.len(),
        ours.dim(),
        theirs.len(),
        theirs.dim()
    );
    let mut worst = 0.0_f64;
    for (ours, theirs) in ours.rows().zip(theirs.rows()) {
        let squares = theirs.iter().map(|value| f64::from(*value).powi(2));
        let length = squares.sum::<f64>().sqrt();
        for (a, b) in ours.iter().zip(theirs) {
            worst = worse(worst, (f64::from(*a) - f64::from(*b)).abs() / length);
        }
    }
    Ok(worst)
}
