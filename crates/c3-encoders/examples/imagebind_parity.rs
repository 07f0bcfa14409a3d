//! Compares ImageBind at its true widths with PyTorch, whose part `imagebind_parity.py` wrote.
//!
//! ```text
//! imagebind_parity FOLDER [vision | text | audio]
//! ```
//!
//! Prints for each tower, loaded alone, how long that took, the most memory that the process
//! has had, and the largest difference of a value, in parts of the length of its row. Fails
//! if one is above 2e-4. Of one tower alone, the memory is its own.

use std::path::Path;
use std::time::Instant;
use std::{env, error, fs};

use burn::tensor::Device;
use c3_encoders::Pixels;
use c3_encoders::imagebind::{AudioClip, AudioTower, Lengths, TextTower, VideoClip, VisionTower};
use c3_geometry::Embeddings;
use safetensors::SafeTensors;

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

/// Parts of the length of a row.
const MOST: f32 = 2e-4;

const CAPTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/captions.txt");

const TOWERS: [&str; 3] = ["audio", "text", "vision"];

fn main() -> Result<()> {
    let folder = env::args().nth(1).ok_or("see the head of this example")?;
    let folder = Path::new(&folder);
    let towers = match env::args().nth(2) {
        Some(only) => vec![only],
        None => TOWERS.map(str::to_owned).into(),
    };
    let file = fs::read(folder.join("reference.safetensors"))?;
    let reference = Reference(SafeTensors::deserialize(&file)?);
    println!(
        "{:<8} {:>8} {:>10} {:>12}",
        "tower", "loaded", "memory", "differences"
    );
    let mut worst = 0.0_f32;
    for name in towers {
        let start = Instant::now();
        let (loaded, found) = match name.as_str() {
            "audio" => {
                let tower = AudioTower::load(folder, &Device::flex())?;
                (loaded(start), reference.sounds(tower)?)
            }
            "text" => {
                let tower = TextTower::load(folder, &Device::flex())?;
                (loaded(start), reference.texts(tower)?)
            }
            "vision" => {
                let tower = VisionTower::load(folder, &Device::flex())?;
                (loaded(start), reference.pictures_and_videos(tower)?)
            }
            _ => return Err(format!("no tower is called {name}").into()),
        };
        worst = found.iter().copied().fold(worst, f32::max);
        let found: Vec<String> = found.iter().map(|found| format!("{found:.1e}")).collect();
        println!("{name:<8} {loaded} {:>12}", found.join(", "));
    }
    if worst > MOST {
        return Err(format!("{worst:e} is more than {MOST:e}").into());
    }
    Ok(())
}

/// How long a tower took to load, and the most memory that the process has had so far.
fn loaded(start: Instant) -> String {
    let seconds = format!("{:.1} s", start.elapsed().as_secs_f64());
    let memory = peak().map_or("?".to_owned(), |bytes| format!("{:.0} MB", bytes / 1e6));
    format!("{seconds:>8} {memory:>10}")
}

/// What goes in, and what PyTorch made of it.
struct Reference<'a>(SafeTensors<'a>);

impl Reference<'_> {
    fn sounds(&self, tower: AudioTower) -> Result<Vec<f32>> {
        let tower = tower.with_lengths(Lengths::Published);
        let clip = |values: &[f32]| Ok(AudioClip::new(values.to_vec())?);
        let sounds = self.items("sound_clips", clip)?;
        Ok(vec![
            self.difference("sounds", &tower.encode(&sounds, |_| ())?)?,
        ])
    }

    fn texts(&self, tower: TextTower) -> Result<Vec<f32>> {
        let tower = tower.with_lengths(Lengths::Published);
        let text = fs::read_to_string(CAPTIONS)?;
        let count = self.0.tensor("texts")?.shape()[0];
        let captions = text.lines().take(count);
        let captions: Vec<String> = captions
            .map(|line| line.replace("\\n", "\n").replace("\\t", "\t"))
            .collect();
        let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
        Ok(vec![
            self.difference("texts", &tower.encode(&captions, |_| ())?)?,
        ])
    }

    fn pictures_and_videos(&self, tower: VisionTower) -> Result<Vec<f32>> {
        let tower = tower.with_lengths(Lengths::Published);
        let size = tower.preprocess().size;
        let bytes = self.0.tensor("pixels")?.data();
        let pixels = bytes.chunks(3 * size * size);
        let pixels = pixels.map(|rgb| Ok(Pixels::new(rgb.to_vec(), size)?));
        let pixels = pixels.collect::<Result<Vec<Pixels>>>()?;
        let clip = |values: &[f32]| Ok(VideoClip::new(values.to_vec(), size)?);
        let videos = self.items("video_clips", clip)?;
        Ok(vec![
            self.difference("pictures", &tower.encode(&pixels, |_| ())?)?,
            self.difference("videos", &tower.encode_videos(&videos, |_| ())?)?,
        ])
    }

    /// The clips of each item.
    fn items<C>(&self, name: &str, clip: impl Fn(&[f32]) -> Result<C>) -> Result<Vec<Vec<C>>> {
        let values = self.values(name)?;
        let size = values.len() / self.0.tensor(name)?.shape()[0];
        let mut clips = values.chunks(size).map(clip);
        let counts = self.0.tensor("counts")?.data().iter();
        counts
            .map(|count| clips.by_ref().take(usize::from(*count)).collect())
            .collect()
    }

    /// The largest difference from the rows that the reference has by this name.
    fn difference(&self, name: &str, ours: &Embeddings) -> Result<f32> {
        let theirs = Embeddings::new(self.values(name)?, ours.dim())?;
        if ours.len() != theirs.len() {
            return Err(format!("{} rows are not {}", ours.len(), theirs.len()).into());
        }
        let mut worst = 0.0_f32;
        for (ours, theirs) in ours.rows().zip(theirs.rows()) {
            let length = theirs.iter().map(|value| value * value).sum::<f32>().sqrt();
            for (a, b) in ours.iter().zip(theirs) {
                worst = worst.max((a - b).abs() / length);
            }
        }
        Ok(worst)
    }

    fn values(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.0.tensor(name)?;
        let bytes = tensor.data().as_chunks().0.iter();
        Ok(bytes.map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

/// The most memory that this process has had, in bytes; on Linux only.
fn peak() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024.0 * kilobytes)
}
