//! Bringing pickles and checkpoints along, as a user would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use c3_artifacts::{EmbeddingSet, Rows};
use safetensors::{Dtype, SafeTensors};

fn pickles() -> PathBuf {
    PathBuf::from("../crates/c3-datasets/tests/pickles") // cargo runs these tests in xtask/
}

fn import(folder: &Path, file: &str, extra: &[&str]) -> Output {
    let name = Path::new(file).file_name().unwrap();
    fs::copy(pickles().join(file), folder.join(name)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let command = command.current_dir(folder).arg("import").arg(name);
    command
        .args(extra)
        .output()
        .expect("the command line starts")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_checkpoint_becomes_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["weights-zip.pth", "weights-stream.pth"] {
        let output = import(folder.path(), file, &[]);
        assert!(output.status.success(), "{}", errors(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains("left out: `epoch`"));
        let written = folder.path().join(file).with_extension("safetensors");
        let bytes = fs::read(written).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.len(), 10);
        let turned = tensors.tensor("turned").unwrap();
        assert_eq!((turned.dtype(), turned.shape()), (Dtype::F32, &[4, 3][..]));
        let expected: Vec<u8> = [0.0_f32, 0.5, 1.0, 0.125]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(turned.data()[..16], expected);
    }
}

#[test]
fn embeddings_become_sets_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let output = import(folder.path(), "c3-4.pkl", &["--out", "coco"]);
    assert!(output.status.success(), "{}", errors(&output));
    let read = |name: &str| EmbeddingSet::read(&folder.path().join("coco").join(name)).unwrap();
    let items = read("items.safetensors");
    assert_eq!(items.rows().texts(), ["images/3.jpg", "images/9.jpg"]);
    assert_eq!(items.embeddings().row(1), [9.25, -9.0, 0.5]);
    let captions = read("captions.safetensors");
    let Rows::Captions { texts, owners } = captions.rows() else {
        panic!("captions belong to items");
    };
    assert_eq!(
        (texts[2].as_str(), owners),
        ("water at dusk", &vec![0, 1, 0])
    );
}

#[test]
fn what_lies_there_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mean.safetensors"), "kept").unwrap();
    let output = import(folder.path(), "mean.pt", &[]);
    assert!(!output.status.success());
    assert!(errors(&output).contains("name another place with --out"));
    let kept = fs::read_to_string(folder.path().join("mean.safetensors")).unwrap();
    assert_eq!(kept, "kept");
    assert!(
        import(folder.path(), "mean.pt", &["--list"])
            .status
            .success()
    );
}

#[test]
fn a_hostile_file_is_refused_in_one_sentence_and_leaves_nothing() {
    for file in [
        "os-system",
        "pth-os-system",
        "bomb",
        "laughs",
        "huge-tensor",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = import(folder.path(), &format!("hostile/{file}.bin"), &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = errors(&output);
        assert!(
            said.starts_with("error: cannot import") && said.lines().count() == 1,
            "{said}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("weights")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let command = command.current_dir(folder.path());
    let output = command.args(["import", "weights"]).output();
    let said = errors(&output.expect("the command line starts"));
    assert!(said.contains("`weights` is a folder"), "{said}");
}

#[test]
fn a_key_that_is_not_there_names_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let output = import(folder.path(), "weights-zip.pth", &["--under", "weights"]);
    assert!(errors(&output).contains("there is no `weights`; there is `state_dict`, `epoch`"));
}
