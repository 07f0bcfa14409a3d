//! Somebody who scores captions on the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Two photos of two captions each.
pub const REFERENCES: &str = r#"{
  "images": [{"id": 7, "file_name": "dog.jpg"}, {"id": 8, "file_name": "cat.jpg"}],
  "annotations": [
    {"id": 1, "image_id": 7, "caption": "A dog runs on grass."},
    {"id": 2, "image_id": 7, "caption": "The dog is running."},
    {"id": 3, "image_id": 8, "caption": "A cat sleeps on a red sofa."},
    {"id": 4, "image_id": 8, "caption": "The cat is asleep."}
  ]
}"#;
pub const GOOD: &str = r#"[{"image_id": 7, "caption": "a dog runs on the grass"},
  {"image_id": 8, "caption": "a cat sleeps on a red sofa"}]"#;
const BAD: &str = r#"[{"image_id": 8, "caption": "a red car on a street"},
  {"image_id": 7, "caption": "a dog"}]"#;

/// What a command did and said.
pub struct Outcome {
    pub succeeded: bool,
    pub out: String,
    pub errors: String,
}

pub fn score(folder: &Path, arguments: &[&str]) -> Outcome {
    run(command(folder, arguments))
}

pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .current_dir(folder)
        .env("C3_CACHE", folder.join("cache"))
        .args(["score", "--resamples", "50"])
        .args(arguments);
    command
}

pub fn run(mut command: Command) -> Outcome {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command line starts");
    Outcome {
        succeeded: status.success(),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        errors: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

pub fn json(outcome: &Outcome) -> Value {
    assert!(outcome.succeeded, "{}", outcome.errors);
    serde_json::from_str(&outcome.out).expect("it prints JSON")
}

/// CIDEr of the first system, and of its images.
pub fn cider(outcome: &Outcome) -> (f64, Vec<f64>) {
    let report = json(outcome);
    let system = &report["systems"][0];
    let metrics = system["metrics"].as_array().unwrap();
    let main = metrics.iter().find(|metric| metric["name"] == "CIDEr");
    let items = system["items"].as_array().unwrap();
    let items = items.iter().map(|item| item["CIDEr"].as_f64().unwrap());
    (main.unwrap()["value"].as_f64().unwrap(), items.collect())
}

/// A folder with the files that most tests need.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("refs.json", REFERENCES),
        ("good.json", GOOD),
        ("bad.json", BAD),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}
