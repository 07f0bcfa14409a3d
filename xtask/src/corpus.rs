//! The pictures and captions of a recipe, read and joined.

mod photos;
mod vectors;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use c3_artifacts::EmbeddingSet;
use c3_datasets::{Picture, Sample, Split, emoji, sentences};

use crate::recipe::{DataKind, DataSettings, Recipe, Validation};
use crate::run::Side;

/// What one run learns from and is measured on.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    pub(crate) train: Part,
    /// What decoders are validated on, if it is a split of its own.
    pub(crate) valid: Option<Part>,
    pub(crate) evaluate: Part,
    /// Further sentences that belong to no picture.
    pub(crate) extra_text: Vec<String>,
}

impl Corpus {
    /// Every split, in the order in which they are used.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        [&self.train]
            .into_iter()
            .chain(&self.valid)
            .chain([&self.evaluate])
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        [&mut self.train]
            .into_iter()
            .chain(&mut self.valid)
            .chain([&mut self.evaluate])
    }
}

/// The samples of one split.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
    media: Media,
}

/// Where the samples of a split come from.
#[derive(Clone, Debug)]
enum Media {
    /// Pictures in the program itself, or below this folder.
    Pictures(PathBuf),
    /// Embeddings of pictures and captions that were made before, in two files.
    Vectors { images: PathBuf, texts: PathBuf },
}

impl Part {
    /// The bytes of one picture; nothing where only its embedding is known.
    pub(crate) fn picture(&self, sample: &Sample) -> anyhow::Result<Option<Vec<u8>>> {
        let Media::Pictures(folder) = &self.media else {
            return Ok(None);
        };
        match &sample.picture {
            Picture::Embedded(bytes) => Ok(Some(bytes.to_vec())),
            Picture::File(name) => {
                let path = folder.join(name);
                let bytes = fs::read(&path);
                let bytes = bytes.with_context(|| format!("cannot read `{}`", path.display()))?;
                Ok(Some(bytes))
            }
        }
    }

    /// The embeddings of one side, where they were made before.
    pub(crate) fn vectors(&self, side: Side) -> anyhow::Result<Option<EmbeddingSet>> {
        match &self.media {
            Media::Pictures(_) => Ok(None),
            Media::Vectors { images, texts } => {
                vectors::first(images, texts, side, self.samples.len()).map(Some)
            }
        }
    }

    /// The files that embeddings come from.
    pub(crate) fn vector_files(&self) -> Vec<&Path> {
        match &self.media {
            Media::Pictures(_) => Vec::new(),
            Media::Vectors { images, texts } => vec![images, texts],
        }
    }

    /// Every caption with the row of its sample, in order.
    pub(crate) fn captions(&self) -> (Vec<String>, Vec<usize>) {
        let rows = self.samples.iter().enumerate();
        rows.flat_map(|(row, sample)| sample.captions.iter().map(move |text| (text.clone(), row)))
            .unzip()
    }
}

/// Reads the corpus that a recipe names.
pub(crate) fn load(recipe: &Recipe) -> anyhow::Result<Corpus> {
    let data = &recipe.data;
    let folder = || {
        let what = match data.kind {
            DataKind::Embeddings => "embeddings",
            _ => "photos",
        };
        let folder = data.path.as_deref();
        folder.with_context(|| {
            format!("this recipe reads {what}: give their folder, as in `--data PATH`")
        })
    };
    let mut corpus = match data.kind {
        DataKind::Emoji => embedded(data)?,
        DataKind::Flickr8k => photos::flickr8k(folder()?, data)?,
        DataKind::Karpathy => photos::karpathy(folder()?, data)?,
        DataKind::Embeddings => vectors::load(folder()?, data)?,
    };
    if let Some(limit) = data.limit {
        for part in corpus.parts_mut() {
            part.samples.truncate(limit);
        }
    }
    if let Some(valid) = &mut corpus.valid {
        valid.samples.truncate(data.valid_pictures);
    }
    for path in &recipe.text.extra {
        corpus.extra_text.extend(extra_text(path)?);
    }
    check(&corpus, data)?;
    Ok(corpus)
}

fn check(corpus: &Corpus, data: &DataSettings) -> anyhow::Result<()> {
    let (asked, pictures) = (data.valid_pictures, corpus.train.samples.len());
    ensure!(
        asked > 0 && (corpus.valid.is_some() || asked < pictures),
        "`data.valid_pictures` is {asked}, but must be at least 1 and below the {pictures} pictures \
         of the training split where they are held out"
    );
    for part in corpus.parts() {
        ensure!(
            !part.samples.is_empty(),
            "the split `{}` is empty",
            part.name
        );
    }
    Ok(())
}

/// Makes every split that the settings ask for.
fn splits(
    data: &DataSettings,
    part: impl Fn(Split) -> anyhow::Result<Part>,
) -> anyhow::Result<Corpus> {
    let valid = match data.validation {
        Validation::HeldOut => None,
        Validation::Dev => Some(part(Split::Dev)?),
    };
    Ok(Corpus {
        train: part(Split::Train)?,
        valid,
        evaluate: part(data.evaluate)?,
        extra_text: Vec::new(),
    })
}

fn embedded(data: &DataSettings) -> anyhow::Result<Corpus> {
    let samples = emoji::samples(emoji::SEED);
    splits(data, |split| {
        let own = samples.iter().filter(|(of, _)| *of == split);
        Ok(Part {
            name: name(split),
            samples: own.map(|(_, sample)| sample.clone()).collect(),
            media: Media::Pictures(PathBuf::new()),
        })
    })
}

/// Reads a file of sentences, one a line, or the `caption` column of a CSV file.
fn extra_text(path: &Path) -> anyhow::Result<Vec<String>> {
    let reader = open(path)?;
    let sentences = if path.extension().is_some_and(|ending| ending == "csv") {
        sentences::columns(reader, &["caption"])
    } else {
        sentences::lines(reader).collect()
    };
    sentences.with_context(|| format!("cannot use `{}`", path.display()))
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    Ok(BufReader::new(file))
}

/// What files and folders of a split are called after.
fn name(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Dev => "dev",
        Split::Test => "test",
    }
}
