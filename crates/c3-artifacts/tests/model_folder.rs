//! Model folders: what comes back, and every way a folder can be wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use c3_artifacts::atomic::is_leftover;
use c3_artifacts::{ArtifactError, ModelCard, ModelFolder, ModelParts, TransformRecord};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sizes {
    n_layers: usize,
    dropout: f64,
}

const SIZES: Sizes = Sizes {
    n_layers: 3,
    dropout: 0.1 + 0.2,
};

fn write(path: &Path, weights: &[u8], extra: &[(&str, &[u8])]) -> Result<(), ArtifactError> {
    let transform = TransformRecord {
        arm: "C3".to_owned(),
        renorm: "after_all".to_owned(),
        sigma: 0.08,
        means: BTreeMap::from([("text".to_owned(), vec![0.5])]),
        noise: None,
    };
    let card = ModelCard {
        title: "Tea".to_owned(),
        ..ModelCard::default()
    };
    let parts = ModelParts {
        config: &SIZES,
        weights,
        tokenizer: b"{}",
        transform: &transform,
        card: &card,
        extra,
    };
    ModelFolder::write(path, &parts).map(drop)
}

fn model() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("model");
    write(&path, b"weights", &[("encoder.safetensors", b"encoder")]).unwrap();
    (parent, path)
}

fn message(path: &Path) -> String {
    let error = ModelFolder::open(path).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "DIR")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_model_comes_back_whole() {
    let (parent, path) = model();
    let model = ModelFolder::open(&path).unwrap();
    assert_eq!(model.config::<Sizes>().unwrap(), SIZES);
    assert_eq!(model.weights().unwrap(), b"weights");
    assert_eq!(model.tokenizer().unwrap(), b"{}");
    assert_eq!(model.transform().unwrap().means["text"], [0.5]);
    assert_eq!(model.file("encoder.safetensors").unwrap(), b"encoder");
    assert!(
        fs::read_to_string(path.join("README.md"))
            .unwrap()
            .contains("# Tea")
    );
    assert_eq!(names(parent.path()), ["model"]);
}

#[test]
fn the_same_model_is_written_in_the_same_bytes() {
    let ((_one, first), (_two, second)) = (model(), model());
    for name in names(&first) {
        let bytes = |folder: &Path| fs::read(folder.join(&name)).unwrap();
        assert_eq!(bytes(&first), bytes(&second), "{name}");
    }
}

#[test]
fn a_missing_folder_says_what_to_give() {
    let expected = "`DIR/config.json` is not there; \
                    give a model folder, as `cargo xtask train` writes them";
    assert_eq!(message(Path::new("no/model")), expected);
}

#[test]
fn every_missing_file_is_named() {
    let (_parent, whole) = model();
    for name in names(&whole) {
        let (_parent, path) = model();
        fs::remove_file(path.join(&name)).unwrap();
        let expected = format!("`DIR/{name}` is not there; give a model folder");
        assert!(message(&path).starts_with(&expected), "{}", message(&path));
    }
}

#[test]
fn a_file_that_was_cut_off_is_damaged() {
    let (_parent, path) = model();
    fs::write(path.join("model.safetensors"), b"weig").unwrap();
    let error = message(&path);
    let expected = "`DIR/model.safetensors` is damaged or changed: its SHA-256 is ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn another_version_is_refused() {
    let (_parent, path) = model();
    let config = path.join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("\"version\": 2", "\"version\": 3")).unwrap();
    let expected = "`DIR/config.json` is version 3 of c3-model; this program reads version 2";
    assert_eq!(message(&path), expected);
}

#[test]
fn a_config_that_lists_too_few_files_is_refused() {
    let (_parent, path) = model();
    let config = path.join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("\"tokenizer.json\"", "\"other.json\""),
    )
    .unwrap();
    assert!(message(&path).starts_with("`DIR/tokenizer.json` is not there"));
}

#[test]
fn a_config_that_points_outside_its_folder_is_refused() {
    let (_parent, path) = model();
    let config = path.join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("\"encoder.safetensors\"", "\"../secret\""),
    )
    .unwrap();
    assert!(message(&path).starts_with("`../secret` cannot be a file of a model folder"));
}

#[test]
fn sizes_of_another_kind_of_model_are_refused() {
    let (_parent, path) = model();
    let config = ModelFolder::open(&path).unwrap().config::<Vec<u8>>();
    assert!(matches!(config, Err(ArtifactError::Json { .. })));
}

#[test]
fn an_older_model_is_replaced() {
    let (parent, path) = model();
    write(&path, b"newer", &[]).unwrap();
    assert_eq!(
        ModelFolder::open(&path).unwrap().weights().unwrap(),
        b"newer"
    );
    assert!(!path.join("encoder.safetensors").exists());
    assert_eq!(names(parent.path()), ["model"]);
}

#[test]
fn a_folder_that_is_not_a_model_is_never_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("thesis");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("config.json"), "{}").unwrap();
    let error = write(&path, b"weights", &[]).unwrap_err();
    assert!(matches!(error, ArtifactError::NotAModel { .. }), "{error}");
    assert_eq!(fs::read_to_string(path.join("config.json")).unwrap(), "{}");
}

#[test]
fn a_model_that_cannot_be_written_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("model");
    for name in ["../escape", "config.json", "model.safetensors", "", "a/b"] {
        let error = write(&path, b"weights", &[(name, b"")]).unwrap_err();
        assert!(
            matches!(error, ArtifactError::FileName { .. }),
            "{name}: {error}"
        );
        assert_eq!(names(parent.path()), Vec::<String>::new());
    }
}

#[test]
fn a_model_that_cannot_be_written_leaves_the_older_one() {
    let (parent, path) = model();
    write(&path, b"newer", &[("config.json", b"")]).unwrap_err();
    assert_eq!(
        ModelFolder::open(&path).unwrap().weights().unwrap(),
        b"weights"
    );
    let left = names(parent.path());
    assert!(
        !left.iter().any(|name| is_leftover(Path::new(name))),
        "{left:?}"
    );
}
