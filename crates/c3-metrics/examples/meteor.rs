//! Scores a COCO results file with METEOR.
//!
//! The tables come from the reference package: unpack `meteor-1.5.jar` (a zip file) and
//! `paraphrase-en.gz` into one folder. Index them once, which takes a while, then score:
//!
//! ```text
//! cargo run --release -p c3-metrics --example meteor -- index FOLDER tables.bin
//! cargo run --release -p c3-metrics --example meteor -- score tables.bin annotations.json results.json
//! ```

use std::{
    env,
    error::Error,
    fs::File,
    io::{BufReader, BufWriter, stdout},
    path::Path,
    time::Instant,
};

use c3_metrics::{
    coco::{Annotations, Missing, read_results},
    meteor::{Meteor, Sources, index},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["index", folder, tables] => index_tables(Path::new(folder), tables),
        ["score", tables, annotations, results] => score(tables, annotations, results),
        _ => Err("expected `index FOLDER TABLES` or `score TABLES ANNOTATIONS RESULTS`".into()),
    }
}

fn index_tables(folder: &Path, tables: &str) -> Result<(), Box<dyn Error>> {
    let open = |name| File::open(folder.join(name)).map(BufReader::new);
    let sources = Sources {
        paraphrases: &mut open("paraphrase-en")?,
        synsets: &mut open("synonym/english.synsets")?,
        exceptions: &mut open("synonym/english.exceptions")?,
        function_words: &mut open("function/english.words")?,
        prefixes: &mut open("nonbreaking/english.prefixes")?,
    };
    Ok(index(sources, BufWriter::new(File::create(tables)?))?)
}

fn score(tables: &str, annotations: &str, results: &str) -> Result<(), Box<dyn Error>> {
    let annotations = Annotations::read(File::open(annotations)?)?;
    let paired = annotations.pair(&read_results(File::open(results)?)?, Missing::Refuse)?;
    let meteor = Meteor::new(std::fs::read(tables)?)?;
    let start = Instant::now();
    let scores = meteor.score(&paired.references, &paired.captions)?;
    eprintln!(
        "scored {} captions in {:.3} s",
        paired.captions.len(),
        start.elapsed().as_secs_f64()
    );
    serde_json::to_writer(stdout().lock(), &scores)?;
    Ok(())
}
