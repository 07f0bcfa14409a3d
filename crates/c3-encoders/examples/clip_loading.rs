//! How long loading CLIP takes beside reading its file, and how much memory beside its weights.
//!
//! ```text
//! clip_loading FOLDER
//! ```
//!
//! `FOLDER` is one that `benches/peers/build_clip.py` wrote, or one from the hub, of f32 weights.
//! Prints the best of five of each, and on Linux the most memory that the process had while it
//! loaded once.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, error, fs};

use burn::tensor::Device;
use c3_encoders::clip::Clip;

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("see the head of this example")?);
    let names = ["model.safetensors", "open_clip_model.safetensors"];
    let mut files = names.iter().map(|name| folder.join(name));
    let file = files.find(|file| file.exists()).ok_or("no weights")?;
    let bytes = fs::metadata(&file)?.len() as f64;

    let before = peak();
    load(&folder)?;
    if let (Some(before), Some(after)) = (before, peak()) {
        let ratio = (after - before) / bytes;
        println!(
            "memory: {:.0} MB of weights, {ratio:.2} times that at most",
            bytes / 1e6
        );
    }
    let read = best(|| {
        fs::read(&file)?;
        Ok(())
    })?;
    let load = best(|| load(&folder))?;
    println!(
        "time: read in {read:.3} s, loaded in {load:.3} s: {:.2} times",
        load / read
    );
    Ok(())
}

fn load(folder: &Path) -> Result<()> {
    Clip::load(folder, &Device::flex())?;
    Ok(())
}

fn best(mut round: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut seconds = f64::INFINITY;
    for _ in 0..ROUNDS {
        let clock = Instant::now();
        round()?;
        seconds = seconds.min(clock.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

/// The most bytes that this process had in memory so far, where the system tells.
fn peak() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0)
}
