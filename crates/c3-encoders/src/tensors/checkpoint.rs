//! Checkpoints of PyTorch, read without running them: the tensors, and where their numbers lie.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use c3_datasets::pickle::{self, PickleError};
use memmap2::Mmap;

use super::{Numbers, Stored};
use crate::EncoderError;

/// What weights that were trained on several devices have before every name.
const PARALLEL: &str = "module.";

/// Opens what `torch.save` or `torch.jit.save` wrote: the state dictionary in it.
///
/// Only the pages that say which tensors there are are looked at.
pub(super) fn open(file: &Path) -> Result<HashMap<String, Stored>, EncoderError> {
    let unread = |source| EncoderError::Read {
        file: file.to_owned(),
        source,
    };
    let source = Arc::new(File::open(file).map_err(unread)?);
    let mapped = map(&source).map_err(unread)?;
    read(&mapped, &source).map_err(|source| EncoderError::Checkpoint {
        file: file.to_owned(),
        source: Box::new(source),
    })
}

fn read(bytes: &[u8], file: &Arc<File>) -> Result<HashMap<String, Stored>, PickleError> {
    let value = pickle::read(bytes)?;
    let tensors = pickle::tensors(pickle::state_dict(&value));
    let parallel = tensors.iter().all(|(name, _)| name.starts_with(PARALLEL));
    let skipped = if parallel { PARALLEL.len() } else { 0 };
    let stored = tensors.into_iter().map(|(name, tensor)| {
        let dtype = tensor.dtype().into();
        let numbers = match tensor.bytes() {
            Cow::Borrowed(numbers) if bytes.as_ptr_range().contains(&numbers.as_ptr()) => {
                Numbers::InFile {
                    file: Arc::clone(file),
                    start: (numbers.as_ptr().addr() - bytes.as_ptr().addr()) as u64,
                    dtype,
                }
            }
            // Turned tensors lie scattered; those of the oldest pickles had to be decoded.
            numbers => Numbers::Held {
                bytes: numbers.into_owned(),
                dtype,
            },
        };
        let shape = tensor.shape().to_vec();
        (name[skipped..].to_owned(), Stored { shape, numbers })
    });
    Ok(stored.collect())
}

#[expect(
    unsafe_code,
    reason = "a mapping is bytes that others may change; the reader checks what it reads"
)]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only ever read as numbers, so a change cannot break a promise of
    // the language; a file made shorter meanwhile ends the process.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::TensorFile;

    const PARALLEL: &str = "tests/golden/clip/parallel.pt"; // tests run in their crate

    #[test]
    fn weights_of_a_parallel_training_have_their_own_names() {
        let mut tensors = TensorFile::open(Path::new(PARALLEL)).unwrap();
        let mut names: Vec<&str> = tensors.names().collect();
        names.sort_unstable();
        assert_eq!(names, ["steps", "turned", "x"]);
        assert_eq!(tensors.take("x", &[2]), [1.0, -2.0]);
        assert_eq!(
            tensors.take("turned", &[3, 2]),
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        tensors.finish_whole(|name| name == "steps").unwrap();
    }

    #[test]
    fn a_checkpoint_that_asks_to_be_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.pth");
        std::fs::write(&file, b"cos\nsystem\n(S'true'\ntR.").unwrap();
        let error = TensorFile::open(&file).err().unwrap();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("`os.system`"), "{source}");
    }
}
