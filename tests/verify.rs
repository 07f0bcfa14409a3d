//! What `verify` says where nothing can be verified; the rest needs PyTorch or published weights.

use std::process::{Command, Output};

fn verify(arguments: &[&str]) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("verify")
        .args(arguments)
        .current_dir(folder.path())
        .env("C3_CACHE", folder.path().join("cache"))
        .output()
        .expect("the command line starts");
    let both = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let said = both
        .concat()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    (output, said)
}

#[test]
fn weights_that_are_not_there_are_not_run_and_said_so() {
    let (output, said) = verify(&["--weights", "."]);
    assert!(output.status.success(), "{said}");
    for part in [
        "clip-vit-b-32",
        "CLIP.png",
        "imagebind-huge",
        "dog_image.jpg",
    ] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert_eq!(said.matches("not run").count(), 2, "{said}");
}

#[test]
fn a_python_that_cannot_build_is_named() {
    let (output, said) = verify(&["--models", "--only", "gpt2", "--python", "./no-python"]);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("FAILED") && said.contains("no-python"),
        "{said}"
    );
}

#[test]
fn what_is_asked_for_has_to_be_there() {
    for (arguments, expected) in [
        (&["--weights", "nowhere"][..], "`nowhere` is no folder"),
        (
            &["--models", "--only", "gpt3"],
            "no model is called like `gpt3`",
        ),
        (&[], "--models"),
    ] {
        let (output, said) = verify(arguments);
        assert!(
            !output.status.success() && said.contains(expected),
            "{said}"
        );
    }
}
