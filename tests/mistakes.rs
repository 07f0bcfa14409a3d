//! What users get wrong: each mistake gets one sentence, and finished work survives.

#[path = "mistakes/pretrained.rs"]
mod pretrained;

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// A recipe of photos that needs no weights: pixels and hashed words behind tiny towers.
const SMALL: [&str; 17] = [
    "data.valid_pictures=1",
    "encode.image={kind=\"pixels\", side=8}",
    "encode.text={kind=\"hashed_words\", n_buckets=32}",
    "connect.d_embed=8",
    "connect.image.d_hidden=8",
    "connect.text.d_hidden=8",
    "connect.training.epochs=1",
    "connect.training.batch_size=2",
    "decoder.d_model=8",
    "decoder.n_layers=1",
    "decoder.n_heads=1",
    "decoder.tokenizer={kind=\"words\", min_count=1}",
    "training.epochs=1",
    "training.batch_size=2",
    "transform.sigma=0.1",
    "run.seeds=[1]",
    "decoding.beam=1",
];

fn xtask(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .current_dir(folder)
        .env("C3_CACHE", folder.join("cache"));
    command
}

fn training(folder: &Path, extra: &[&str]) -> Command {
    let mut command = xtask(folder);
    command.args([
        "train", "--recipe", "flickr8k", "--data", "photos", "--device", "cpu",
    ]);
    SMALL.iter().for_each(|setting| {
        command.args(["--set", setting]);
    });
    command.args(["--out", "run"]).args(extra);
    command
}

fn train_photos(folder: &Path, extra: &[&str]) -> Output {
    let output = training(folder, extra).output();
    output.expect("the command line starts")
}

/// A training that goes on, of which the errors are heard.
fn started(folder: &Path, setting: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = training(folder, &["--set", setting])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = child.stderr.take().expect("piped");
    (child, BufReader::new(said).lines())
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Six photos of two captions each, four to learn from and two to measure on.
fn photos(folder: &Path) {
    let images = folder.join("photos/images");
    fs::create_dir_all(&images).unwrap();
    let mut table = "image\tcaption\n".to_owned();
    let pictures = c3_datasets::emoji::entries().filter_map(|entry| match entry.sample.picture {
        c3_datasets::Picture::Embedded(bytes) => Some(bytes),
        c3_datasets::Picture::File(_) => None,
    });
    for (at, bytes) in pictures.take(6).enumerate() {
        fs::write(images.join(format!("{at}.png")), bytes).unwrap();
        table += &format!("{at}.png\ta face number {at} .\n{at}.png\tone of {at} faces .\n");
    }
    fs::write(folder.join("photos/captions.tsv"), table).unwrap();
    fs::write(
        folder.join("photos/train.txt"),
        "0.png\n1.png\n2.png\n3.png\n",
    )
    .unwrap();
    fs::write(folder.join("photos/dev.txt"), "4.png\n5.png\n").unwrap();
}

fn refuses(folder: &Path, parts: &[&str]) {
    let output = train_photos(folder, &[]);
    let said = errors(&output);
    assert!(!output.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn a_missing_an_empty_and_a_captionless_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["photos` is not a folder"]);
    photos(folder.path());
    fs::remove_file(folder.path().join("photos/captions.tsv")).unwrap();
    refuses(folder.path(), &["neither `captions.tsv` nor"]);
    fs::remove_dir_all(folder.path().join("photos/images")).unwrap();
    fs::create_dir_all(folder.path().join("photos/images")).unwrap();
    refuses(folder.path(), &["images` is empty"]);
    assert!(
        !folder.path().join("run").exists(),
        "nothing half-begun stays behind"
    );
}

#[test]
fn captions_and_pictures_that_do_not_match_are_counted_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let photos = folder.path().join("photos");
    fs::remove_file(photos.join("images/1.png")).unwrap();
    fs::copy(photos.join("images/0.png"), photos.join("images/stray.png")).unwrap();
    let output = train_photos(folder.path(), &[]);
    let said = errors(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("pictures that captions name are not there: 1: 1.png"),
        "{said}"
    );
    assert!(
        said.contains("pictures have no caption: 1: stray.png"),
        "{said}"
    );
}

#[test]
fn a_wrong_row_names_the_file_the_line_and_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let table = folder.path().join("photos/captions.tsv");
    fs::write(&table, "image\tcaption\n0.png a face without a tab\n").unwrap();
    refuses(folder.path(), &["captions.tsv", "line 2", "tab"]);
    fs::write(&table, b"image\tcaption\n0.png\ta face \xFF\n").unwrap();
    refuses(folder.path(), &["captions.tsv", "line 2 is not UTF-8"]);
}

#[test]
fn a_damaged_and_a_hostile_picture_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let picture = folder.path().join("photos/images/2.png");
    let whole = fs::read(&picture).unwrap();
    fs::write(&picture, &whole[..whole.len() / 2]).unwrap();
    refuses(folder.path(), &["2.png"]);
    fs::remove_dir_all(folder.path().join("run")).unwrap();
    fs::write(&picture, enormous(&whole)).unwrap();
    refuses(folder.path(), &["2.png", "100000x100000"]);
}

/// The picture with a header that claims 100,000 pixels a side, its check sum made right.
fn enormous(whole: &[u8]) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    bytes[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&100_000_u32.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(sum & 1))
        })
    })
}

#[test]
fn a_setting_that_cannot_be_is_refused_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    for (setting, part) in [
        ("training.parts=0", "`training`: setting `parts` is 0"),
        ("training.learning_rate=0", "setting `learning_rate` is 0"),
        (
            "connect.training.batch_size=1",
            "`connect.training`: setting `batch_size` is 1",
        ),
        ("connect.d_embed=0", "`connect`: setting `d_embed` is 0"),
        ("connect.text.dropout=1.0", "setting `dropout` is 1"),
        ("decoder.n_heads=3", "`decoder`: setting `"),
        ("decoding.beam=0", "`decoding`: setting `beam` is 0"),
        (
            "fine_tuning.training.epochs=0",
            "`fine_tuning.training`: setting `epochs` is 0",
        ),
    ] {
        let output = train_photos(folder.path(), &["--set", setting]);
        let said = errors(&output);
        assert!(!output.status.success() && said.contains(part), "{said}");
        assert!(!folder.path().join("cache").exists(), "{setting}: {said}");
        assert!(!folder.path().join("run").exists(), "{setting}: {said}");
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_names_the_step() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let extra = [
        "--set",
        "training.learning_rate=1e30",
        "--set",
        "training.epochs=4",
    ];
    let output = train_photos(folder.path(), &extra);
    let said = errors(&output);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("loss is") && said.contains("at step"),
        "{said}"
    );
    assert!(
        folder.path().join("run/towers.safetensors").exists(),
        "finished work survives"
    );
}

#[test]
fn a_damaged_model_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let output = train_photos(folder.path(), &[]);
    assert!(output.status.success(), "{}", errors(&output));
    let caption = |model: &str| {
        let mut command = xtask(folder.path());
        command.args([
            "caption",
            "--model",
            model,
            "photos/images/0.png",
            "--device",
            "cpu",
        ]);
        command.output().expect("the command line starts")
    };
    let model = folder.path().join("run/models/C3-seed1");
    assert!(caption("run/models/C3-seed1").status.success());
    fs::write(model.join("model.safetensors"), b"nothing").unwrap();
    let said = errors(&caption("run/models/C3-seed1"));
    assert!(said.contains("model.safetensors"), "{said}");
    fs::remove_file(model.join("tokenizer.json")).unwrap();
    let said = errors(&caption("run/models/C3-seed1"));
    assert!(
        said.contains("model.safetensors") || said.contains("tokenizer.json"),
        "{said}"
    );
}

#[test]
fn a_killed_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let (mut child, lines) = started(folder.path(), "training.epochs=200");
    let mut fitted = false;
    for line in lines {
        if line.unwrap().starts_with("fit: done") {
            fitted = true;
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(fitted, "the run came as far as the decoders");

    let resumed = xtask(folder.path())
        .args(["train", "--resume", "run", "--device", "cpu"])
        .output()
        .expect("the command line starts");
    let said = errors(&resumed);
    assert!(resumed.status.success(), "{said}");
    assert!(said.contains("connect: finished before"), "{said}");
    assert!(folder.path().join("run/report.html").exists());
    let leftovers = fs::read_dir(folder.path().join("run/models")).unwrap();
    let whole = leftovers.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(whole.into_iter().all(|name| !name.contains("partial")));
}

/// Ctrl-C in the middle of Connect leaves what is finished, and says how to go on.
#[cfg(unix)]
#[test]
fn a_stopped_run_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    let (mut child, lines) = started(folder.path(), "connect.training.epochs=100000");
    let mut said = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if line.starts_with("encode: done") {
            let pid = child.id().to_string();
            let sent = Command::new("kill").args(["-INT", &pid]).status();
            assert!(sent.expect("there is `kill`").success());
        }
        said.push(line);
    }
    assert!(!child.wait().unwrap().success());
    assert_eq!(
        said.last().map(String::as_str),
        Some("error: stopped; go on with `cargo xtask train --resume run`"),
        "{said:?}"
    );
    assert!(
        folder
            .path()
            .join("run/features/train-images.safetensors")
            .exists()
    );
    assert!(!folder.path().join("run/towers.safetensors").exists());
}
