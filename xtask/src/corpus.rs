//! The pictures and captions of a recipe, read and joined.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use c3_datasets::{Difference, Picture, Sample, Split, emoji, flickr8k, sentences};

use crate::recipe::{DataKind, DataSettings, Recipe};

/// Folder of a photo data set in which its pictures lie.
const PICTURES: &str = "images";

/// What one run learns from and is measured on.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    pub(crate) train: Part,
    pub(crate) evaluate: Part,
    /// Further sentences that belong to no picture.
    pub(crate) extra_text: Vec<String>,
}

/// The samples of one split.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) samples: Vec<Sample>,
    folder: PathBuf,
}

impl Part {
    /// The bytes of one picture.
    pub(crate) fn picture(&self, sample: &Sample) -> anyhow::Result<Vec<u8>> {
        match &sample.picture {
            Picture::Embedded(bytes) => Ok(bytes.to_vec()),
            Picture::File(name) => {
                let path = self.folder.join(name);
                fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))
            }
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
    let mut corpus = match data.kind {
        DataKind::Emoji => embedded(data.evaluate),
        DataKind::Flickr8k => {
            let Some(folder) = &data.path else {
                bail!("this recipe reads photos: give their folder, as in `--data PATH`");
            };
            photos(folder, data.evaluate)?
        }
    };
    if let Some(limit) = data.limit {
        corpus.train.samples.truncate(limit);
        corpus.evaluate.samples.truncate(limit);
    }
    for path in &recipe.text.extra {
        corpus.extra_text.extend(extra_text(path)?);
    }
    check(&corpus, data)?;
    Ok(corpus)
}

fn check(corpus: &Corpus, data: &DataSettings) -> anyhow::Result<()> {
    let pictures = corpus.train.samples.len();
    ensure!(
        pictures > data.valid_pictures && data.valid_pictures > 0,
        "`data.valid_pictures` is {}, but must be at least 1 and below the {pictures} pictures \
         of the training split",
        data.valid_pictures
    );
    ensure!(
        !corpus.evaluate.samples.is_empty(),
        "the split `{}` is empty",
        corpus.evaluate.name
    );
    Ok(())
}

fn embedded(evaluate: Split) -> Corpus {
    let samples = emoji::samples(emoji::SEED);
    let part = |split| Part {
        name: name(split),
        samples: samples
            .iter()
            .filter(|(of, _)| *of == split)
            .map(|(_, s)| s.clone())
            .collect(),
        folder: PathBuf::new(),
    };
    Corpus {
        train: part(Split::Train),
        evaluate: part(evaluate),
        extra_text: Vec::new(),
    }
}

/// Reads a folder of `images/`, `captions.tsv` (or `Flickr8k.token.txt`), `train.txt`, `dev.txt`.
fn photos(folder: &Path, evaluate: Split) -> anyhow::Result<Corpus> {
    ensure!(
        folder.is_dir(),
        "`{}` is not a folder; give the data set's own",
        folder.display()
    );
    let pictures = picture_names(&folder.join(PICTURES))?;
    let joined = c3_datasets::join(captions(folder)?, &pictures);
    tell(
        &joined.missing_pictures,
        "pictures that captions name are not there",
    );
    tell(&joined.uncaptioned_pictures, "pictures have no caption");
    let part = |split| -> anyhow::Result<Part> {
        let path = folder.join(format!("{}.txt", name(split)));
        let names = flickr8k::split_list(open(&path)?)
            .with_context(|| format!("cannot use `{}`", path.display()))?;
        let selected = c3_datasets::select(&joined.samples, &names);
        let file = path.display();
        tell(
            &selected.missing_samples,
            &format!("names of `{file}` have no picture and caption"),
        );
        ensure!(
            !selected.samples.is_empty(),
            "no picture of `{file}` has a caption and a file"
        );
        let folder = folder.join(PICTURES);
        Ok(Part {
            name: name(split),
            samples: selected.samples,
            folder,
        })
    };
    Ok(Corpus {
        train: part(Split::Train)?,
        evaluate: part(evaluate)?,
        extra_text: Vec::new(),
    })
}

fn captions(folder: &Path) -> anyhow::Result<Vec<Sample>> {
    let (table, tokens) = (
        folder.join("captions.tsv"),
        folder.join("Flickr8k.token.txt"),
    );
    let path = if table.exists() { &table } else { &tokens };
    ensure!(
        path.exists(),
        "`{}` has neither `captions.tsv` nor `Flickr8k.token.txt`",
        folder.display()
    );
    let reader = open(path)?;
    let samples: Result<Vec<Sample>, _> = if path == &table {
        flickr8k::Samples::from_table(reader).collect()
    } else {
        flickr8k::Samples::from_tokens(reader).collect()
    };
    samples.with_context(|| format!("cannot use `{}`", path.display()))
}

fn picture_names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder of pictures `{}`", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    ensure!(
        !names.is_empty(),
        "the folder of pictures `{}` is empty",
        folder.display()
    );
    Ok(names)
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

fn tell(difference: &Difference, what: &str) {
    if !difference.is_empty() {
        eprintln!("left out: {what}: {difference}");
    }
}

fn name(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Dev => "dev",
        Split::Test => "test",
    }
}
