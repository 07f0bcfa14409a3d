//! What nobody can measure: each mistake gets one sentence, and names the file and its row.

use std::fs;
use std::path::Path;

use super::{clip_retrieval, fixture, measure, npy, pairs};

pub(super) fn refuses(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let output = measure(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn every_bad_input_gets_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let all = pairs(20);
    let whole = npy(path, "whole.npy", "(2, 20, 8)", &all);
    let bytes = fs::read(whole).unwrap();
    fs::write(path.join("cut.npy"), &bytes[..300]).unwrap();
    refuses(path, &["cut.npy"], &["cut.npy", "promises 1280 bytes"]);
    npy(path, "more.npy", "(99999999999, 8)", &all);
    refuses(path, &["more.npy"], &["more.npy", "cut off"]);
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n";
    let mut pickle = b"\x93NUMPY\x01\x00".to_vec();
    pickle.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    pickle.extend(header.as_bytes());
    fs::write(path.join("objects.npy"), pickle).unwrap();
    refuses(
        path,
        &["objects.npy"],
        &["objects.npy", "pickled Python objects"],
    );
    let mut broken = all.clone();
    broken[13] = f32::NAN;
    npy(path, "nan.npy", "(2, 20, 8)", &broken);
    refuses(path, &["nan.npy"], &["nan.npy", "row 1, column 5"]);
    broken[8..16].fill(0.0);
    npy(path, "zero.npy", "(2, 20, 8)", &broken);
    let zero = ["zero.npy", "row 1 has length zero"];
    refuses(path, &["zero.npy"], &zero);
    refuses(path, &["zero.npy", "--as-they-are"], &zero);
    npy(path, "one.npy", "(1, 8)", &all[..8]);
    refuses(path, &["one.npy"], &["`one.npy` has 1 row; at least 2"]);
    npy(path, "pair.npy", "(2, 1, 8)", &all[..16]);
    refuses(path, &["pair.npy"], &["`pair.npy` has 1 row; at least 4"]);
    npy(path, "none.npy", "(0, 8)", &[]);
    refuses(path, &["none.npy"], &["`none.npy` has 0 rows"]);
    npy(path, "flat.npy", "(8,)", &all[..8]);
    refuses(path, &["flat.npy"], &["flat.npy", "shape [8]"]);
    let parquet = fs::read(fixture("zstd")).unwrap();
    fs::write(path.join("cut.parquet"), &parquet[..500]).unwrap();
    refuses(path, &["cut.parquet"], &["cut.parquet", "cut off"]);
    npy(path, "narrow.npy", "(40, 4)", &all[..160]);
    npy(path, "x.npy", "(20, 8)", &all[..160]);
    refuses(path, &["x.npy", "narrow.npy"], &["widths differ", "8", "4"]);
    npy(path, "same.npy", "(2, 20, 8)", &[1.0; 320]);
    refuses(path, &["same.npy"], &["`same.npy`: all rows are the same"]);
    fs::write(path.join("no.safetensors"), b"nothing").unwrap();
    refuses(path, &["no.safetensors"], &["not a safetensors file"]);
    refuses(path, &["absent.npy"], &["absent.npy"]);
    refuses(path, &[], &["nothing to measure"]);
}

#[test]
fn what_cannot_be_asked_gets_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    npy(path, "space.npy", "(2, 20, 8)", &pairs(20));
    let asked: [(&[&str], &[&str]); 6] = [
        (
            &["space.npy", "--columns", "a"],
            &["names columns of Parquet", "`space.npy` is none"],
        ),
        (
            &["space.npy", "--group", "11"],
            &["two groups of 11", "the 20 pairs", "--group"],
        ),
        (&["space.npy", "--group", "0"], &["two groups of 0"]),
        (
            &["space.npy", "--sample", "3"],
            &["at least 4 items, found 3"],
        ),
        (
            &["--merge", "space.npy"],
            &["`--merge` takes files that `--moments` wrote", "space.npy"],
        ),
        (
            &["--experiment", "contrastive", "--width", "8"],
            &["width 8 has no room for 25 dimensions of one modality and 230"],
        ),
    ];
    for (arguments, parts) in asked {
        refuses(path, arguments, parts);
    }
}

#[test]
fn metadata_without_captions_gets_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let advice = "--captions FILE";
    clip_retrieval(path, 10, "two");
    let no_column = ["0.parquet", "no column `caption` holds texts", advice];
    refuses(path, &[".", "--probe"], &no_column);
    clip_retrieval(path, 7, "captions");
    let null = ["0.parquet", "row 5 of column `caption` is null", advice];
    refuses(path, &[".", "--probe"], &null);
    assert!(measure(path, &["."]).status.success()); // nobody asked for them
    clip_retrieval(path, 8, "captions");
    let counts = ["0.parquet` describes 7 rows and", "0.npy` holds 8"];
    refuses(path, &[".", "--probe"], &counts);
}
