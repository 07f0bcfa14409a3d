//! `measure` on files that no run made: what it says, what it refuses, and shards.

#[path = "measure/mistakes.rs"]
mod mistakes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mistakes::refuses;

const DIM: usize = 8;

/// Pairs `[2, n, 8]` that share a signal, with a gap: a wave of its own for every value.
fn pairs(n: usize) -> Vec<f32> {
    let wave = |step: f32, row: usize, column: usize| {
        ((row * DIM + column) as f32 * step).sin() + (row as f32 * step * 7.3).cos() / 2.0
    };
    let side = |offset: f32, step: f32| {
        (0..n * DIM).map(move |at| {
            let (row, column) = (at / DIM, at % DIM);
            let shift = if column == 0 { offset } else { 0.0 };
            wave(1.37, row, column) + 0.5 * wave(step, row, column) + shift
        })
    };
    side(3.0, 2.11).chain(side(-3.0, 0.83)).collect()
}

/// A `.npy` file of f32.
fn npy(folder: &Path, name: &str, shape: &str, values: &[f32]) -> PathBuf {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn measure(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let command = command.current_dir(folder).arg("measure").args(arguments);
    command.output().expect("the command line starts")
}

fn geometry(folder: &Path) -> serde_json::Value {
    let bytes = fs::read(folder.join("geometry.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn pairs_get_a_verdict_a_page_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    npy(folder.path(), "space.npy", "(2, 100, 8)", &pairs(100));
    let output = measure(folder.path(), &["space.npy"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(said.starts_with("Collapse helps"), "{said}");
    let out = folder.path().join("geometry");
    let found = geometry(&out);
    assert_eq!(found["format"], "c3-geometry");
    assert_eq!(found["verdict"]["outcome"], "collapse_and_corrupt");
    let page = fs::read_to_string(out.join("geometry.html")).unwrap();
    assert!(
        page.contains("Collapse helps") && !page.contains("src=\"http"),
        "{page}"
    );
    for name in [
        "sigma",
        "stable-region",
        "loss-by-temperature",
        "before-collapse",
    ] {
        let svg = fs::read_to_string(out.join(format!("pictures/{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg xmlns"), "{svg}");
        let png = fs::read(out.join(format!("pictures/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 2000, "{name}");
    }
}

#[test]
fn shards_in_any_order_and_split_give_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let all = pairs(90);
    let (x, y) = all.split_at(90 * DIM);
    npy(folder.path(), "all.npy", "(2, 90, 8)", &all);
    for (name, rows) in [("a", 0..11), ("b", 11..60), ("c", 60..90)] {
        let part = rows.start * DIM..rows.end * DIM;
        let values = [&x[part.clone()], &y[part]].concat();
        npy(
            folder.path(),
            &format!("{name}.npy"),
            &format!("(2, {}, 8)", rows.len()),
            &values,
        );
        let file = format!("{name}.npy");
        let output = measure(folder.path(), &[&file, "--moments", name]);
        assert!(output.status.success(), "{output:?}");
    }
    for (out, parts) in [("first", ["a", "b", "c"]), ("second", ["c", "a", "b"])] {
        let merge = ["--out", out, "--merge", parts[0], parts[1], parts[2]];
        assert!(measure(folder.path(), &merge).status.success());
    }
    assert!(
        measure(folder.path(), &["all.npy", "--out", "whole"])
            .status
            .success()
    );
    let of = |name: &str| {
        let found = geometry(&folder.path().join(name));
        (
            found["sides"].clone(),
            found["noise"]["spectrum"].clone(),
            found["gap"].clone(),
        )
    };
    assert_eq!(of("first"), of("second"));
    assert_eq!(of("first"), of("whole"));
}

#[test]
fn unpaired_files_get_means_and_spectra_and_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let all = pairs(40);
    npy(folder.path(), "x.npy", "(40, 8)", &all[..320]);
    npy(folder.path(), "y.npy", "(30, 8)", &all[320..560]);
    refuses(
        folder.path(),
        &["x.npy", "y.npy"],
        &["`x.npy` has 40 and `y.npy` has 30", "--unpaired"],
    );
    let output = measure(folder.path(), &["x.npy", "y.npy", "--unpaired"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("no verdict and no sigma"), "{said}");
    assert!(geometry(&folder.path().join("geometry"))["verdict"].is_null());
}

#[test]
fn several_captions_of_an_item_bound_sigma_without_a_pair() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let all = pairs(60);
    npy(path, "x.npy", "(50, 8)", &all[..400]);
    npy(path, "y.npy", "(60, 8)", &all[480..]);
    let items: String = (0..60).map(|row| format!("item {}\n", row / 3)).collect();
    fs::write(path.join("items.txt"), items).unwrap();
    let unpaired = ["x.npy", "y.npy", "--unpaired", "--items", "items.txt"];
    let output = measure(path, &unpaired);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("no verdict and no sigma"), "{said}{output:?}");
    assert!(said.contains("captions of one of 20 items"), "{said}");
    let found = geometry(&path.join("geometry"));
    assert_eq!(found["spread"]["items"], 20);
    assert!(found["verdict"].is_null());
    fs::write(path.join("few.txt"), "one\n").unwrap();
    refuses(
        path,
        &["x.npy", "y.npy", "--unpaired", "--items", "few.txt"],
        &["few.txt", "1 lines", "60 rows"],
    );
}

#[test]
fn a_probe_ranks_corruptions_by_the_words_found_in_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    npy(path, "space.npy", "(2, 120, 8)", &pairs(120));
    refuses(path, &["space.npy", "--probe"], &["--captions"]);
    // A word for the sign of each of the first dimensions, of the caption's own embedding.
    let values = pairs(120);
    let words = ["red", "blue", "wide", "round"];
    let captions: String = values[960..]
        .chunks(DIM)
        .map(|row| {
            let of = |at: usize| {
                if row[at + 1] > 0.0 {
                    words[at]
                } else {
                    "plain"
                }
            };
            format!("a {} {} {} {} thing\n", of(0), of(1), of(2), of(3))
        })
        .collect();
    fs::write(path.join("captions.txt"), captions).unwrap();
    let output = measure(
        path,
        &["space.npy", "--probe", "--captions", "captions.txt"],
    );
    assert!(output.status.success(), "{output:?}");
    let found = geometry(&path.join("geometry"))["probe"].clone();
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 15, "{rows:?}");
    let value = |row: &serde_json::Value| row["mean_average_precision"][1].as_f64().unwrap();
    assert!(rows.windows(2).all(|two| value(&two[0]) >= value(&two[1])));
    assert!(value(&rows[0]) > 0.5, "{rows:?}");
    assert!(path.join("geometry/pictures/probe.png").exists());
    let page = fs::read_to_string(path.join("geometry/geometry.html")).unwrap();
    assert!(page.contains("Which noise helps"), "{page}");
}

#[test]
fn the_verdict_on_rows_as_they_are_is_on_their_directions() {
    let folder = tempfile::tempdir().unwrap();
    let mut far = pairs(100);
    far.iter_mut().for_each(|value| *value *= 50.0);
    npy(folder.path(), "far.npy", "(2, 100, 8)", &far);
    let of = |more: &[&str]| {
        let output = measure(folder.path(), &[&["far.npy"], more].concat());
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let gap = geometry(&folder.path().join("geometry"))["gap"].as_f64();
        (said.lines().next().unwrap().to_owned(), gap.unwrap())
    };
    let (unit, as_they_are) = (of(&[]), of(&["--as-they-are"]));
    assert_eq!(unit.0, as_they_are.0);
    assert!(as_they_are.1 > 100.0 && unit.1 < 2.0);
}

/// A folder as clip-retrieval writes it, of pairs whose texts know the words of `told.parquet`.
fn clip_retrieval(path: &Path, n: usize, metadata: &str) {
    for name in ["img_emb", "text_emb", "metadata"] {
        fs::create_dir_all(path.join(name)).unwrap();
    }
    let values = pairs(n);
    let (x, y) = values.split_at(n * DIM);
    for (folder, side) in [("img_emb", x), ("text_emb", y)] {
        let mut side = side.to_vec();
        for (at, value) in side.iter_mut().enumerate() {
            let (row, column) = (at / DIM, at % DIM);
            let told = if row << 1 >> column & 1 == 1 {
                2.0
            } else {
                -2.0
            };
            *value += if (1..=4).contains(&column) { told } else { 0.0 };
        }
        npy(&path.join(folder), "0.npy", &format!("({n}, {DIM})"), &side);
    }
    fs::copy(fixture(metadata), path.join("metadata/0.parquet")).unwrap();
}

#[test]
fn a_probe_takes_captions_from_the_metadata_beside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    clip_retrieval(path, 120, "told");
    let output = measure(path, &[".", "--probe"]);
    assert!(output.status.success(), "{output:?}");
    let found = geometry(&path.join("geometry"))["probe"].clone();
    // The word of the first bit is of odd rows alone, and those are tested on.
    assert_eq!(found["words"], 3, "{found}");
    let best = found["rows"][0]["mean_average_precision"][1].as_f64();
    assert!(best.unwrap() > 0.9, "{found}");
    // Of a sample the captions of its own rows, and a file that was named goes first.
    let output = measure(path, &[".", "--probe", "--sample", "60"]);
    assert!(output.status.success(), "{output:?}");
    fs::write(path.join("few.txt"), "one\n").unwrap();
    let named = [".", "--probe", "--captions", "few.txt"];
    refuses(path, &named, &["few.txt", "1 lines", "120 rows"]);
}

#[test]
fn fewer_rows_than_dimensions_and_a_constant_dimension_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let mut few = pairs(6);
    few.iter_mut()
        .skip(5)
        .step_by(DIM)
        .for_each(|value| *value = 1.0);
    npy(folder.path(), "few.npy", "(2, 6, 8)", &few);
    let output = measure(folder.path(), &["few.npy", "--as-they-are"]);
    assert!(output.status.success(), "{output:?}");
    let found = geometry(&folder.path().join("geometry"));
    let constant = found["sides"][0]["variances"][5].as_f64().unwrap();
    assert!(constant < 1e-9, "{constant}");
}

/// A file that pyarrow wrote; row `r` holds `r`, `r + 0.25`, `r + 0.5` and `r + 0.75`.
fn fixture(name: &str) -> String {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/c3-datasets/tests/fixtures"
    );
    format!("{folder}/{name}.parquet")
}

#[test]
fn a_column_of_parquet_is_measured_as_the_same_rows_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..10).flat_map(|row| (0..4).map(move |at| row as f32 + at as f32 / 4.0));
    let rows: Vec<f32> = rows.collect();
    npy(folder.path(), "rows.npy", "(10, 4)", &rows);
    let of = |path: &str, more: &[&str]| {
        let arguments = [&[path, "--as-they-are", "--out", "out"], more].concat();
        let output = measure(folder.path(), &arguments);
        assert!(output.status.success(), "{output:?}");
        geometry(&folder.path().join("out"))["sides"].clone()
    };
    let expected = of("rows.npy", &[]);
    assert_eq!(of(&fixture("snappy"), &[]), expected);
    assert_eq!(of(&fixture("two"), &["--columns", "image"]), expected);
    let both = of(
        &fixture("two"),
        &["--unpaired", "--columns", "image", "text"],
    );
    assert_eq!(both[0], expected[0]);
    refuses(
        folder.path(),
        &[&fixture("two")],
        &["two.parquet", "name one of `image`, `text`"],
    );
    refuses(
        folder.path(),
        &[&fixture("ragged")],
        &["ragged.parquet", "row 6 of column `embedding`"],
    );
}

/// Threads read rows beside each other, and more than one meets something wrong.
#[test]
fn of_several_wrong_rows_the_first_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut values = vec![1.0; 4000 * DIM];
    for row in [1300, 1700, 3900] {
        values[row * DIM..(row + 1) * DIM].fill(0.0);
    }
    npy(folder.path(), "rows.npy", "(4000, 8)", &values);
    let named = ["rows.npy", "row 1300 "];
    refuses(folder.path(), &["rows.npy"], &named);
    refuses(folder.path(), &["rows.npy", "--moments", "kept"], &named);
    assert!(!folder.path().join("kept").exists());
    values[1299 * DIM + 3] = f32::NAN;
    npy(folder.path(), "rows.npy", "(4000, 8)", &values);
    refuses(folder.path(), &["rows.npy"], &["row 1299, column 3"]);
}

#[test]
fn rows_on_one_line_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let value = |at: usize| {
        let (row, column) = (at / DIM, at % DIM);
        ((row as f32 * 1.7).sin() + 0.1) * (column as f32 - 3.5)
    };
    let line: Vec<f32> = (0..2 * 20 * DIM).map(value).collect();
    npy(folder.path(), "line.npy", "(2, 20, 8)", &line);
    let output = measure(folder.path(), &["line.npy", "--as-they-are"]);
    assert!(output.status.success(), "{output:?}");
    let found = geometry(&folder.path().join("geometry"));
    assert_eq!(found["sides"][0]["effective_dimension"]["0.99"], 1);
}

#[test]
fn an_experiment_prints_its_table_and_keeps_its_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [
        "--pairs",
        "16",
        "--width",
        "16",
        "--effective",
        "2",
        "6",
        "--steps",
        "50",
    ];
    let mut arguments = vec!["--experiment", "contrastive", "--temperature", "0.07,0.5"];
    arguments.extend(sizes);
    let output = measure(folder.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("in constant block"));
    let out = folder.path().join("geometry");
    assert!(out.join("contrastive.json").exists() && out.join("gap-by-temperature.svg").exists());
}
