//! One writer per folder.
//!
//! The system's own file lock decides: it ends with its process, however that
//! ends, so a lock file left behind by a dead run locks nobody out. The number
//! inside only serves the message.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::ArtifactError;

/// Name of the lock file of a folder.
pub(crate) const FILE: &str = ".lock";

/// Holds a folder until dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes `folder`, or says which process has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, ArtifactError> {
        let path = folder.join(FILE);
        let failed = |source| ArtifactError::Write {
            path: path.clone(),
            source,
        };
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(folder.to_owned(), file)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        sign(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // Not truncated: the number of the process that holds it must stay readable.
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn taken(path: PathBuf, mut file: File) -> ArtifactError {
    let mut process = String::new();
    let read = file.read_to_string(&mut process);
    if read.is_err() || process.is_empty() {
        process = "of unknown number".to_owned();
    }
    ArtifactError::RunLocked { path, process }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err().to_string();
        let process = format!("another run, process {}, works in", std::process::id());
        assert!(error.starts_with(&process), "{error}");
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_lock_file_of_a_dead_process_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "4194304000").unwrap();
        FolderLock::take(folder.path()).unwrap();
        let signed = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(signed, std::process::id().to_string());
    }
}
