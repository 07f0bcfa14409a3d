//! What other tools bring: the tables of METEOR, and SPICE in Java.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::user::{GOOD, command, folder, json, run, score};

/// Puts the small tables of the tests where a fetch leaves those of METEOR.
fn fetched_tables(folder: &Path) -> PathBuf {
    let tables = Path::new("../crates/c3-metrics/tests/golden/meteor"); // cargo runs us in xtask/
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
