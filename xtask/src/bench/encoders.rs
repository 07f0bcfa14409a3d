//! The frozen encoders, and the way of a photo into them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use c3_encoders::clip::{ImageTower, TextTower};
use c3_encoders::{EfficientNetLite0, MiniLm, Pixels, Preprocess};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Work, where_we_do};
use crate::device::Chosen;
use crate::encode::weight_file;
use crate::fetch;

const PICTURES: usize = 64;
const SIDE: usize = 224;
const ROUNDS: usize = 3;
/// Most photos decoded.
const PHOTOS: usize = 256;
/// Sentences of our own, of ordinary lengths.
const CAPTIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/c3-encoders/tests/golden/captions.txt"
);

/// Pictures and sentences through the frozen encoders.
pub(super) fn work(chosen: &Chosen) -> Vec<Work> {
    vec![
        Work {
            name: "EfficientNet-Lite0 encoding",
            unit: "pictures/s",
            script: "efficientnet_lite0.py",
            arguments: where_we_do(chosen),
            ours: Box::new(pictures),
        },
        Work {
            name: "MiniLM encoding",
            unit: "sentences/s",
            script: "minilm.py",
            arguments: [vec![CAPTIONS.to_owned()], where_we_do(chosen)].concat(),
            ours: Box::new(sentences),
        },
        clip_pictures("CLIP ViT-B/32 pictures, 8 at a time", 8, chosen),
        clip_pictures("CLIP ViT-B/32 pictures, 32 at a time", 32, chosen),
        Work {
            name: "CLIP ViT-B/32 sentences",
            unit: "sentences/s",
            script: "clip.py",
            arguments: [vec![CAPTIONS.to_owned()], where_we_do(chosen)].concat(),
            ours: Box::new(clip_sentences),
        },
    ]
}

/// Pictures of noise through CLIP, so many at a time.
fn clip_pictures(name: &'static str, rows: usize, chosen: &Chosen) -> Work {
    let told = ["images".to_owned(), "--batch".to_owned(), rows.to_string()];
    Work {
        name,
        unit: "pictures/s",
        script: "clip.py",
        arguments: [told.to_vec(), where_we_do(chosen)].concat(),
        ours: Box::new(move |chosen| {
            let tower = ImageTower::load(&fetch::weights("clip-vit-b-32")?, &chosen.device)?;
            let decoded = noise()?;
            best(PICTURES, || see(&tower, decoded.chunks(rows)))
        }),
    }
}

fn see<'a>(
    tower: &ImageTower,
    mut batches: impl Iterator<Item = &'a [Pixels]>,
) -> anyhow::Result<()> {
    batches.try_for_each(|batch| {
        tower.encode(batch, |_| {})?;
        Ok(())
    })
}

fn clip_sentences(chosen: &Chosen) -> anyhow::Result<f64> {
    let tower = TextTower::load(&fetch::weights("clip-vit-b-32")?, &chosen.device)?;
    captions(|captions| {
        tower.encode(captions, |_| {})?;
        Ok(())
    })
}

/// Decoding and resizing the photos of a folder on one thread, beside Pillow.
pub(super) fn decoding(folder: &Path) -> Work {
    let path = folder.to_owned();
    Work {
        name: "decoding and resizing, one thread",
        unit: "photos/s",
        script: "picture_decoding.py",
        arguments: vec![folder.display().to_string()],
        ours: Box::new(move |_| photos(&path)),
    }
}

fn pictures(chosen: &Chosen) -> anyhow::Result<f64> {
    let weights = weight_file(&fetch::weights("efficientnet-lite0")?)?;
    let tower = EfficientNetLite0::load(&weights, &chosen.device)?;
    let decoded = noise()?;
    best(PICTURES, || {
        tower.encode(&decoded, |_| {})?;
        Ok(())
    })
}

fn noise() -> anyhow::Result<Vec<Pixels>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut noise = || {
        let mut bytes = vec![0; 3 * SIDE * SIDE];
        rng.fill_bytes(&mut bytes);
        Pixels::new(bytes, SIDE)
    };
    Ok((0..PICTURES).map(|_| noise()).collect::<Result<_, _>>()?)
}

fn sentences(chosen: &Chosen) -> anyhow::Result<f64> {
    let tower = MiniLm::load(&fetch::weights("all-minilm-l6-v2")?, &chosen.device)?;
    captions(|captions| {
        tower.encode(captions, |_| {})?;
        Ok(())
    })
}

/// The rate at which our captions are encoded.
fn captions(encode: impl Fn(&[&str]) -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let text =
        std::fs::read_to_string(CAPTIONS).with_context(|| format!("cannot read `{CAPTIONS}`"))?;
    let captions: Vec<&str> = text.lines().collect();
    best(captions.len(), || encode(&captions))
}

fn photos(folder: &Path) -> anyhow::Result<f64> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read folder `{}`", folder.display()))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jpg"));
    paths.sort();
    paths.truncate(PHOTOS);
    ensure!(
        !paths.is_empty(),
        "folder `{}` holds no .jpg",
        folder.display()
    );
    let files: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    let preprocess = Preprocess::new(SIDE);
    best(files.len(), || {
        for file in &files {
            preprocess.decode(file)?;
        }
        Ok(())
    })
}

/// How many of `count` things a second, in the best of three rounds, as the peers count.
pub(super) fn best(
    count: usize,
    mut round: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut seconds = f64::INFINITY;
    for _ in 0..ROUNDS {
        let clock = Instant::now();
        round()?;
        seconds = seconds.min(clock.elapsed().as_secs_f64());
    }
    Ok(count as f64 / seconds)
}
