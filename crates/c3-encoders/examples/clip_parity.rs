//! Compares CLIP at its true sizes with PyTorch, whose part `clip_parity.py` wrote.
//!
//! ```text
//! clip_parity FOLDER
//! ```
//!
//! Prints a line for each model: the largest difference of a value, in parts of the length
//! of its row. Fails if one is above 2e-4.

use std::path::{Path, PathBuf};
use std::{env, error, fs};

use burn::tensor::Device;
use c3_encoders::Pixels;
use c3_encoders::clip::Clip;
use c3_geometry::Embeddings;
use safetensors::SafeTensors;

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

/// Parts of the length of a row.
const MOST: f32 = 2e-4;

/// Pictures and captions that the references are made of.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn main() -> Result<()> {
    let root = env::args().nth(1).ok_or("see the head of this example")?;
    println!("{:<24} {:>10} {:>10}", "model", "images", "texts");
    let mut worst = 0.0_f32;
    for folder in sorted(Path::new(&root))? {
        let reference = fs::read(folder.join("reference.safetensors"))?;
        let reference = SafeTensors::deserialize(&reference)?;
        let clip = Clip::load(&folder, &Device::flex())?;
        let images = difference(&reference, "images", |count| see(&clip, count))?;
        let texts = difference(&reference, "texts", |count| read(&clip, count))?;
        worst = worst.max(images).max(texts);
        let name = folder.file_name().unwrap_or_default().display();
        println!("{name:<24} {images:>10.1e} {texts:>10.1e}");
    }
    if worst > MOST {
        return Err(format!("{worst:e} is more than {MOST:e}").into());
    }
    Ok(())
}

/// What lies in a folder, by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

fn see(clip: &Clip, count: usize) -> Result<Embeddings> {
    let mut pixels: Vec<Pixels> = Vec::new();
    for file in sorted(&Path::new(GOLDEN).join("pictures"))?
        .iter()
        .take(count)
    {
        pixels.push(clip.images().preprocess().decode(&fs::read(file)?)?);
    }
    Ok(clip.images().encode(&pixels, |_| ())?)
}

fn read(clip: &Clip, count: usize) -> Result<Embeddings> {
    let text = fs::read_to_string(Path::new(GOLDEN).join("captions.txt"))?;
    let captions = text.lines().take(count);
    let captions: Vec<String> = captions
        .map(|line| line.replace("\\n", "\n").replace("\\t", "\t"))
        .collect();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    Ok(clip.texts().encode(&captions, |_| ())?)
}

/// The largest difference from the rows that the reference has by this name.
fn difference(
    reference: &SafeTensors<'_>,
    name: &str,
    ours: impl FnOnce(usize) -> Result<Embeddings>,
) -> Result<f32> {
    let tensor = reference.tensor(name)?;
    let &[count, dim] = tensor.shape() else {
        return Err("a reference is no matrix".into());
    };
    let ours = ours(count)?;
    if (ours.len(), ours.dim()) != (count, dim) {
        return Err(format!("{} x {} is not {count} x {dim}", ours.len(), ours.dim()).into());
    }
    let bytes = tensor.data().as_chunks().0.iter();
    let theirs = Embeddings::new(bytes.map(|bytes| f32::from_le_bytes(*bytes)).collect(), dim)?;
    let mut worst = 0.0_f32;
    for (ours, theirs) in ours.rows().zip(theirs.rows()) {
        let length = theirs.iter().map(|value| value * value).sum::<f32>().sqrt();
        for (a, b) in ours.iter().zip(theirs) {
            worst = worst.max((a - b).abs() / length);
        }
    }
    Ok(worst)
}
