//! How fast pictures and texts are encoded; the peers under `benches/peers` do the same work.
//!
//! ```text
//! encoding_speed efficientnet-lite0 WEIGHTS   # 64 pictures of noise
//! encoding_speed minilm FOLDER CAPTIONS.txt   # every line
//! encoding_speed clip FOLDER 32               # 64 pictures of noise, 32 at a time
//! encoding_speed clip FOLDER CAPTIONS.txt     # every line
//! encoding_speed imagebind FOLDER pictures     # 64 pictures of noise, or sounds: 64 clips of noise
//! encoding_speed imagebind FOLDER CAPTIONS.txt # every line
//! encoding_speed decoding FOLDER              # every JPEG file, at most 256, on one thread
//! ```
//!
//! Prints one line of JSON: the name, and how many a second in the best of three rounds.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, error, fs};

use burn::tensor::Device;
use c3_encoders::clip::{ImageTower, TextTower};
use c3_encoders::imagebind::{self, AudioClip};
use c3_encoders::{EfficientNetLite0, MiniLm, Pixels, Preprocess};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (name, per_second) = match arguments[..] {
        ["efficientnet-lite0", weights] => ("efficientnet-lite0", pictures(weights.as_ref())?),
        ["minilm", folder, captions] => ("minilm", texts(folder.as_ref(), captions.as_ref())?),
        ["clip", folder, what] => ("clip", clip(folder.as_ref(), what)?),
        ["imagebind", folder, what] => ("imagebind", imagebind(folder.as_ref(), what)?),
        ["decoding", folder] => ("decoding", decoding(folder.as_ref())?),
        _ => return Err("see the head of this example for its arguments".into()),
    };
    println!("{{\"name\": \"{name}\", \"per_second\": {per_second:.2}}}");
    Ok(())
}

/// Pictures of noise.
fn noise(size: usize) -> Result<Vec<Pixels>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut noise = || (0..3 * size * size).map(|_| rng.random()).collect();
    let decoded: std::result::Result<_, _> = (0..64).map(|_| Pixels::new(noise(), size)).collect();
    Ok(decoded?)
}

fn pictures(weights: &Path) -> Result<f64> {
    let tower = EfficientNetLite0::load(weights, &Device::flex())?;
    let decoded = noise(224)?;
    best(decoded.len(), || {
        tower.encode(&decoded, |_| ())?;
        Ok(())
    })
}

fn texts(folder: &Path, captions: &Path) -> Result<f64> {
    let tower = MiniLm::load(folder, &Device::flex())?;
    let captions = fs::read_to_string(captions)?;
    let captions: Vec<&str> = captions.lines().collect();
    best(captions.len(), || {
        tower.encode(&captions, |_| ())?;
        Ok(())
    })
}

fn clip(folder: &Path, what: &str) -> Result<f64> {
    let Ok(rows) = what.parse::<usize>() else {
        let tower = TextTower::load(folder, &Device::flex())?;
        let captions = fs::read_to_string(what)?;
        let captions: Vec<&str> = captions.lines().collect();
        return best(captions.len(), || {
            tower.encode(&captions, |_| ())?;
            Ok(())
        });
    };
    let tower = ImageTower::load(folder, &Device::flex())?;
    let decoded = noise(tower.preprocess().size)?;
    best(decoded.len(), || {
        for batch in decoded.chunks(rows.max(1)) {
            tower.encode(batch, |_| ())?;
        }
        Ok(())
    })
}

fn imagebind(folder: &Path, what: &str) -> Result<f64> {
    match what {
        "pictures" => {
            let tower = imagebind::VisionTower::load(folder, &Device::flex())?;
            let decoded = noise(224)?;
            best(decoded.len(), || {
                tower.encode(&decoded, |_| ())?;
                Ok(())
            })
        }
        "sounds" => {
            let tower = imagebind::AudioTower::load(folder, &Device::flex())?;
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            let mut clip = || {
                let values = (0..AudioClip::BINS * AudioClip::FRAMES).map(|_| rng.random());
                AudioClip::new(values.collect()).map(|clip| [clip])
            };
            let clips: std::result::Result<Vec<_>, _> = (0..64).map(|_| clip()).collect();
            let clips = clips?;
            best(clips.len(), || {
                tower.encode(&clips, |_| ())?;
                Ok(())
            })
        }
        captions => {
            let tower = imagebind::TextTower::load(folder, &Device::flex())?;
            let captions = fs::read_to_string(captions)?;
            let captions: Vec<&str> = captions.lines().collect();
            best(captions.len(), || {
                tower.encode(&captions, |_| ())?;
                Ok(())
            })
        }
    }
}

fn decoding(folder: &Path) -> Result<f64> {
    let entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    paths.sort();
    paths.truncate(256);
    let files = paths
        .iter()
        .map(fs::read)
        .collect::<std::io::Result<Vec<_>>>()?;
    let preprocess = Preprocess::new(224);
    best(files.len(), || {
        for file in &files {
            preprocess.decode(file)?;
        }
        Ok(())
    })
}

/// How many of `count` things a second, in the best of three rounds.
fn best(count: usize, mut round: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut seconds = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        round()?;
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    Ok(count as f64 / seconds)
}
