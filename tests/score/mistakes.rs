//! What can be wrong with captions and references, and what is only worth saying.

use std::fs;

use super::user::{GOOD, REFERENCES, folder, score};

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
