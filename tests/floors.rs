//! Guards the floors: a crate depends on lower floors only, and the ground pulls no burn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const GROUND: [&str; 4] = ["c3-datasets", "c3-geometry", "c3-kernels", "c3-metrics"];
const MIDDLE: [&str; 4] = [
    "c3-artifacts",
    "c3-decoders",
    "c3-encoders",
    "c3-transforms",
];
const ROOF: [&str; 1] = ["xtask"];

/// What the middle floor may use of the ground.
const BELOW_MIDDLE: [&str; 3] = ["c3-datasets", "c3-geometry", "c3-kernels"];

fn metadata() -> Value {
    let output = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ]);
    serde_json::from_str(&output).expect("cargo writes JSON")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn root() -> &'static Path {
    Path::new("..") // cargo runs these tests in xtask/
}

/// Our crates, each with those of ours that its library needs.
fn ours(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let ours = packages
        .iter()
        .filter(|package| package["source"].is_null());
    ours.map(|package| (text(&package["name"]), dependencies(package)))
        .collect()
}

fn dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"]
        .as_array()
        .expect("a list of dependencies")
        .iter();
    let normal = all.filter(|dependency| dependency["kind"].is_null());
    normal
        .map(|dependency| text(&dependency["name"]))
        .filter(|name| is_ours(name))
        .collect()
}

fn is_ours(name: &str) -> bool {
    GROUND
        .iter()
        .chain(&MIDDLE)
        .chain(&ROOF)
        .any(|ours| *ours == name)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// Every package that a package's library pulls, near or far, by name.
fn closure(name: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "-p",
        name,
        "-e",
        "normal",
        "--prefix",
        "none",
        "--offline",
    ]);
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_crate_has_a_floor_and_depends_on_lower_ones_only() {
    let ours = ours(&metadata());
    let known: Vec<&str> = GROUND.iter().chain(&MIDDLE).chain(&ROOF).copied().collect();
    assert_eq!(
        ours.len(),
        known.len(),
        "a crate without a floor: {:?}",
        ours.keys()
    );
    for (name, needs) in &ours {
        let allowed: Vec<&str> = if GROUND.contains(&name.as_str()) {
            Vec::new()
        } else if MIDDLE.contains(&name.as_str()) {
            BELOW_MIDDLE.to_vec()
        } else {
            GROUND.iter().chain(&MIDDLE).copied().collect()
        };
        for need in needs {
            assert!(
                allowed.contains(&need.as_str()),
                "{name} must not depend on {need}"
            );
        }
    }
}

#[test]
fn the_ground_pulls_no_tensor_library() {
    for name in GROUND {
        let pulled = closure(name);
        let burn: Vec<&String> = pulled
            .iter()
            .filter(|name| name.starts_with("burn"))
            .collect();
        assert!(burn.is_empty(), "{name} pulls {burn:?}");
    }
    assert!(
        closure("c3-decoders").contains("burn"),
        "the guard sees burn"
    );
}

#[test]
fn the_map_names_only_paths_that_exist() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map is there");
    let named = map.split('`').skip(1).step_by(2).filter(|name| {
        let is_path = name.contains('/') && !name.contains(' ') && !name.contains('*');
        is_path && !name.starts_with("runs/") && !name.contains('$') && !name.contains(':')
    });
    let mut checked = 0;
    for name in named {
        assert!(
            root().join(name).exists(),
            "ARCHITECTURE.md names `{name}`, which is not there"
        );
        checked += 1;
    }
    assert!(checked >= 10, "the map names {checked} paths");
}

#[test]
fn the_book_links_only_to_files_that_exist() {
    let book = root().join("docs");
    let mut checked = 0;
    for page in std::fs::read_dir(&book).expect("the book is there") {
        let path = page.expect("a page").path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a page is text");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || link.contains("://") {
                continue;
            }
            let found = book.join(file).exists();
            assert!(
                found,
                "`{}` links to `{link}`, which is not there",
                path.display()
            );
            checked += 1;
        }
    }
    assert!(checked >= 40, "the book has {checked} links to files");
}
