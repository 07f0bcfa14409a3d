//! Pickles that Python, NumPy and PyTorch wrote, and those of an enemy.
#![cfg(feature = "pickle")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use c3_datasets::pickle::{self, Dtype, SavedLayout, Tensor, Value};
use serde_json::Value as Json;

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn what_python_wrote_is_read() {
    let expected = String::from_utf8(bytes("expected.json")).unwrap();
    let expected: Json = serde_json::from_str(&expected).unwrap();
    let files = expected["files"].as_object().unwrap();
    assert!(files.len() > 15);
    for (name, expected) in files {
        let bytes = bytes(name);
        let value = pickle::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        match name.as_str() {
            "script.pt" => modules_agree(&value, expected),
            _ => agree(&value, expected, name),
        }
    }
}

/// Holds a value against its spelling, down to the last bit of every number.
fn agree(value: &Value<'_>, expected: &Json, place: &str) {
    match value {
        Value::None => assert!(expected.is_null(), "{place}"),
        Value::Bool(found) => assert_eq!(expected.as_bool(), Some(*found), "{place}"),
        Value::Text(found) => assert_eq!(expected.as_str(), Some(&**found), "{place}"),
        Value::Integer(found) => {
            // What is beyond 64 bits, JSON holds as a float.
            let expected = expected
                .as_i64()
                .map_or_else(|| expected.as_f64().expect("a number") as i128, i128::from);
            assert_eq!(*found, expected, "{place}");
        }
        Value::Float(found) => assert_eq!(expected.as_f64(), Some(*found), "{place}"),
        Value::Bytes(found) => {
            let expected: Vec<u8> = serde_json::from_value(expected.clone()).unwrap();
            assert_eq!(**found, expected, "{place}");
        }
        Value::List(found) => {
            let expected = expected.as_array().unwrap_or_else(|| panic!("{place}"));
            assert_eq!(found.len(), expected.len(), "{place}");
            for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                agree(found, expected, &format!("{place}[{at}]"));
            }
        }
        Value::Map(found) => {
            let expected = expected.as_array().unwrap_or_else(|| panic!("{place}"));
            assert_eq!(found.len(), expected.len(), "{place}");
            for ((key, found), expected) in found.iter().zip(expected) {
                agree(key, &expected[0], &format!("{place}, a key"));
                agree(found, &expected[1], &format!("{place}/{}", expected[0]));
            }
        }
        Value::Tensor(found) => tensors_agree(found, expected, place),
        other => panic!("{place}: {other:?}"),
    }
}

fn tensors_agree(found: &Tensor<'_>, expected: &Json, place: &str) {
    let kind = match found.dtype() {
        Dtype::Bf16 => "bfloat16".to_owned(),
        dtype => format!("{dtype:?}")
            .to_lowercase()
            .replace('f', "float")
            .replace('i', "int"),
    };
    assert_eq!(expected["kind"], kind.as_str(), "{place}");
    assert_eq!(
        expected["shape"],
        serde_json::json!(found.shape()),
        "{place}"
    );
    let numbers = expected["numbers"].as_array().unwrap();
    assert_eq!(numbers.len(), found.count(), "{place}");
    let numbers = numbers.iter().map(|number| number.as_f64().unwrap());
    if found.dtype().is_float() {
        let numbers: Vec<f32> = numbers.map(|number| number as f32).collect();
        assert_eq!(found.floats().unwrap(), numbers, "{place}");
        return;
    }
    let size = found.dtype().size();
    for (found, expected) in found.bytes().chunks_exact(size).zip(numbers) {
        let expected = (expected as i64).to_le_bytes();
        assert_eq!(found, &expected[..size], "{place}");
    }
}

/// TorchScript keeps modules in each other; a state dictionary has their names joined.
fn modules_agree(value: &Value<'_>, expected: &Json) {
    let expected = expected.as_array().unwrap();
    assert!(expected.len() > 3);
    for entry in expected {
        let name = entry[0].as_str().unwrap();
        let found = name
            .split('.')
            .try_fold(value, |value, part| value.get(part));
        let found = found.unwrap_or_else(|| panic!("`{name}` is missing"));
        agree(found, &entry[1], name);
    }
}

#[test]
fn saved_embeddings_are_recognised() {
    let read = |name: &str| {
        let bytes = bytes(name);
        let value = pickle::read(&bytes).unwrap();
        let layout = SavedLayout::of(&value).unwrap_or_else(|| panic!("{name}"));
        layout.read(&value).unwrap()
    };
    for name in ["c3-2.pkl", "c3-4.pkl", "c3-5.pkl", "c3-numpy.pkl"] {
        let saved = read(name);
        assert_eq!((saved.layout, saved.width), (SavedLayout::C3, 3));
        assert_eq!(saved.names, ["images/3.jpg", "images/9.jpg"]);
        assert_eq!(saved.items, [3.25, -3.0, 0.5, 9.25, -9.0, 0.5]);
        assert_eq!(saved.captions[1], "naïve café");
        assert_eq!(saved.owners, [0, 1, 0]);
        assert_eq!(saved.texts.unwrap()[6..], [22.25, -22.0, 0.5]);
    }
    let saved = read("clipcap.pkl");
    assert_eq!(saved.layout, SavedLayout::ClipCap);
    assert_eq!(saved.names, ["3", "9"]);
    assert_eq!(saved.items, [0.0, 1.0, 4.0, 5.0]);
    assert_eq!(saved.owners, [0, 0, 1]);
    assert_eq!(saved.texts.unwrap(), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    let saved = read("imagebind.pkl");
    assert_eq!((saved.layout, saved.width), (SavedLayout::Rows, 2));
    assert_eq!(saved.names, ["a.wav", "b.wav"]);
    assert_eq!(saved.items, [0.25, 0.75, 1.0, 0.0]);
    assert_eq!(saved.captions, ["rain falls", "a storm", "a bird"]);
    assert!(SavedLayout::of(&pickle::read(&bytes("mean.pt")).unwrap()).is_none());
}

#[test]
fn tensors_have_the_names_of_their_modules() {
    let script = bytes("script.pt");
    let tensors = pickle::tensors(&pickle::read(&script).unwrap());
    let names: BTreeSet<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains("head.fc.weight") && names.contains("blocks.0.weight"));
    let mean = bytes("mean.pt");
    assert_eq!(
        pickle::tensors(&pickle::read(&mean).unwrap())[0].0,
        "tensor"
    );
}

#[test]
fn what_an_enemy_wrote_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles/hostile");
    let mut reasons = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let Err(error) = pickle::read(&bytes) else {
            panic!("`{}` was read", path.display());
        };
        let said = error.to_string();
        assert!(!said.contains('\n') && said.len() < 500, "{said}");
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        reasons.insert((stem, said));
    }
    assert!(reasons.len() >= 45);
    let said = |stem: &str| {
        let found = reasons.iter().find(|(name, _)| name == stem);
        found.map(|(_, said)| said.as_str()).expect(stem)
    };
    for (stem, expected) in [
        ("os-system", "`posix.system`"),
        ("pth-os-system", "`posix.system`"),
        ("stream-os-system", "`posix.system`"),
        ("eval", "`__builtin__.eval`"),
        ("torch-hub", "`torch.hub.load`"),
        ("holds-itself", "holds itself"),
        ("map-holds-itself", "holds itself"),
        ("laughs", "again and again"),
        ("deep", "200 deep"),
        ("long-string", "cut off"),
        ("huge-tensor", "does not fit the 4 numbers"),
        ("repeated-tensor", "does not fit the 4 numbers"),
        ("tensor-beyond", "does not fit the 4 numbers"),
        ("text", "neither a pickle nor"),
        ("bomb", "compressed"),
        ("path", "`../../../etc/passwd`"),
        ("object-array", "`O8`"),
        ("big-endian", "largest byte first"),
    ] {
        assert!(said(stem).contains(expected), "{stem}: {}", said(stem));
    }
}

#[test]
fn no_prefix_of_a_file_is_read_or_brings_the_reader_down() {
    for name in [
        "weights-zip.pth",
        "weights-stream.pth",
        "c3-2.pkl",
        "plain-4.pkl",
    ] {
        let bytes = bytes(name);
        for length in 0..bytes.len() {
            assert!(
                pickle::read(&bytes[..length]).is_err(),
                "{name}, {length} bytes"
            );
        }
    }
}

#[test]
fn no_changed_byte_brings_the_reader_down() {
    for name in ["script.pt", "weights-stream.pth", "numpy-2.pkl", "c3-5.pkl"] {
        let mut bytes = bytes(name);
        let mut read = 0;
        for at in 0..bytes.len() {
            let kept = bytes[at];
            for other in [0, 0x7F, 0xFF, kept ^ 1, kept.wrapping_add(1)] {
                bytes[at] = other;
                // Either answer will do; many changes only touch a number or a name.
                read += usize::from(pickle::read(&bytes).is_ok());
            }
            bytes[at] = kept;
        }
        assert!(read > 0 && pickle::read(&bytes).is_ok(), "{name}");
    }
}
