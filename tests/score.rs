//! The step `score` from outside: every kind of file, every way to print, every mistake.

#[path = "score/mistakes.rs"]
mod mistakes;
#[path = "score/tools.rs"]
mod tools;
#[path = "score/user.rs"]
mod user;

use std::fs;

use user::{cider, folder, json, score};

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
