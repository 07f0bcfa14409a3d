//! The scripts that do the same in PyTorch and NumPy.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// Where they lie.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/peers");

/// Runs one of them, and gives what it printed.
///
/// # Errors
///
/// One sentence with the last line that it said, if it does not end well.
pub(crate) fn run<S: AsRef<OsStr>>(
    python: &Path,
    script: &str,
    arguments: &[S],
) -> anyhow::Result<String> {
    let output = Command::new(python)
        .arg(Path::new(FOLDER).join(script))
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start `{}`", python.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().last().unwrap_or("it said nothing");
    ensure!(output.status.success(), "`{script}` failed: {last}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
