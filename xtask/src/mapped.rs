//! Files in memory, as far as anybody has looked at them.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, ensure};
use memmap2::Mmap;

/// Maps a file that is only read.
#[expect(
    unsafe_code,
    reason = "a mapping is bytes that others may change; every reader checks what it reads"
)]
pub(crate) fn map(path: &Path) -> anyhow::Result<Mmap> {
    ensure!(
        !path.is_dir(),
        "`{}` is a folder; expected a file",
        path.display()
    );
    let unread = || format!("cannot read `{}`", path.display());
    let file = File::open(path).with_context(unread)?;
    // SAFETY: the bytes are only ever read as numbers, so a change cannot break a promise of
    // the language; a file made shorter meanwhile ends the process.
    unsafe { Mmap::map(&file) }.with_context(unread)
}
