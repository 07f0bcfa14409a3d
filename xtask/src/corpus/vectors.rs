//! Embeddings that were made before, as `cargo xtask import` writes them.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use c3_artifacts::{EmbeddingSet, Rows};
use c3_datasets::{Picture, Sample, Split};

use super::{Corpus, Media, Part, name, splits};
use crate::recipe::DataSettings;
use crate::run::Side;

/// Names of the two files of a split.
const ITEMS: &str = "items.safetensors";
const CAPTIONS: &str = "captions.safetensors";

/// Reads a folder with one of `train`, `dev` and `test` for each split, both files in each.
pub(super) fn load(folder: &Path, data: &DataSettings) -> anyhow::Result<Corpus> {
    splits(data, |split| {
        let folder = split_folder(folder, split)?;
        let (images, texts) = (folder.join(ITEMS), folder.join(CAPTIONS));
        let samples = samples(&images, &texts)
            .with_context(|| format!("cannot use the embeddings in `{}`", folder.display()))?;
        Ok(Part {
            name: name(split),
            samples,
            media: Media::Vectors { images, texts },
        })
    })
}

/// The folder of a split; the papers say `val` for `dev`.
fn split_folder(folder: &Path, split: Split) -> anyhow::Result<PathBuf> {
    let names: &[&str] = match split {
        Split::Train => &["train"],
        Split::Dev => &["dev", "val"],
        Split::Test => &["test"],
    };
    let mut folders = names.iter().map(|name| folder.join(name));
    folders.find(|folder| folder.is_dir()).with_context(|| {
        let name = names[0];
        format!(
            "`{}` has no folder `{name}`; `cargo xtask import FILE --out {}` makes it from a file \
             of embeddings",
            folder.display(),
            folder.join(name).display()
        )
    })
}

/// The items with their captions, in the order of their rows.
fn samples(images: &Path, texts: &Path) -> anyhow::Result<Vec<Sample>> {
    let (images, texts) = (EmbeddingSet::read(images)?, EmbeddingSet::read(texts)?);
    let (
        Rows::Items { names },
        Rows::Captions {
            texts: captions,
            owners,
        },
    ) = (images.rows(), texts.rows())
    else {
        bail!("`{ITEMS}` must hold items and `{CAPTIONS}` their captions");
    };
    texts.check_owners(names.len())?;
    let mut samples: Vec<Sample> = names
        .iter()
        .map(|name| Sample {
            name: name.clone(),
            picture: Picture::File(name.clone()),
            captions: Vec::new(),
        })
        .collect();
    for (caption, owner) in captions.iter().zip(owners) {
        samples[*owner].captions.push(caption.clone());
    }
    let silent = samples.iter().find(|sample| sample.captions.is_empty());
    match silent {
        Some(sample) => bail!("item `{}` has no caption", sample.name),
        None => Ok(samples),
    }
}

/// One side of the first items; captions come in the order of their items, as those of samples do.
pub(super) fn first(
    images: &Path,
    texts: &Path,
    side: Side,
    items: usize,
) -> anyhow::Result<EmbeddingSet> {
    let set = EmbeddingSet::read(match side {
        Side::Images => images,
        Side::Texts => texts,
    })?;
    let (rows, kept) = match set.rows() {
        Rows::Items { names } => {
            let names = names[..items].to_vec();
            (Rows::Items { names }, (0..items).collect())
        }
        Rows::Captions { texts, owners } => {
            let kept = (0..owners.len()).filter(|row| owners[*row] < items);
            let mut kept: Vec<usize> = kept.collect();
            kept.sort_by_key(|row| owners[*row]);
            let texts = kept.iter().map(|row| texts[*row].clone()).collect();
            let owners = kept.iter().map(|row| owners[*row]).collect();
            (Rows::Captions { texts, owners }, kept)
        }
        Rows::Sentences { .. } => bail!("sentences belong to no item"),
    };
    let embeddings = set.embeddings().select(&kept);
    Ok(EmbeddingSet::new(embeddings, rows, set.origin().clone())?)
}
