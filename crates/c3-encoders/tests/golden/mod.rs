//! What the reference made of our inputs; `reference.py` beside this file wrote it all.

#![expect(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::path::{Path, PathBuf};

use c3_geometry::Embeddings;

/// Both sides compute in f32; sums run in another order.
pub const TOLERANCE: f32 = 1e-4;

/// Where a golden file lies: cargo runs a test in the folder of its crate, wherever that is now.
pub fn path(name: &str) -> PathBuf {
    Path::new("tests/golden").join(name)
}

/// The 32 pictures, in the order of their names: name and bytes.
pub fn pictures() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(path("pictures")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let named = files.into_iter().map(|file| {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(file).unwrap())
    });
    named.collect()
}

/// The 256 captions; tabs and line ends are escaped in the file.
pub fn captions() -> Vec<String> {
    let text = fs::read_to_string(path("captions.txt")).unwrap();
    text.lines()
        .map(|line| line.replace("\\n", "\n").replace("\\t", "\t"))
        .collect()
}

/// Reads a NumPy file of little-endian f32, `[rows, dim]`.
pub fn rows(name: &str, dim: usize) -> Embeddings {
    let bytes = fs::read(path(name)).unwrap();
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let description = str::from_utf8(&bytes[10..10 + header]).unwrap();
    assert!(description.contains("'descr': '<f4', 'fortran_order': False"));
    assert!(description.contains(&format!(", {dim})")), "{description}");
    let values = bytes[10 + header..].chunks_exact(4);
    let values = values.map(|value| f32::from_le_bytes(value.try_into().unwrap()));
    Embeddings::new(values.collect(), dim).unwrap()
}

/// Compares every value; names the worst.
pub fn assert_close(ours: &Embeddings, golden: &Embeddings) {
    assert_eq!((ours.len(), ours.dim()), (golden.len(), golden.dim()));
    let pairs = ours.as_slice().iter().zip(golden.as_slice());
    let worst = pairs
        .enumerate()
        .map(|(index, (a, b))| ((a - b).abs(), index / ours.dim()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap();
    println!("largest difference {:e}, in row {}", worst.0, worst.1);
    assert!(
        worst.0 < TOLERANCE,
        "row {} differs by {:e}",
        worst.1,
        worst.0
    );
}

/// Where published weights lie, if they were fetched; says so if they were not.
pub fn weights(name: &str) -> Option<PathBuf> {
    let folder = cache()?.join("weights").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("DID NOT RUN: no weights in `{}`", folder.display());
    None
}

fn cache() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("C3_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("c3")))
        .or_else(|| Some(variable("HOME")?.join(".cache/c3")))
}
