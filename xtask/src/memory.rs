//! Memory of large models: how much they will take, and what is done with it once freed.

use std::fs;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::{env, process::Command};

use anyhow::ensure;
use c3_decoders::Footprint;

/// Refuses trainings that do not fit into what is free, before anything is loaded.
///
/// What a batch passes through the decoder comes on top, and is not foretold. Where nobody says
/// what is free, nothing is refused.
pub(crate) fn check(footprint: &Footprint, side_by_side: usize) -> anyhow::Result<()> {
    match free() {
        Some(free) => fits(footprint, side_by_side as u64, free),
        None => Ok(()),
    }
}

fn fits(footprint: &Footprint, side_by_side: u64, free: u64) -> anyhow::Result<()> {
    let needed = footprint.total() * side_by_side;
    let several = match side_by_side {
        1 => String::new(),
        jobs => format!(" for each of {jobs} decoders side by side"),
    };
    ensure!(
        needed <= free,
        "training takes at least {} of memory, and {} are free: {} of weights, {} of moments and \
         {} of gradients or of a checkpoint being written{several}; train less of the decoder with \
         `training.tune`, or less at once with `run.jobs` and `training.parts`",
        gigabytes(needed),
        gigabytes(free),
        gigabytes(footprint.weights),
        gigabytes(footprint.moments),
        gigabytes(footprint.gradients.max(footprint.checkpoint)),
    );
    Ok(())
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// Bytes that the system could hand out, where it says so.
fn free() -> Option<u64> {
    available(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// Reads the line `MemAvailable:   23456 kB`.
fn available(text: &str) -> Option<u64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}

/// Begins this program anew, with large pages for large arrays, where the system leaves them to
/// programs.
///
/// Rows and weights that a pass reads from front to end otherwise wait for the places of their many
/// small pages (`docs/speed.md`); NumPy asks for large ones too. glibc takes this setting at the
/// start of a program only, from the environment. Where anything is in the way, all goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn ask_for_large_pages() {
    use std::os::unix::process::CommandExt;

    const TUNABLES: &str = "GLIBC_TUNABLES";
    const SETTING: &str = "glibc.malloc.hugetlb";
    let modes = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let tunables = env::var(TUNABLES).unwrap_or_default();
    if !modes.is_ok_and(|modes| modes.contains("[madvise]")) || tunables.contains(SETTING) {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let separator = if tunables.is_empty() { "" } else { ":" };
    // It only comes back if the program could not be begun.
    let _ = Command::new(program)
        .args(env::args_os().skip(1))
        .env(TUNABLES, format!("{tunables}{separator}{SETTING}=1"))
        .exec();
}

/// Other allocators ask by themselves, or cannot.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn ask_for_large_pages() {}

/// Keeps what is freed, instead of giving it back to the system.
///
/// The tensors of a GPT-2 are so large that glibc maps each anew and the system has to clear its
/// pages: half of the time of a training step (`docs/speed.md`). Small decoders are faster
/// without, since all threads then share one heap. To be called before threads are begun.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "the settings of glibc's allocator are behind a C function"
)]
pub(crate) fn keep_freed() {
    const NEVER: i32 = -1;
    const AHEAD: i32 = 1 << 28;
    for (setting, value) in [
        (libc::M_MMAP_MAX, 0),
        (libc::M_TRIM_THRESHOLD, NEVER),
        (libc::M_TOP_PAD, AHEAD),
        (libc::M_ARENA_MAX, 1),
    ] {
        // SAFETY: takes two numbers, and may be called at any time; it reports what it refuses,
        // and then memory is only given back as ever.
        unsafe { libc::mallopt(setting, value) };
    }
}

/// Other allocators keep what is freed by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_freed() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_with_numbers() {
        let footprint = Footprint {
            weights: 2_000_000_000,
            gradients: 500_000_000,
            moments: 2_000_000_000,
            checkpoint: 1_000_000_000,
        };
        assert!(fits(&footprint, 1, 5_000_000_000).is_ok());
        let error = fits(&footprint, 2, 9_000_000_000).unwrap_err().to_string();
        let expected = "takes at least 10.0 GB of memory, and 9.0 GB are free: 2.0 GB of weights, \
             2.0 GB of moments and 1.0 GB of gradients or of a checkpoint being written for each \
             of 2 decoders side by side";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn the_system_says_what_is_free() {
        let text = "MemTotal:       24000000 kB\nMemFree:  1 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(available(text), Some(2 * 1024 * 1024));
        assert_eq!(available("MemTotal: 3 kB\n"), None);
    }
}
