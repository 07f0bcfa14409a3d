//! Step `score`: caption metrics of any captions against any references.

mod files;
mod leak;
mod measured;
mod meteor;
mod output;
mod page;
mod spice;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use c3_artifacts::atomic;
use c3_datasets::Split;
use c3_metrics::bootstrap::Bootstrap;
use c3_metrics::coco::{Annotations, ImageId, Missing, Paired};
use c3_metrics::meteor::Meteor;
use c3_metrics::{DocumentFrequencies, MetricError, Scores, score, score_with};
use memmap2::Mmap;

use leak::Leak;
use measured::{Chance, Compared, Raw, System};
use output::{Format, Report};
use page::Page;

/// Prints BLEU-1..4, ROUGE-L, METEOR and CIDEr of captions against references.
///
/// References come as COCO annotations, Karpathy's JSON, Flickr8k's `token.txt` or a table
/// `image<TAB>caption`, the CSV of Clotho or AudioCaps, or plain text with one caption a line;
/// captions as COCO results, such a table or CSV, or plain text in the order of the references.
/// The numbers are those of the COCO caption toolkit, tokenization included. With several files
/// of captions each is also compared with the first.
#[derive(Debug, clap::Args)]
pub(crate) struct Score {
    /// References.
    references: PathBuf,
    /// Captions, one file for each system.
    #[arg(required = true)]
    results: Vec<PathBuf>,
    /// Further plain references, line by line beside the first ones.
    #[arg(long, value_name = "FILE")]
    more_references: Vec<PathBuf>,
    /// Split of a Karpathy file.
    #[arg(long, default_value = "test", value_parser = parse_split)]
    split: Split,
    /// Scores only the images that have a result.
    #[arg(long)]
    subset: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Writes a page with the images whose captions differ most.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Folder of the pictures that the page shows.
    #[arg(long, value_name = "DIR", requires = "html")]
    pictures: Option<PathBuf>,
    /// Text that the systems learned from: says how many references stand in it.
    #[arg(long, value_name = "FILE")]
    training: Vec<PathBuf>,
    /// Document frequencies of CIDEr from a file that `--save-idf` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "save_idf")]
    idf: Option<PathBuf>,
    /// Saves the document frequencies of these references.
    #[arg(long, value_name = "FILE")]
    save_idf: Option<PathBuf>,
    /// Scores SPICE too, in Java: the folder `spice` of an installed `pycocoevalcap`.
    #[arg(long, value_name = "DIR")]
    spice: Option<PathBuf>,
    /// How often to resample for the intervals.
    #[arg(long, default_value_t = 1_000)]
    resamples: usize,
    /// Seed of the resampling.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What every system is scored with.
struct Scorer<'a> {
    frequencies: Option<DocumentFrequencies>,
    meteor: Option<Meteor<Mmap>>,
    spice: Option<&'a Path>,
    chance: Chance,
}

impl Score {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let references = files::references(&self.references, &self.more_references, self.split)?;
        let systems = self.systems(&references)?;
        let compared = self.compare(&systems)?;
        let leak = self.leak(&systems[0].paired.references)?;
        if let Some(leak) = &leak {
            eprintln!("{}", leak.sentence());
        }
        if let Some(path) = &self.html {
            let page = Page {
                systems: &systems,
                compared: &compared,
                pictures: self.pictures(&references, &systems[0].paired.images),
                note: leak.as_ref().map(Leak::sentence),
            };
            atomic::write(path, page.render().as_bytes())?;
            eprintln!("wrote `{}`", path.display());
        }
        let report = Report {
            systems: &systems,
            compared: &compared,
            leak: leak.as_ref(),
        };
        println!("{}", report.print(self.format)?);
        Ok(())
    }

    fn systems(&self, references: &Annotations) -> anyhow::Result<Vec<System>> {
        let scorer = self.scorer()?;
        let names = names(&self.results);
        let mut systems: Vec<System> = Vec::with_capacity(names.len());
        for (path, name) in self.results.iter().zip(names) {
            let paired = self.pair(references, path)?;
            if systems.is_empty() {
                self.save_frequencies(&paired)?;
            }
            let same = systems
                .iter()
                .all(|first| first.paired.images == paired.images);
            ensure!(
                same,
                "`{}` captions other images than `{}`; they cannot be compared",
                path.display(),
                self.results[0].display()
            );
            let scored = scorer.score(&paired);
            let raw = scored.with_context(|| format!("cannot score `{}`", path.display()))?;
            systems.push(System::new(name, paired, raw, scorer.chance));
        }
        Ok(systems)
    }

    fn scorer(&self) -> anyhow::Result<Scorer<'_>> {
        let frequencies = match &self.idf {
            Some(path) => Some(read_frequencies(path)?),
            None => None,
        };
        Ok(Scorer {
            frequencies,
            meteor: meteor::open(),
            spice: self.spice.as_deref(),
            chance: self.chance(),
        })
    }

    fn chance(&self) -> Chance {
        let bootstrap = Bootstrap {
            resamples: self.resamples,
            ..Bootstrap::default()
        };
        let seed = self.seed;
        Chance { bootstrap, seed }
    }

    fn pair(&self, references: &Annotations, path: &Path) -> anyhow::Result<Paired> {
        let captions = files::results(path, references)?;
        files::tell_oddities(&self.references, references, &captions);
        let missing = match self.subset {
            true => Missing::Skip,
            false => Missing::Refuse,
        };
        let paired = references.pair(&captions, missing);
        paired.with_context(|| format!("cannot score `{}`", path.display()))
    }

    fn save_frequencies(&self, paired: &Paired) -> anyhow::Result<()> {
        let Some(path) = &self.save_idf else {
            return Ok(());
        };
        let frequencies = DocumentFrequencies::of(&paired.references)?;
        let mut bytes = Vec::new();
        frequencies.write(&mut bytes)?;
        atomic::write(path, &bytes)?;
        eprintln!("wrote `{}`", path.display());
        Ok(())
    }

    /// The first system with each other one.
    fn compare(&self, systems: &[System]) -> anyhow::Result<Vec<Compared>> {
        let (first, others) = systems
            .split_first()
            .expect("a file of captions is required");
        let mut compared = Vec::new();
        for other in others {
            compared.extend(first.compare(other, self.chance())?);
        }
        Ok(compared)
    }

    fn leak(&self, references: &[Vec<String>]) -> anyhow::Result<Option<Leak>> {
        if self.training.is_empty() {
            return Ok(None);
        }
        let mut sentences = Vec::new();
        for path in &self.training {
            sentences.extend(files::sentences(path)?);
        }
        Ok(Some(Leak::find(references, sentences)))
    }

    /// Where the picture of each image lies, as far as it is there.
    fn pictures(&self, references: &Annotations, images: &[ImageId]) -> Vec<Option<PathBuf>> {
        let named = references.images.iter();
        let named = named.filter_map(|image| Some((&image.id, image.file_name.as_deref()?)));
        let names: HashMap<&ImageId, &str> = named.collect();
        let path = |image: &ImageId| {
            let name = match (names.get(image), image) {
                (Some(name), _) => Path::new(*name),
                (None, ImageId::Name(name)) => Path::new(name),
                (None, ImageId::Number(_)) => return None,
            };
            let path = self.pictures.as_ref()?.join(name.file_name()?);
            path.is_file().then_some(path)
        };
        images.iter().map(path).collect()
    }
}

impl Scorer<'_> {
    fn score(&self, paired: &Paired) -> Result<Raw, MetricError> {
        let (references, captions) = (&paired.references, &paired.captions);
        let scores = match &self.frequencies {
            Some(frequencies) => score_with(references, captions, frequencies)?,
            None => score(references, captions)?,
        };
        let meteor = self.meteor.as_ref();
        let meteor = meteor.map(|meteor| meteor.score(references, captions));
        Ok(Raw {
            scores,
            meteor: meteor.transpose()?,
            spice: self.spice.and_then(|folder| spice::score(folder, paired)),
        })
    }
}

/// The names of files without folder and ending; with the folder where two would be alike.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let stem = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        stem.to_string_lossy().into_owned()
    };
    let stems: Vec<String> = paths.iter().map(stem).collect();
    let alone = |name: &String| stems.iter().filter(|other| *other == name).count() == 1;
    let pairs = paths.iter().zip(&stems);
    pairs
        .map(|(path, name)| match alone(name) {
            true => name.clone(),
            false => path.display().to_string(),
        })
        .collect()
}

fn parse_split(name: &str) -> Result<Split, String> {
    match name {
        "train" => Ok(Split::Train),
        "val" | "dev" => Ok(Split::Dev),
        "test" => Ok(Split::Test),
        _ => Err("expected train, val or test".to_owned()),
    }
}

fn read_frequencies(path: &Path) -> anyhow::Result<DocumentFrequencies> {
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    DocumentFrequencies::read(BufReader::new(file))
        .with_context(|| format!("cannot use `{}`", path.display()))
}

/// Scores captions against the references of each.
pub(crate) fn score_captions(
    references: &[Vec<String>],
    captions: &[String],
) -> Result<Scores, MetricError> {
    score(references, captions)
}

/// Scores by the names that papers use, in hundredths.
pub(crate) fn named(scores: &Scores) -> BTreeMap<String, f64> {
    let mut named = BTreeMap::new();
    for (order, bleu) in scores.bleu.iter().enumerate() {
        named.insert(format!("BLEU-{}", order + 1), bleu * 100.0);
    }
    named.insert("ROUGE-L".to_owned(), scores.rouge_l * 100.0);
    named.insert("CIDEr".to_owned(), scores.cider * 100.0);
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_called_by_their_files() {
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(names(&paths(&["x/a.json", "b.txt"])), ["a", "b"]);
        assert_eq!(
            names(&paths(&["x/a.json", "y/a.json"])),
            ["x/a.json", "y/a.json"]
        );
    }
}
