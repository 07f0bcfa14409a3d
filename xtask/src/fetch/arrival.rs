//! A file that was brought completely and is what it has to be, but has no name yet.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::catalogue::Pin;
use super::error::FetchError;
use super::manifest::{FileRecord, PinnedBy};
use super::progress::Progress;

/// Bytes that are moved at once.
const CHUNK: usize = 1 << 16;

/// What a file has to hash to, and who says so.
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    /// SHA-256 in lower-case hexadecimal, if it is known beforehand.
    pub(crate) sha256: Option<String>,
    /// Who knows it.
    pub(crate) pinned_by: PinnedBy,
}

impl From<Option<Pin>> for Expectation {
    fn from(pin: Option<Pin>) -> Self {
        match pin {
            Some(pin) => Self {
                sha256: Some(pin.sha256.to_owned()),
                pinned_by: PinnedBy::Catalogue,
            },
            None => Self {
                sha256: None,
                pinned_by: PinnedBy::Nobody,
            },
        }
    }
}

impl Expectation {
    /// Tells the temporary file of this content from that of another.
    pub(crate) fn tag(&self) -> &str {
        self.sha256
            .as_deref()
            .and_then(|sha256| sha256.get(..8))
            .unwrap_or("any")
    }
}

/// A checked file under its temporary name.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The temporary name.
    pub(crate) part: PathBuf,
    /// What the manifest will say of it.
    pub(crate) record: FileRecord,
}

impl Arrival {
    /// Hashes `part` and compares.
    ///
    /// # Errors
    ///
    /// [`FetchError::WrongHash`] if it is not what was expected; then `part` is removed.
    pub(crate) fn check(
        part: PathBuf,
        name: &str,
        expectation: Expectation,
    ) -> Result<Self, FetchError> {
        let (sha256, bytes) = hash(&part)?;
        if let Some(expected) = expectation.sha256.filter(|expected| *expected != sha256) {
            fs::remove_file(&part).map_err(|cause| FetchError::disk(&part, cause))?;
            return Err(FetchError::WrongHash {
                file: name.to_owned(),
                expected,
                found: sha256,
            });
        }
        let pinned_by = expectation.pinned_by;
        let record = FileRecord {
            name: name.to_owned(),
            bytes,
            sha256,
            pinned_by,
        };
        Ok(Self { part, record })
    }
}

/// SHA-256 of a file in lower-case hexadecimal, and its length in bytes.
pub(crate) fn hash(path: &Path) -> Result<(String, u64), FetchError> {
    let disk = |cause| FetchError::disk(path, cause);
    let mut file = fs::File::open(path).map_err(disk)?;
    let (mut state, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = file.read(&mut buffer).map_err(disk)?;
        if count == 0 {
            let sha256 = state
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            return Ok((sha256, bytes));
        }
        state.update(&buffer[..count]);
        bytes += count as u64;
    }
}

/// Why bytes stopped flowing.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// They could not be read.
    Reading(io::Error),
    /// They could not be written.
    Writing(io::Error),
}

/// Writes everything from `reader` to the disk as `part`, in place of what was there.
pub(crate) fn write(
    reader: &mut impl Read,
    part: &Path,
    progress: &mut Progress,
) -> Result<(), Stopped> {
    let mut file = fs::File::create(part).map_err(Stopped::Writing)?;
    pour(reader, &mut file, progress)?;
    file.sync_all().map_err(Stopped::Writing)
}

/// Copies everything, and tells a trouble of the reader from one of the writer.
pub(crate) fn pour(
    reader: &mut impl Read,
    writer: &mut impl Write,
    progress: &mut Progress,
) -> Result<(), Stopped> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return writer.flush().map_err(Stopped::Writing),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Stopped::Reading(error)),
        };
        writer
            .write_all(&buffer[..count])
            .map_err(Stopped::Writing)?;
        progress.advance(count as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `printf abc | sha256sum`, the first example of FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn part_of(content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("a.part");
        fs::write(&part, content).unwrap();
        (folder, part)
    }

    #[test]
    fn the_right_content_arrives_with_its_hash() {
        let (_folder, part) = part_of("abc");
        let pin = Pin {
            sha256: ABC,
            bytes: 3,
        };
        let arrival = Arrival::check(part.clone(), "a", Some(pin).into()).unwrap();
        assert_eq!(
            (arrival.record.sha256.as_str(), arrival.record.bytes),
            (ABC, 3)
        );
        assert_eq!(arrival.record.pinned_by, PinnedBy::Catalogue);
        assert!(part.exists());
    }

    #[test]
    fn other_content_is_refused_and_removed() {
        let (_folder, part) = part_of("abd");
        let pin = Pin {
            sha256: ABC,
            bytes: 3,
        };
        let error = Arrival::check(part.clone(), "a", Some(pin).into()).unwrap_err();
        assert!(matches!(error, FetchError::WrongHash { expected, .. } if expected == ABC));
        assert!(!part.exists());
    }

    #[test]
    fn a_writer_without_space_is_not_taken_for_a_broken_reader() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut progress = Progress::start("a", 3, 0);
        let stopped = pour(&mut &b"abc"[..], &mut Full, &mut progress).unwrap_err();
        let Stopped::Writing(cause) = stopped else {
            panic!("{stopped:?}")
        };
        let error = FetchError::disk(Path::new("a"), cause);
        assert!(matches!(error, FetchError::DiskFull { .. }));
    }
}
