//! The step `score` from outside: every kind of file, every way to print, every mistake.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Two photos of two captions each.
const REFERENCES: &str = r#"{
  "images": [{"id": 7, "file_name": "dog.jpg"}, {"id": 8, "file_name": "cat.jpg"}],
  "annotations": [
    {"id": 1, "image_id": 7, "caption": "A dog runs on grass."},
    {"id": 2, "image_id": 7, "caption": "The dog is running."},
    {"id": 3, "image_id": 8, "caption": "A cat sleeps on a red sofa."},
    {"id": 4, "image_id": 8, "caption": "The cat is asleep."}
  ]
}"#;
const GOOD: &str = r#"[{"image_id": 7, "caption": "a dog runs on the grass"},
  {"image_id": 8, "caption": "a cat sleeps on a red sofa"}]"#;
const BAD: &str = r#"[{"image_id": 8, "caption": "a red car on a street"},
  {"image_id": 7, "caption": "a dog"}]"#;

struct Outcome {
    succeeded: bool,
    out: String,
    errors: String,
}

fn score(folder: &Path, arguments: &[&str]) -> Outcome {
    run(command(folder, arguments))
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .current_dir(folder)
        .env("C3_CACHE", folder.join("cache"))
        .args(["score", "--resamples", "50"])
        .args(arguments);
    command
}

fn run(mut command: Command) -> Outcome {
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

fn json(outcome: &Outcome) -> Value {
    assert!(outcome.succeeded, "{}", outcome.errors);
    serde_json::from_str(&outcome.out).expect("it prints JSON")
}

/// CIDEr of the first system, and of its images.
fn cider(outcome: &Outcome) -> (f64, Vec<f64>) {
    let report = json(outcome);
    let system = &report["systems"][0];
    let metrics = system["metrics"].as_array().unwrap();
    let main = metrics.iter().find(|metric| metric["name"] == "CIDEr");
    let items = system["items"].as_array().unwrap();
    let items = items.iter().map(|item| item["CIDEr"].as_f64().unwrap());
    (main.unwrap()["value"].as_f64().unwrap(), items.collect())
}

/// A folder with the files that most tests need.
fn folder() -> tempfile::TempDir {
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

/// Scores files with these texts, which must be refused with one sentence that has `parts`.
fn refuses(references: (&str, &[u8]), results: (&str, &[u8]), parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(references.0), references.1).unwrap();
    fs::write(folder.path().join(results.0), results.1).unwrap();
    let outcome = score(folder.path(), &[references.0, results.0]);
    assert!(!outcome.succeeded, "{}", outcome.out);
    assert!(!outcome.errors.contains("panicked"), "{}", outcome.errors);
    let sentence = outcome.errors.lines().last().unwrap_or_default();
    assert!(sentence.starts_with("error: "), "{}", outcome.errors);
    for part in parts {
        assert!(sentence.contains(part), "`{part}` is not in: {sentence}");
    }
}

#[test]
fn every_layout_of_the_same_captions_scores_the_same() {
    let folder = folder();
    let path = folder.path();
    let expected = cider(&score(
        path,
        &["refs.json", "good.json", "--format", "json"],
    ));
    assert!(expected.0 > 1.0, "{expected:?}");
    let karpathy = r#"{"images": [
      {"filename": "train.jpg", "split": "train", "sentences": [{"raw": "Something else."}]},
      {"filename": "dog.jpg", "cocoid": 7, "split": "test",
       "sentences": [{"raw": "A dog runs on grass."}, {"raw": "The dog is running."}]},
      {"filename": "cat.jpg", "cocoid": 8, "split": "test",
       "sentences": [{"raw": "A cat sleeps on a red sofa."}, {"raw": "The cat is asleep."}]}
    ]}"#;
    let tokens = "7#0\tA dog runs on grass.\n7#1\tThe dog is running.\n\
                  8#0\tA cat sleeps on a red sofa.\n8#1\tThe cat is asleep.\n";
    let table = "image\tcaption\n7\tA dog runs on grass.\n7\tThe dog is running.\n\
                 8\tA cat sleeps on a red sofa.\n8\tThe cat is asleep.\n";
    let clotho = "file_name,caption_1,caption_2\n7,A dog runs on grass.,The dog is running.\n\
                  8,A cat sleeps on a red sofa.,The cat is asleep.\n";
    let audiocaps = "audiocap_id,youtube_id,start_time,caption\n\
                     1,7,0,A dog runs on grass.\n2,8,0,A cat sleeps on a red sofa.\n\
                     3,7,0,The dog is running.\n4,8,0,The cat is asleep.\n";
    for (name, text) in [
        ("karpathy.json", karpathy),
        ("token.txt", tokens),
        ("table.tsv", table),
        ("clotho.csv", clotho),
        ("audiocaps.csv", audiocaps),
    ] {
        fs::write(path.join(name), text).unwrap();
        let outcome = score(path, &[name, "good.json", "--format", "json"]);
        assert_eq!(cider(&outcome), expected, "{name}");
    }
}

#[test]
fn plain_files_and_the_answers_of_dcase_score_the_same() {
    let folder = folder();
    let path = folder.path();
    let scored =
        |arguments: &[&str]| cider(&score(path, &[arguments, &["--format", "json"]].concat()));
    let expected = scored(&["refs.json", "good.json"]);
    let files = [
        (
            "one.txt",
            "A dog runs on grass.\nA cat sleeps on a red sofa.\n",
        ),
        ("two.txt", "The dog is running.\nThe cat is asleep.\n"),
        (
            "good.txt",
            "a dog runs on the grass\na cat sleeps on a red sofa\n",
        ),
        (
            "clotho.csv",
            "file_name,caption_1,caption_2\n7,A dog runs on grass.,The dog is running.\n\
             8,A cat sleeps on a red sofa.,The cat is asleep.\n",
        ),
        (
            "predicted.csv",
            "file_name,caption_predicted\n7,a dog runs on the grass\n\
             8,a cat sleeps on a red sofa\n",
        ),
    ];
    for (name, text) in files {
        fs::write(path.join(name), text).unwrap();
    }
    let plain = ["one.txt", "good.txt", "--more-references", "two.txt"];
    assert_eq!(scored(&plain), expected);
    assert_eq!(scored(&["clotho.csv", "predicted.csv"]), expected);
}

/// Puts the small tables of the tests where a fetch leaves those of METEOR.
fn fetched_tables(folder: &Path) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/c3-metrics/tests/golden");
    let tables = golden.join("meteor");
    let slot = folder.join("cache/weights/meteor-1.5");
    fs::create_dir_all(&slot).unwrap();
    let jar = fs::File::create(slot.join("meteor-1.5.jar")).unwrap();
    let mut jar = zip::ZipWriter::new(jar);
    for name in [
        "synonym/english.synsets",
        "synonym/english.exceptions",
        "function/english.words",
        "nonbreaking/english.prefixes",
    ] {
        let stored = zip::write::SimpleFileOptions::default();
        jar.start_file(name, stored).unwrap();
        jar.write_all(&fs::read(tables.join(name)).unwrap())
            .unwrap();
    }
    jar.finish().unwrap();
    let packed = fs::File::create(slot.join("paraphrase-en.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
    packed
        .write_all(&fs::read(tables.join("paraphrase-en")).unwrap())
        .unwrap();
    packed.finish().unwrap();
    let file = |name: &str| {
        let bytes = fs::metadata(slot.join(name)).unwrap().len();
        json!({"name": name, "bytes": bytes, "sha256": "", "pinned_by": "hub"})
    };
    let manifest = json!({
        "name": "meteor-1.5",
        "licence": "LGPL-2.1",
        "source": {"kind": "path", "path": "here"},
        "files": [file("meteor-1.5.jar"), file("paraphrase-en.gz")],
    });
    fs::write(slot.join("manifest.json"), manifest.to_string()).unwrap();
    slot.join("english.tables")
}

#[test]
fn the_tables_of_meteor_are_indexed_once_and_mended() {
    let folder = folder();
    let index = fetched_tables(folder.path());
    let sofa = GOOD.replace("sofa", "couch"); // synonyms in the small tables
    fs::write(folder.path().join("good.json"), sofa).unwrap();
    let arguments = ["refs.json", "good.json", "--format", "json"];
    let first = score(folder.path(), &arguments);
    assert!(
        first.errors.contains("indexing the tables"),
        "{}",
        first.errors
    );
    let items = &json(&first)["systems"][0]["items"];
    assert!(items[1]["METEOR"].as_f64().unwrap() > 0.5, "{items}");
    let second = score(folder.path(), &arguments);
    assert!(!second.errors.contains("indexing"), "{}", second.errors);
    assert_eq!(first.out, second.out);
    fs::write(&index, "cut off").unwrap();
    let third = score(folder.path(), &arguments);
    assert!(
        third.errors.contains("indexing the tables"),
        "{}",
        third.errors
    );
    assert_eq!(first.out, third.out);
    fs::remove_file(&index).unwrap();
    let packed = index.with_file_name("paraphrase-en.gz");
    let length = fs::metadata(&packed).unwrap().len();
    fs::write(&packed, vec![0; usize::try_from(length).unwrap()]).unwrap(); // no archive
    let fourth = score(folder.path(), &arguments);
    assert!(
        fourth.succeeded && fourth.errors.contains("METEOR is left out"),
        "{}",
        fourth.errors
    );
}

#[test]
fn two_systems_are_compared_in_every_format() {
    let folder = folder();
    let two = ["refs.json", "bad.json", "good.json"];
    let with = |format: &'static str| {
        let outcome = score(folder.path(), &[&two[..], &["--format", format]].concat());
        assert!(outcome.succeeded, "{}", outcome.errors);
        outcome
    };
    let table = with("table").out;
    assert!(
        table.contains("good - bad") && table.contains("BLEU-4"),
        "{table}"
    );
    assert!(table.contains("over 2 images"), "{table}");
    let report = json(&with("json"));
    let differences = report["differences"].as_array().unwrap();
    let main = differences
        .iter()
        .find(|one| one["name"] == "CIDEr")
        .unwrap();
    assert!(main["value"].as_f64().unwrap() > 0.0 && main["p_value"].as_f64().unwrap() <= 1.0);
    let markdown = with("markdown").out;
    assert!(
        markdown.lines().nth(2).unwrap().starts_with("| bad | "),
        "{markdown}"
    );
    let latex = with("latex").out;
    let row = latex.lines().last().unwrap();
    assert!(
        row.starts_with("good & ") && row.ends_with(" \\\\"),
        "{latex}"
    );
    assert_eq!(
        row.matches('&').count(),
        report["systems"][1]["metrics"].as_array().unwrap().len()
    );
}

#[test]
fn the_page_shows_the_images_that_differ_most() {
    let folder = folder();
    let pictures = folder.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    fs::write(pictures.join("cat.jpg"), [0xFF, 0xD8, 0xFF, 0xE0]).unwrap();
    let html = ["--html", "diff.html", "--pictures", "pictures"];
    let two = ["refs.json", "bad.json", "good.json"];
    let outcome = score(folder.path(), &[&two[..], &html[..]].concat());
    assert!(outcome.succeeded, "{}", outcome.errors);
    let page = fs::read_to_string(folder.path().join("diff.html")).unwrap();
    assert!(page.contains("bad against good"), "{page}");
    assert_eq!(page.matches("data:image/jpeg;base64,/9j/4A==").count(), 1);
    let (cat, dog) = (
        page.find(" car on a street").unwrap(),
        page.find("a dog</mark>").unwrap(),
    );
    assert!(cat < dog, "the greater difference comes first");
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[test]
fn what_is_missing_for_meteor_and_spice_is_said_and_the_rest_goes_on() {
    let folder = folder();
    let outcome = score(
        folder.path(),
        &["refs.json", "good.json", "--spice", "nowhere"],
    );
    assert!(
        outcome.succeeded && outcome.out.contains("CIDEr"),
        "{}",
        outcome.errors
    );
    let said = outcome.errors;
    assert!(
        said.contains("METEOR is left out") && said.contains("cargo xtask fetch"),
        "{said}"
    );
    assert!(
        said.contains("SPICE is left out: `nowhere/spice-1.0.jar` is not there"),
        "{said}"
    );
    let spice = folder.path().join("spice");
    fs::create_dir_all(spice.join("lib")).unwrap();
    fs::write(spice.join("spice-1.0.jar"), "").unwrap();
    let outcome = score(
        folder.path(),
        &["refs.json", "good.json", "--spice", "spice"],
    );
    assert!(
        outcome.errors.contains("stanford-corenlp"),
        "{}",
        outcome.errors
    );
    fs::write(spice.join("lib/stanford-corenlp-3.6.0-models.jar"), "").unwrap();
    let mut no_java = command(
        folder.path(),
        &["refs.json", "good.json", "--spice", "spice"],
    );
    no_java.env("PATH", folder.path());
    let outcome = run(no_java);
    assert!(outcome.succeeded, "{}", outcome.errors);
    assert!(
        outcome.errors.contains("Java cannot be started"),
        "{}",
        outcome.errors
    );
}

/// A stand-in for Java that gives every caption 0.5, but for the first, which has none.
#[cfg(unix)]
#[test]
fn spice_and_spider_come_from_the_java_tool() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    let spice = folder.path().join("spice");
    fs::create_dir_all(spice.join("lib")).unwrap();
    fs::write(spice.join("spice-1.0.jar"), "").unwrap();
    fs::write(spice.join("lib/stanford-corenlp-3.6.0-models.jar"), "").unwrap();
    let tools = folder.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let script = r#"#!/bin/sh
[ "$1" = -version ] && exit 0
while [ "$1" != -out ]; do shift; done
echo '[{"image_id": 1, "scores": {"All": {"f": 0.5}}}, {"image_id": 0, "scores": {"All": {"f": null}}}]' > "$2"
"#;
    fs::write(tools.join("java"), script).unwrap();
    fs::set_permissions(tools.join("java"), fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = [
        "refs.json",
        "good.json",
        "--spice",
        "spice",
        "--format",
        "json",
    ];
    let mut with_java = command(folder.path(), &arguments);
    let path = std::env::var("PATH").unwrap_or_default();
    with_java.env("PATH", format!("{}:{path}", tools.display()));
    let report = json(&run(with_java));
    let items = report["systems"][0]["items"].as_array().unwrap();
    let of = |item: usize, name: &str| items[item][name].as_f64().unwrap();
    assert_eq!((of(0, "SPICE"), of(1, "SPICE")), (0.0, 0.5));
    assert!((of(1, "SPIDEr") - f64::midpoint(of(1, "CIDEr"), 0.5)).abs() < 1e-12);
}

#[test]
fn saved_document_frequencies_give_the_scores_they_were_saved_with() {
    let folder = folder();
    let path = folder.path();
    let saved = score(
        path,
        &[
            "refs.json",
            "good.json",
            "--format",
            "json",
            "--save-idf",
            "idf.json",
        ],
    );
    let again = score(
        path,
        &[
            "refs.json",
            "good.json",
            "--format",
            "json",
            "--idf",
            "idf.json",
        ],
    );
    assert_eq!(cider(&saved), cider(&again));
    fs::write(path.join("idf.json"), r#"{"items": 1, "ngrams": {"a": 2}}"#).unwrap();
    let wrong = score(path, &["refs.json", "good.json", "--idf", "idf.json"]);
    assert!(
        !wrong.succeeded && wrong.errors.contains("`a` is in 2 of 1 items"),
        "{}",
        wrong.errors
    );
}

#[test]
fn references_in_the_training_text_are_counted() {
    let folder = folder();
    fs::write(
        folder.path().join("seen.txt"),
        "a dog runs on grass\nsomething\n",
    )
    .unwrap();
    let outcome = score(
        folder.path(),
        &["refs.json", "good.json", "--training", "seen.txt"],
    );
    let said =
        "1 of 4 references (25.0 %), of 1 image(s), stand word for word in the training text";
    assert!(outcome.errors.contains(said), "{}", outcome.errors);
}

#[test]
fn what_the_toolkit_does_in_silence_is_said() {
    let folder = folder();
    let twice = REFERENCES
        .replace(r#""images": ["#, r#""images": [{"id": 7}, "#)
        .replace("The dog is running.", "A dog runs on grass.");
    fs::write(folder.path().join("refs.json"), twice).unwrap();
    let empty = GOOD.replace("a dog runs on the grass", "");
    fs::write(folder.path().join("good.json"), empty).unwrap();
    let outcome = score(folder.path(), &["refs.json", "good.json"]);
    assert!(outcome.succeeded, "{}", outcome.errors);
    for said in [
        "lists 1 image(s) again; each counts once",
        "has 1 reference(s) twice for one image; both count",
        "1 caption(s) are empty; they score nothing",
    ] {
        assert!(
            outcome.errors.contains(said),
            "`{said}` is not in: {}",
            outcome.errors
        );
    }
}

#[test]
fn each_mistake_in_captions_is_one_sentence() {
    let refs = ("refs.json", REFERENCES.as_bytes());
    let results = |text: &'static str| ("a.json", text.as_bytes());
    refuses(
        refs,
        results(r#"[{"image_id": 9, "caption": "x"}]"#),
        &["a.json", "image 9"],
    );
    refuses(
        refs,
        results(r#"[{"image_id": 7, "caption": "x"}]"#),
        &["image 8 has no result"],
    );
    let twice = r#"[{"image_id": 7, "caption": "x"}, {"image_id": 7, "caption": "y"}]"#;
    refuses(
        refs,
        results(twice),
        &["image 7 has more than one result", "toolkit"],
    );
    refuses(
        refs,
        results("[\n {\"image_id\": 7,}]"),
        &["a.json", "line 2 column 17"],
    );
    refuses(
        refs,
        ("a.json", b"[\n\"\xFF\"]"),
        &["line 2, column 2 is not UTF-8"],
    );
    refuses(
        refs,
        ("a.txt", b"a dog\n"),
        &["a.txt", "1 lines", "2 images"],
    );
    refuses(
        refs,
        ("a.txt", b"a dog\na c\xFFt\n"),
        &["line 2 is not UTF-8"],
    );
}

#[test]
fn each_mistake_in_references_is_one_sentence() {
    let results = |text: &'static str| ("a.json", text.as_bytes());
    let lonely = r#"{"images": [{"id": 1}], "annotations": []}"#;
    let one = r#"[{"image_id": 1, "caption": "x"}]"#;
    refuses(
        ("r.json", lonely.as_bytes()),
        results(one),
        &["image 1 has no reference"],
    );
    let none = r#"{"images": [], "annotations": []}"#;
    refuses(
        ("r.json", none.as_bytes()),
        results("[]"),
        &["`r.json` has no references"],
    );
    refuses(
        ("r.csv", b"id,text\n1,x\n"),
        results(one),
        &["r.csv", "`id,text`", "`youtube_id`"],
    );
    refuses(
        ("r.csv", b"file_name,caption_1\na.wav,\n"),
        results(one),
        &["line 2", "`a.wav`"],
    );
    refuses(
        ("r.json", b"{\n]"),
        results(one),
        &["r.json", "line 2 column 1"],
    );
}

#[test]
fn a_subset_is_scored_when_asked_for() {
    let folder = folder();
    let some = r#"[{"image_id": 8, "caption": "a cat sleeps on a red sofa"}]"#;
    fs::write(folder.path().join("some.json"), some).unwrap();
    let outcome = score(folder.path(), &["refs.json", "some.json", "--subset"]);
    assert!(
        outcome.succeeded && outcome.out.contains("over 1 images"),
        "{}",
        outcome.errors
    );
    let outcome = score(
        folder.path(),
        &["refs.json", "some.json", "good.json", "--subset"],
    );
    assert!(
        outcome.errors.contains("captions other images"),
        "{}",
        outcome.errors
    );
}
