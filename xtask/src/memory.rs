//! Memory of large models: given back and asked for again at every step, unless it is kept.

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
