//! Scores a COCO results file against an annotations file.
//!
//! ```text
//! cargo run --release -p c3-metrics --example score -- annotations.json results.json
//! ```
//!
//! Prints one JSON object: the scores of the set and of each image.

use std::{env, error::Error, fs::File, io::stdout, time::Instant};

use c3_metrics::{
    coco::{Annotations, Missing, read_results},
    score,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = env::args().skip(1);
    let (Some(annotations), Some(results), None) = (paths.next(), paths.next(), paths.next())
    else {
        return Err("expected two files: annotations.json results.json".into());
    };
    let annotations = Annotations::read(File::open(annotations)?)?;
    let results = read_results(File::open(results)?)?;
    let paired = annotations.pair(&results, Missing::Refuse)?;
    let start = Instant::now();
    let scores = score(&paired.references, &paired.captions)?;
    eprintln!(
        "scored {} captions in {:.3} s",
        paired.captions.len(),
        start.elapsed().as_secs_f64()
    );
    serde_json::to_writer(stdout().lock(), &scores)?;
    Ok(())
}
