//! Parquet files as pyarrow writes them; `fixtures/parquet.py` made them.
#![cfg(feature = "parquet")]

use std::fs::File;

use c3_datasets::DatasetError;
use c3_datasets::vectors::{Kind, parquet};

const ROWS: usize = 10;
const WIDTH: usize = 4;

fn file(name: &str) -> File {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    File::open(format!("{folder}/{name}.parquet")).unwrap()
}

fn open(name: &str, column: Option<&str>) -> Result<parquet::Rows<File>, DatasetError> {
    parquet::open(file(name), column)
}

/// What the script wrote: the row, and quarters.
fn written(first: usize, rows: usize) -> Vec<f32> {
    let row = |row: usize| (0..WIDTH).map(move |column| row as f32 + column as f32 / 4.0);
    (first..first + rows).flat_map(row).collect()
}

#[test]
fn every_kind_and_compression_is_read() {
    let files = [
        ("snappy", Kind::F16),
        ("zstd", Kind::F32),
        ("gzip", Kind::F64),
        ("lz4", Kind::F32),
    ];
    for (name, kind) in files {
        let rows = open(name, None).unwrap();
        assert_eq!((rows.n_rows(), rows.n_columns()), (ROWS, WIDTH), "{name}");
        assert_eq!(rows.kind(), kind, "{name}");
        let mut all = vec![0.0; ROWS * WIDTH];
        rows.read(0, &mut all).unwrap();
        assert_eq!(all, written(0, ROWS), "{name}");
    }
}

#[test]
fn rows_are_read_from_anywhere_forwards_and_back() {
    let rows = open("snappy", Some("embedding")).unwrap();
    for (first, n) in [(2, 5), (7, 1), (9, 1), (8, 2), (0, 1), (3, 6)] {
        let mut some = vec![0.0; n * WIDTH];
        rows.read(first, &mut some).unwrap();
        assert_eq!(some, written(first, n), "{first}");
    }
    let said = rows.read(9, &mut [0.0; 2 * WIDTH]).unwrap_err();
    assert_eq!(
        said.to_string(),
        "the file promises 10 rows and ends before row 10"
    );
}

#[test]
fn of_two_columns_one_has_to_be_named() {
    let said = |column| open("two", column).err().unwrap().to_string();
    assert_eq!(
        said(None),
        "several columns are lists of numbers; name one of `image`, `text`"
    );
    let other = said(Some("audio"));
    assert!(other.starts_with("no column `audio`") && other.contains("`image`, `text`"));
    let mut row = vec![0.0; WIDTH];
    open("two", Some("text"))
        .unwrap()
        .read(3, &mut row)
        .unwrap();
    assert_eq!(row, [-3.0, -3.25, -3.5, -3.75]);
    let none = open("none", None).err().unwrap().to_string();
    assert_eq!(none, "no column is a list of f16, f32 or f64");
}

#[test]
fn lists_of_other_lengths_and_nulls_name_their_row() {
    for (name, found) in [("ragged", 1), ("null", 0), ("hole", 1)] {
        let rows = open(name, None).unwrap();
        let said = rows.read(0, &mut [0.0; 14]).unwrap_err().to_string();
        let expected =
            format!("row 6 of column `embedding` holds {found} numbers; the first row holds 2");
        assert_eq!(said, expected);
    }
    let said = open("empty", None).err().unwrap().to_string();
    assert!(said.contains("no rows"), "{said}");
}

#[test]
fn rows_of_one_path_are_of_one_item() {
    let items = parquet::items(file("metadata")).unwrap().unwrap();
    assert_eq!(items.len(), 7);
    assert_eq!((items[0], items[1]), (items[2], items[5]));
    assert!(items[0] != items[1] && items[1] != items[4]);
    assert_eq!((items[3], items[6]), (None, None));
    assert_eq!(parquet::items(file("none")).unwrap(), None);
    assert_eq!(parquet::count(file("metadata")).unwrap(), 7);
}

#[test]
fn captions_of_the_rows_that_are_asked_for() {
    let of = |name, rows: &[usize]| parquet::captions(file(name), rows);
    assert_eq!(
        of("captions", &[0, 4, 6]).unwrap(),
        ["row 0", "row 4", "row 6"]
    );
    assert_eq!(of("captions", &[]).unwrap(), [""; 0]);
    let said = |name, rows: &[usize]| of(name, rows).unwrap_err().to_string();
    let null = said("captions", &[0, 5]);
    assert_eq!(null, "row 5 of column `caption` is null, or not UTF-8");
    let bytes = said("bytes", &[0, 1]);
    assert_eq!(bytes, "row 1 of column `caption` is null, or not UTF-8");
    assert_eq!(said("two", &[0]), "no column `caption` holds texts");
}

#[test]
fn what_is_no_parquet_file_is_refused() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/parquet.py");
    let said = parquet::open(File::open(script).unwrap(), None)
        .err()
        .unwrap();
    assert_eq!(said.to_string(), "not a Parquet file, or cut off");
}

/// What the fuzz target `parquet` found: each once made the reader panic.
#[test]
fn what_broke_the_reader_once_is_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/broken");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let open = || File::open(&path).unwrap();
        let texts = parquet::items(open()).and_then(|_| parquet::captions(open(), &[]));
        let rows = texts.and_then(|_| parquet::open(open(), None));
        let read = rows.and_then(|rows| rows.read(0, &mut vec![0.0; rows.n_columns()]));
        let said = read.unwrap_err().to_string();
        assert_eq!(said, "not a Parquet file, or cut off", "{}", path.display());
        files += 1;
    }
    assert!(files > 0);
}
