//! Step `score`: caption metrics of any pair of COCO-style files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use c3_metrics::coco::{Annotations, Missing, read_results};
use c3_metrics::{MetricError, Scores, score};

use crate::tables;

/// Prints BLEU-1..4, ROUGE-L and CIDEr of captions against references.
#[derive(Debug, clap::Args)]
pub(crate) struct Score {
    /// References: a COCO captions annotation file.
    references: PathBuf,
    /// Captions: a COCO result file, `[{"image_id", "caption"}]`.
    results: PathBuf,
    /// Scores only the images that have a result.
    #[arg(long)]
    subset: bool,
}

impl Score {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let annotations = Annotations::read(open(&self.references)?)
            .with_context(|| format!("cannot use `{}`", self.references.display()))?;
        let results = read_results(open(&self.results)?)
            .with_context(|| format!("cannot use `{}`", self.results.display()))?;
        let missing = if self.subset {
            Missing::Skip
        } else {
            Missing::Refuse
        };
        let paired = annotations
            .pair(&results, missing)
            .with_context(|| format!("cannot score `{}`", self.results.display()))?;
        let scores = named(&score_captions(&paired.references, &paired.captions)?);
        println!("{}", tables::scores(&scores, paired.captions.len()));
        Ok(())
    }
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

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    Ok(BufReader::new(file))
}
