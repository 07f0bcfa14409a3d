//! Whole files only: written beside their place, flushed to disk, then renamed.
//!
//! A full disk, a crash or Ctrl-C leaves the old file, or none, under the final
//! name. What such an end leaves behind is named `.NAME.XXXXXX.partial` and can
//! be removed by [`remove_leftovers`].

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

use crate::ArtifactError;

const SUFFIX: &str = ".partial";

/// Writes `bytes` under `path`, all or nothing; replaces a plain file, nothing else.
///
/// # Errors
///
/// [`ArtifactError::Write`]; then `path` is as it was before.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes what `fill` puts out under `path`, all or nothing.
///
/// # Errors
///
/// [`ArtifactError::Write`], also for an error of `fill`; then `path` is as it was before.
pub fn write_with<F>(path: &Path, fill: F) -> Result<(), ArtifactError>
where
    F: FnOnce(&mut dyn Write) -> io::Result<()>,
{
    stage(path, fill).map_err(|source| ArtifactError::Write {
        path: path.to_owned(),
        source,
    })
}

/// True if `path` is named like an unfinished file of ours.
pub fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with('.') && name.ends_with(SUFFIX)
}

/// Removes unfinished files and folders directly in `folder`; returns how many.
///
/// Only for a folder in which nobody writes now.
///
/// # Errors
///
/// [`ArtifactError::Read`] for the folder, [`ArtifactError::Write`] for what stays.
pub fn remove_leftovers(folder: &Path) -> Result<usize, ArtifactError> {
    let listed: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
    let paths = listed.map_err(|source| ArtifactError::Read {
        path: folder.to_owned(),
        source,
    })?;
    let leftovers: Vec<PathBuf> = paths.into_iter().filter(|path| is_leftover(path)).collect();
    for path in &leftovers {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.map_err(|source| ArtifactError::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(leftovers.len())
}

/// An unfinished folder beside `path`; gone when dropped, unless renamed.
pub(crate) fn folder_beside(path: &Path) -> io::Result<TempDir> {
    let prefix = prefix(path)?;
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    open_to_all(&mut builder, 0o777);
    builder.tempdir_in(parent(path))
}

/// Makes the names in the folder of `path` survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    sync_folder(parent(path))
}

fn stage(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    refuse_special(path)?;
    let file = file_beside(path)?;
    let mut writer = BufWriter::new(file.as_file());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_parent(path)
}

/// A rename would put a plain file in the place of a folder, a device or a pipe.
fn refuse_special(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(io::Error::other("not a plain file")),
        _ => Ok(()),
    }
}

fn file_beside(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path)?;
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    open_to_all(&mut builder, 0o666);
    builder.tempfile_in(parent(path))
}

/// As any new file: the user's umask decides, where `tempfile` would lock others out.
#[cfg(unix)]
fn open_to_all(builder: &mut Builder, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(mode));
}

/// Elsewhere the folder decides.
#[cfg(not(unix))]
fn open_to_all(_: &mut Builder, _: u32) {}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn prefix(path: &Path) -> io::Result<String> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(format!(".{}.", name.to_string_lossy()))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened to be flushed.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_written_file_holds_its_bytes_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_disk_that_fills_up_leaves_the_old_file_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"old").unwrap();
        let error = write_with(&path, |file| {
            file.write_all(b"half of the new")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with("cannot write") && message.contains("a.json"),
            "{message}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[test]
    fn a_folder_in_the_way_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::create_dir(&path).unwrap();
        let error = write(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("a.json"));
        assert!(path.is_dir());
        assert_eq!(names(folder.path()), ["a.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_not_replaced() {
        use std::os::unix::net::UnixListener;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _socket = UnixListener::bind(&path).unwrap();
        let error = write(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("socket"));
        assert!(!path.is_file());
        assert_eq!(names(folder.path()), ["socket"]);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let error = write(Path::new("no/such/folder/a.json"), b"new").unwrap_err();
        assert!(error.to_string().contains("no/such/folder/a.json"));
    }

    #[test]
    fn what_a_killed_process_left_is_recognised_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        // Keeping both is what a kill does: nothing runs that would remove them.
        let (_, left) = file_beside(&path).unwrap().keep().unwrap();
        let left_folder = folder_beside(&path).unwrap().keep();
        write(&folder.path().join("kept.json"), b"{}").unwrap();
        assert!(is_leftover(&left) && is_leftover(&left_folder));
        assert!(!is_leftover(&path));
        assert_eq!(remove_leftovers(folder.path()).unwrap(), 2);
        assert_eq!(names(folder.path()), ["kept.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_umask_lets_them_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write(&ours, b"").unwrap();
        fs::write(&plain, b"").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
