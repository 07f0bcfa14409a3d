//! The real command line, from pictures to a report, on a few embedded pictures.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A run that takes seconds: few pictures, one epoch, tiny widths.
const TINY: [&str; 13] = [
    "data.limit=90",
    "data.valid_pictures=10",
    "encode.image.side=16",
    "connect.image.side=16",
    "connect.image.channels=[8, 16]",
    "connect.d_embed=16",
    "connect.training.epochs=2",
    "connect.training.batch_size=30",
    "decoder.d_model=16",
    "decoder.n_layers=1",
    "decoder.n_heads=2",
    "training.epochs=2",
    "transform.sigma=0.1",
];

fn xtask(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .current_dir(folder)
        .env("C3_CACHE", folder.join("cache"))
        .output()
        .expect("the command line starts")
}

fn train(folder: &Path, extra: &[&str]) -> Output {
    begin("train", folder, extra)
}

fn begin(step: &str, folder: &Path, extra: &[&str]) -> Output {
    let mut arguments = vec![step, "--device", "cpu"];
    for setting in &TINY {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(["--set", "run.seeds=[1, 2]"]);
    arguments.extend(extra);
    xtask(folder, &arguments)
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|_| panic!("`{}` is there", path.display()));
    serde_json::from_slice(&bytes).expect("it is JSON")
}

/// One picture of the embedded set, as a file.
fn picture(folder: &Path) -> PathBuf {
    let entry = c3_datasets::emoji::entries()
        .next()
        .expect("the set is not empty");
    let c3_datasets::Picture::Embedded(bytes) = entry.sample.picture else {
        panic!("emoji are embedded");
    };
    let path = folder.join("face.png");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_recipe_runs_from_pictures_to_a_report_and_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["first", "second"] {
        let output = train(folder.path(), &["--out", name]);
        assert!(output.status.success(), "{}", errors(&output));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            printed.contains("CIDEr") && printed.contains("± "),
            "{printed}"
        );
        assert!(printed.contains("cargo xtask caption --model"), "{printed}");
    }
    let first = folder.path().join("first");
    let results = json(&first.join("results.json"));
    let arms = results["arms"].as_array().expect("a list of arms");
    let names: Vec<&str> = arms
        .iter()
        .map(|arm| arm["arm"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["C1", "C2_1", "C2_2", "C3", "paired", "nearest"]);
    assert!(arms[3]["mean"]["BLEU-1"].as_f64().unwrap() >= 0.0);

    let page = std::fs::read_to_string(first.join("report.html")).unwrap();
    assert!(page.contains("<html") && page.contains("data:image/png;base64,"));
    for name in [
        "captions/C3-seed1.json",
        "captions/paired-seed2.json",
        "models/C1-seed1/model.safetensors",
    ] {
        let (one, two) = (first.join(name), folder.path().join("second").join(name));
        assert_eq!(
            std::fs::read(one).unwrap(),
            std::fs::read(two).unwrap(),
            "{name}"
        );
    }
    caption_and_score(folder.path());
    run_the_steps_alone(folder.path());
}

/// Captions with the model just trained, and scores what the run wrote.
fn caption_and_score(folder: &Path) {
    let face = picture(folder);
    let face = face.to_str().unwrap();
    let model = "first/models/C3-seed1";
    let output = xtask(
        folder,
        &["caption", "--model", model, "--format", "jsonl", face],
    );
    assert!(output.status.success(), "{}", errors(&output));
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert!(line["caption"].is_string() && line["log_probability"].as_f64().unwrap() < 0.0);

    std::fs::write(folder.join("broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    let draw = |seed| {
        let drawn = [
            "caption",
            "--model",
            model,
            "--nucleus",
            "0.95",
            "--temperature",
            "3",
            "--seed",
            seed,
            "--n-best",
            "4",
            "--format",
            "jsonl",
            face,
        ];
        let output = xtask(folder, &drawn);
        assert!(output.status.success(), "{}", errors(&output));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.lines().count(), 4, "{printed}");
        printed
    };
    assert_eq!(draw("1"), draw("1"));
    assert_ne!(draw("1"), draw("2"));
    let output = xtask(folder, &["caption", "--model", model, face, "broken.png"]);
    assert_eq!(output.status.code(), Some(2));
    let said = errors(&output);
    assert!(
        said.contains("broken.png") && said.contains("skipped 1 of 2"),
        "{said}"
    );

    let output = xtask(
        folder,
        &[
            "score",
            "first/references.json",
            "first/captions/C3-seed1.json",
        ],
    );
    assert!(output.status.success(), "{}", errors(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ROUGE-L"));
}

/// Each step goes on from the files of the earlier ones, and says which are missing.
fn run_the_steps_alone(folder: &Path) {
    let output = begin("encode", folder, &["--out", "third"]);
    assert!(output.status.success(), "encode: {}", errors(&output));
    for step in ["encode", "connect", "measure", "fit"] {
        let output = xtask(folder, &[step, "--run", "third", "--device", "cpu"]);
        assert!(output.status.success(), "{step}: {}", errors(&output));
    }
    let output = xtask(folder, &["train", "--resume", "third", "--device", "cpu"]);
    let said = errors(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("fit: finished before"), "{said}");
    let captions = |run| std::fs::read(folder.join(run).join("captions/C3-seed1.json")).unwrap();
    assert_eq!(captions("first"), captions("third"));

    std::fs::remove_dir_all(folder.join("second/embeddings")).unwrap();
    let output = xtask(folder, &["measure", "--run", "second", "--device", "cpu"]);
    let said = errors(&output);
    assert!(!output.status.success());
    assert!(
        said.contains("embeddings") && said.contains("run the step"),
        "{said}"
    );
}

#[test]
fn two_runs_in_one_folder_are_refused_and_a_finished_run_is_not_trained_again() {
    let folder = tempfile::tempdir().unwrap();
    let few = ["--set", "run.arms=[\"C1\"]", "--set", "run.paired=false"];
    let output = train(folder.path(), &[&few[..], &["--out", "run"]].concat());
    assert!(output.status.success(), "{}", errors(&output));
    let again = train(folder.path(), &[&few[..], &["--out", "run"]].concat());
    assert!(!again.status.success());
    assert!(errors(&again).contains("run"), "{}", errors(&again));
    let resumed = xtask(
        folder.path(),
        &["train", "--resume", "run", "--device", "cpu"],
    );
    assert!(resumed.status.success(), "{}", errors(&resumed));
    assert!(
        errors(&resumed).contains("decoders: finished before"),
        "{}",
        errors(&resumed)
    );
}

#[test]
fn what_cannot_be_used_is_named_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (
            &["train", "--set", "training.epoch=3"],
            "did you mean `training.epochs`?",
        ),
        (
            &["train", "--recipe", "nothing"],
            "no recipe is called `nothing`",
        ),
        (&["train", "--recipe", "flickr8k"], "--data PATH"),
        (&["train", "--recipe", "flickr8k", "--data", "nowhere"], "`"),
        (&["train", "--device", "tpu"], "no device is called `tpu`"),
        (&["caption", "--model", "nowhere", "face.png"], "face.png"),
    ];
    for (arguments, expected) in cases {
        let output = xtask(folder.path(), arguments);
        let said = errors(&output);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(
            said.contains(expected) && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
    assert!(
        !folder.path().join("runs").exists(),
        "nothing half-begun stays behind"
    );
}

#[test]
fn further_sentences_are_encoded_beside_the_captions() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("more.txt"), "a cat\na dog with a hat\n").unwrap();
    let extra = ["--set", "text.extra=more.txt", "--out"];
    let output = begin("encode", folder.path(), &[&extra[..], &["run"]].concat());
    assert!(output.status.success(), "{}", errors(&output));
    let written = folder.path().join("run/features/extra-texts.safetensors");
    assert!(written.exists());

    let extra = ["--set", "text.extra=nowhere.txt", "--out", "other"];
    let said = errors(&begin("encode", folder.path(), &extra));
    assert!(said.contains("nowhere.txt`"), "{said}");
    assert!(!folder.path().join("other").exists());
}

/// A small random CLIP in a folder.
const CLIP: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/c3-encoders/tests/golden/clip/open_clip"
);

#[test]
fn both_towers_of_a_clip_take_the_place_of_the_encoders() {
    let folder = tempfile::tempdir().unwrap();
    let with = |encoder: &str, out: &str, extra: &[&str]| {
        let mut arguments = vec!["encode", "--device", "cpu", "--set", "data.limit=90"];
        arguments.extend(["--set", "data.valid_pictures=10"]);
        arguments.extend(["--encoder", encoder, "--out", out]);
        arguments.extend(extra);
        xtask(folder.path(), &arguments)
    };
    let named = |encoder: &str, out: &str| with(encoder, out, &[]);
    let output = named(CLIP, "run");
    assert!(output.status.success(), "{}", errors(&output));
    for name in ["train-images", "train-texts", "test-images", "test-texts"] {
        let file = folder
            .path()
            .join(format!("run/features/{name}.safetensors"));
        let set = c3_artifacts::EmbeddingSet::read(&file).unwrap();
        assert_eq!(set.embeddings().dim(), 24, "{name}");
    }

    let said = errors(&named("clip-vit-b-32", "second"));
    assert!(said.contains("cargo xtask fetch clip-vit-b-32"), "{said}");
    let said = errors(&named("clip-vit-b-33", "second"));
    assert!(
        said.contains("neither a path") && said.contains("clip-vit-l-14"),
        "{said}"
    );
    let said = errors(&named("meteor-1.5", "second"));
    assert!(said.contains("neither a path"), "{said}");
    let said = errors(&named(folder.path().to_str().unwrap(), "second"));
    assert!(said.contains("holds no weights"), "{said}");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/c3-datasets/tests/pickles/script.pt"
    );
    let said = errors(&named(script, "second"));
    assert!(
        said.contains("weights of another model, not of CLIP"),
        "{said}"
    );
    for (setting, expected) in [
        ("encode.image.side=16", "both say what encodes"),
        ("connect.training.epochs=2", "connect.kind=towers"),
        ("connect.kind=towers", "reads pixels, not the features"),
    ] {
        let said = errors(&with(CLIP, "second", &["--set", setting]));
        assert!(said.contains(expected), "{said}");
    }
    assert!(!folder.path().join("second").exists());
}
