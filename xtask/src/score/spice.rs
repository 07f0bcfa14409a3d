//! SPICE, by the reference tool in Java, where it is installed.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use c3_metrics::Tokenizer;
use c3_metrics::coco::Paired;
use serde::{Deserialize, Serialize};

const JAR: &str = "spice-1.0.jar";

#[derive(Serialize)]
struct Input<'a> {
    image_id: usize,
    test: &'a str,
    refs: &'a [String],
}

#[derive(Deserialize)]
struct Output {
    image_id: usize,
    scores: Categories,
}

#[derive(Deserialize)]
struct Categories {
    #[serde(rename = "All")]
    all: Measures,
}

#[derive(Deserialize)]
struct Measures {
    /// Nothing where the tool divided zero by zero.
    f: Option<f64>,
}

/// SPICE of each caption, or nothing with the reason said. `folder` is the folder `spice` of
/// an installed `pycocoevalcap`.
pub(super) fn score(folder: &Path, paired: &Paired) -> Option<Vec<f64>> {
    let scores = check(folder).and_then(|()| run(folder, paired));
    scores
        .map_err(|error| eprintln!("SPICE is left out: {error:#}"))
        .ok()
}

/// Says what the tool needs and does not find.
fn check(folder: &Path) -> anyhow::Result<()> {
    let jar = folder.join(JAR);
    ensure!(
        jar.is_file(),
        "`{}` is not there; give the folder `spice` of an installed `pycocoevalcap`",
        jar.display()
    );
    let library = folder.join("lib");
    let is_model = |name: &str| name.starts_with("stanford-corenlp") && name.contains("models");
    let mut files = fs::read_dir(&library).into_iter().flatten().flatten();
    let has_models = files.any(|file| file.file_name().to_str().is_some_and(is_model));
    ensure!(
        has_models,
        "`{}` has no `stanford-corenlp-*-models.jar`; the toolkit's own `get_stanford_models.py` \
         brings it",
        library.display()
    );
    match Command::new("java").arg("-version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!("Java cannot be started; install a Java runtime, so that `java` is found"),
    }
}

fn run(folder: &Path, paired: &Paired) -> anyhow::Result<Vec<f64>> {
    let scratch = tempfile::tempdir()?;
    let (input, output) = (
        scratch.path().join("in.json"),
        scratch.path().join("out.json"),
    );
    write_input(&input, paired)?;
    // The same command as the toolkit's.
    let ran = Command::new("java")
        .args(["-jar", "-Xmx8G", JAR])
        .arg(&input)
        .arg("-cache")
        .arg(scratch.path())
        .arg("-out")
        .arg(&output)
        .args(["-subset", "-silent"])
        .current_dir(folder)
        .output()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    ensure!(
        ran.status.success(),
        "its Java tool failed: {}",
        last.unwrap_or("it does not say why")
    );
    let items: Vec<Output> = serde_json::from_reader(File::open(&output)?)
        .context("its Java tool wrote something else than scores")?;
    let mut scores = vec![None; paired.captions.len()];
    for Output {
        image_id,
        scores: of,
    } in items
    {
        let place = scores
            .get_mut(image_id)
            .context("its Java tool names another image")?;
        *place = Some(of.all.f.unwrap_or(0.0));
    }
    let all: Option<Vec<f64>> = scores.into_iter().collect();
    all.context("its Java tool left out a caption")
}

fn write_input(path: &Path, paired: &Paired) -> anyhow::Result<()> {
    let tokenizer = Tokenizer::new();
    let captions = tokenizer.tokenize_all(&paired.captions);
    let references: Vec<Vec<String>> = paired
        .references
        .iter()
        .map(|of_image| tokenizer.tokenize_all(of_image))
        .collect();
    let items = captions.iter().zip(&references).enumerate();
    let items = items.map(|(image_id, (test, refs))| Input {
        image_id,
        test,
        refs,
    });
    serde_json::to_writer(File::create(path)?, &items.collect::<Vec<_>>())?;
    Ok(())
}
