//! The folder where fetched weights lie: `<cache>/weights/<name>/<file>`.

use std::env;
use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::arrival::{self, Arrival};
use super::catalogue::Entry;
use super::error::FetchError;
use super::manifest::{Manifest, Provenance};

const MANIFEST: &str = "manifest.json";
const LOCK: &str = ".lock";
/// Extension of a file that is not whole or not checked.
const PART: &str = "part";

/// All fetched weights.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache that `$C3_CACHE` names, else `c3` in the cache folder of the platform.
    pub(crate) fn from_environment() -> Result<Self, FetchError> {
        let named = env::var_os("C3_CACHE")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let root = named.or_else(|| Some(dirs::cache_dir()?.join("c3")));
        root.map(Self::at).ok_or(FetchError::NoCacheFolder)
    }

    /// The cache in the folder `root`, which need not exist yet.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The place of the weights called `name`, whether they are there or not.
    pub(crate) fn slot(&self, name: &str) -> Slot {
        Slot {
            folder: self.root.join("weights").join(name),
        }
    }
}

/// The place of some weights in the cache.
#[derive(Debug)]
pub(crate) struct Slot {
    folder: PathBuf,
}

impl Slot {
    /// The folder with the files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, and keeps other processes from writing there until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<fs::File, FetchError> {
        fs::create_dir_all(&self.folder).map_err(|cause| FetchError::disk(&self.folder, cause))?;
        let path = self.folder.join(LOCK);
        let lock = fs::File::create(&path).map_err(|cause| FetchError::disk(&path, cause))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(FetchError::Busy {
                folder: self.folder.clone(),
            }),
            Err(TryLockError::Error(cause)) => Err(FetchError::disk(&path, cause)),
        }
    }

    /// The temporary name of a file, with a `tag` for the content that is expected.
    pub(crate) fn part(&self, file: &str, tag: &str) -> PathBuf {
        self.folder.join(format!("{file}.{tag}.{PART}"))
    }

    /// A temporary folder; should this process be killed, a later fetch sweeps it away.
    pub(crate) fn scratch(&self) -> io::Result<TempDir> {
        let suffix = format!(".{PART}");
        tempfile::Builder::new()
            .suffix(&suffix)
            .tempdir_in(&self.folder)
    }

    /// Whether every file is there at its full length.
    pub(crate) fn is_complete(&self) -> Result<bool, FetchError> {
        let Some(manifest) = self.manifest()? else {
            return Ok(false);
        };
        let mut files = manifest.files.iter();
        Ok(files.all(|file| {
            let there = fs::metadata(self.folder.join(&file.name));
            there.is_ok_and(|there| there.is_file() && there.len() == file.bytes)
        }))
    }

    /// The manifest, if every file still has the hash that it had when it was brought.
    pub(crate) fn intact(&self) -> Result<Option<Manifest>, FetchError> {
        if !self.is_complete()? {
            return Ok(None);
        }
        let manifest = self.manifest()?;
        for file in manifest.iter().flat_map(|manifest| &manifest.files) {
            let path = self.folder.join(&file.name);
            if arrival::hash(&path)?.0 != file.sha256 {
                eprintln!("`{}` has changed since it was brought", path.display());
                return Ok(None);
            }
        }
        Ok(manifest)
    }

    /// Gives checked files their names, and says where they came from.
    pub(crate) fn seal(
        &self,
        entry: &Entry<'_>,
        source: Provenance,
        arrivals: Vec<Arrival>,
    ) -> Result<Manifest, FetchError> {
        let previous = self.manifest()?;
        // Without a manifest the weights count as absent, should this stop half way.
        self.remove(MANIFEST)?;
        for Arrival { part, record } in &arrivals {
            let path = self.folder.join(&record.name);
            fs::rename(part, &path).map_err(|cause| FetchError::disk(&path, cause))?;
        }
        let (name, licence) = (entry.name.to_owned(), entry.licence.to_owned());
        let files = arrivals.into_iter().map(|arrival| arrival.record).collect();
        let manifest = Manifest {
            name,
            licence,
            source,
            files,
        };
        self.write(&manifest)?;
        self.sweep(previous, &manifest)?;
        Ok(manifest)
    }

    fn manifest(&self) -> Result<Option<Manifest>, FetchError> {
        let path = self.folder.join(MANIFEST);
        match fs::read(&path) {
            // Weights without a sound manifest count as absent: fetching them mends it.
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(FetchError::disk(&path, cause)),
        }
    }

    fn write(&self, manifest: &Manifest) -> Result<(), FetchError> {
        let text = serde_json::to_string_pretty(manifest).expect("plain names and numbers");
        let (part, path) = (self.part(MANIFEST, "new"), self.folder.join(MANIFEST));
        fs::write(&part, text + "\n").map_err(|cause| FetchError::disk(&part, cause))?;
        fs::rename(&part, &path).map_err(|cause| FetchError::disk(&path, cause))
    }

    /// Removes what an earlier source left that this one does not have, and old parts.
    fn sweep(&self, previous: Option<Manifest>, kept: &Manifest) -> Result<(), FetchError> {
        for old in previous.iter().flat_map(|previous| &previous.files) {
            if kept.files.iter().all(|file| file.name != old.name) {
                self.remove(&old.name)?;
            }
        }
        self.sweep_parts()
    }

    fn sweep_parts(&self) -> Result<(), FetchError> {
        let disk = |cause| FetchError::disk(&self.folder, cause);
        for item in fs::read_dir(&self.folder).map_err(disk)? {
            let path = item.map_err(disk)?.path();
            let removed = match path.extension() {
                Some(extension) if extension != PART => continue,
                None => continue,
                Some(_) if path.is_dir() => fs::remove_dir_all(&path),
                Some(_) => fs::remove_file(&path),
            };
            removed.map_err(|cause| FetchError::disk(&path, cause))?;
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), FetchError> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FetchError::disk(&path, error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{self, Pin};
    use super::*;

    fn slot() -> (tempfile::TempDir, Slot) {
        let root = tempfile::tempdir().unwrap();
        let slot = Cache::at(root.path().to_owned()).slot("efficientnet-lite0");
        (root, slot)
    }

    fn seal(slot: &Slot, name: &str, content: &str) {
        let part = slot.part(name, "x");
        fs::write(&part, content).unwrap();
        let arrival = Arrival::check(part, name, None::<Pin>.into()).unwrap();
        let entry = catalogue::find("efficientnet-lite0").unwrap();
        let source = Provenance::Path {
            path: "here".into(),
        };
        slot.seal(entry, source, vec![arrival]).unwrap();
    }

    #[test]
    fn weights_count_as_there_only_when_sealed_and_whole() {
        let (_root, slot) = slot();
        assert!(!slot.is_complete().unwrap());
        let _lock = slot.lock().unwrap();
        assert!(!slot.is_complete().unwrap());
        seal(&slot, "model", "abc");
        assert!(slot.is_complete().unwrap());
        fs::write(slot.folder().join("model"), "ab").unwrap();
        assert!(!slot.is_complete().unwrap());
    }

    #[test]
    fn a_file_that_changed_at_the_same_length_is_noticed() {
        let (_root, slot) = slot();
        let _lock = slot.lock().unwrap();
        seal(&slot, "model", "abc");
        assert!(slot.intact().unwrap().is_some());
        fs::write(slot.folder().join("model"), "abd").unwrap();
        assert!(slot.intact().unwrap().is_none());
    }

    #[test]
    fn another_source_leaves_nothing_of_the_first() {
        let (_root, slot) = slot();
        let _lock = slot.lock().unwrap();
        seal(&slot, "model.pth", "abc");
        seal(&slot, "model.safetensors", "abc");
        assert!(!slot.folder().join("model.pth").exists());
        assert!(slot.is_complete().unwrap());
    }

    #[test]
    fn two_fetches_of_one_name_do_not_meet() {
        let (_root, slot) = slot();
        let lock = slot.lock().unwrap();
        assert!(matches!(slot.lock(), Err(FetchError::Busy { .. })));
        drop(lock);
        slot.lock().unwrap();
    }

    #[test]
    fn a_damaged_manifest_means_that_the_weights_are_absent() {
        let (_root, slot) = slot();
        let _lock = slot.lock().unwrap();
        seal(&slot, "model", "abc");
        fs::write(slot.folder().join(MANIFEST), "{").unwrap();
        assert!(!slot.is_complete().unwrap());
    }
}
