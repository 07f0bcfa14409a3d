//! Tiny models, pictures and settings, and the command line over them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use safetensors::SafeTensors;
use serde_json::{Value, json};

/// What makes a recipe take seconds.
const SHORT: [&str; 9] = [
    "training.epochs=1",
    "training.batch_size=8",
    "training.warmup_steps=2",
    "fine_tuning.training.epochs=1",
    "fine_tuning.training.batch_size=8",
    "fine_tuning.training.warmup_steps=2",
    "decoding.max_tokens=12",
    "decoder.n_prefix=2",
    "run.jobs=0",
];

/// Pictures of each split.
const SPLITS: [(&str, usize); 4] = [("train", 8), ("restval", 4), ("val", 3), ("test", 5)];

fn goldens(of: &str) -> PathBuf {
    Path::new("../crates").join(of).join("tests/golden") // cargo runs these tests in xtask/
}

pub fn xtask(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .current_dir(folder)
        .env("C3_CACHE", folder.join("cache"))
        .output()
        .expect("the command line starts")
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|_| panic!("`{}` is there", path.display()));
    serde_json::from_slice(&bytes).expect("it is JSON")
}

/// Copies every file of a folder.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// A GPT-2 as Hugging Face lays it out, taken out of a checkpoint of ClipCap.
fn gpt2(folder: &Path) {
    let golden = goldens("c3-decoders").join("gpt2");
    fs::create_dir_all(folder).unwrap();
    for name in ["config.json", "vocab.json", "merges.txt"] {
        fs::copy(golden.join(name), folder.join(name)).unwrap();
    }
    let bytes = fs::read(golden.join("clipcap-mlp.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let own = tensors.tensors().into_iter().filter_map(|(name, tensor)| {
        let name = name.strip_prefix("gpt.transformer.")?;
        Some((format!("transformer.{name}"), tensor))
    });
    let bytes = safetensors::serialize(own, None).unwrap();
    fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

/// A data set in Karpathy's layout: his file beside the folder that its names start from.
pub fn data_set(folder: &Path, annotations: &str, pictures: &str, filepath: Option<&str>) {
    let mut files: Vec<PathBuf> = fs::read_dir(goldens("c3-encoders").join("pictures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending != "json"))
        .collect();
    files.sort();
    let place = folder.join(pictures).join(filepath.unwrap_or(""));
    fs::create_dir_all(&place).unwrap();
    let splits = SPLITS.iter().flat_map(|(split, n)| vec![*split; *n]);
    let images: Vec<Value> = splits
        .zip(&files)
        .enumerate()
        .map(|(at, (split, file))| {
            let name = file.file_name().unwrap().to_str().unwrap();
            fs::copy(file, place.join(name)).unwrap();
            let colour = ["red", "green", "blue"][at % 3];
            let sentences = [
                json!({"raw": format!("a {colour} dog and the sea")}),
                json!({"raw": format!("the sea and {} {colour} dogs.", at % 5)}),
            ];
            let mut image = json!({"filename": name, "split": split, "sentences": sentences});
            if let Some(filepath) = filepath {
                image["filepath"] = filepath.into();
                image["cocoid"] = (1000 + at).into();
            }
            image
        })
        .collect();
    assert_eq!(images.len(), 20, "there are pictures enough");
    let file = json!({"dataset": "tiny", "images": images});
    fs::write(folder.join(annotations), file.to_string()).unwrap();
}

/// Trains a recipe with tiny models.
pub fn train(folder: &Path, recipe: &str, out: &str, extra: &[&str]) -> Output {
    let mut arguments = vec!["train", "--device", "cpu", "--recipe", recipe, "--out", out];
    for setting in SHORT {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(["--set", "decoder.pretrained=gpt2-tiny"]);
    arguments.extend(extra);
    xtask(folder, &arguments)
}

/// A home with COCO in small, an encoder out of the goldens as `encoder`, and a GPT-2.
pub fn coco(encoder: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    data_set(
        &folder.join("coco"),
        "dataset_coco.json",
        "",
        Some("val2014"),
    );
    models(folder, encoder);
    home
}

/// An encoder out of the goldens as `encoder`, and a GPT-2 as `gpt2-tiny`.
pub fn models(folder: &Path, encoder: &str) {
    copy_files(
        &goldens("c3-encoders").join(encoder),
        &folder.join("encoder"),
    );
    gpt2(&folder.join("gpt2-tiny"));
}
