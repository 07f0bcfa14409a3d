//! Pickles and PyTorch files, read without running anything.
//!
//! A pickle is a program: Python calls whatever it names. This reader knows the few names that
//! rebuild tensors, numbers, strings, lists and maps, builds those itself, and refuses every
//! other name before it reads on. Nothing is believed that the file promises: lengths are held
//! against the bytes that are there, tensors against their storage, and a value that holds
//! itself, or repeats its parts beyond any use, is refused.
//!
//! It reads plain pickles (protocols 0 to 5, tensors of PyTorch and NumPy in them), what
//! `torch.save` writes (the zip archive and the older stream), and TorchScript archives, whose
//! modules become maps.
//!
//! ```
//! # use c3_datasets::pickle;
//! let harmless = b"\x80\x02}U\x05sigmaG\x3f\xc0\x00\x00\x00\x00\x00\x00s.";
//! let value = pickle::read(harmless)?;
//! assert_eq!(value.get("sigma").and_then(pickle::Value::as_float), Some(0.125));
//!
//! let hostile = b"cos\nsystem\n(S'true'\ntR.";
//! let refused = pickle::read(hostile).unwrap_err().to_string();
//! assert!(refused.contains("`os.system`"));
//! # Ok::<_, pickle::PickleError>(())
//! ```

mod archive;
mod arena;
mod calls;
mod classes;
mod embeddings;
mod error;
mod machine;
mod names;
mod numpy;
mod operands;
mod stream;
mod tensor;
mod torch;
mod value;

pub use embeddings::{SavedEmbeddings, SavedLayout};
pub use error::PickleError;
pub use names::{state_dict, tensors};
pub use tensor::{Dtype, Tensor};
pub use value::{Bytes, Value};

/// First byte of pickles since protocol 2.
const PROTOCOL: u8 = 0x80;

/// Reads a pickle, or a file of `torch.save` or `torch.jit.save`.
///
/// Large tensors are not copied: they point into `bytes`, which may be a mapping.
///
/// # Errors
///
/// [`PickleError`] says what is refused, and at which byte.
pub fn read(bytes: &[u8]) -> Result<Value<'_>, PickleError> {
    if archive::is_zip(bytes) {
        return archive::read(bytes);
    }
    if stream::is_stream(bytes) {
        return stream::read(bytes);
    }
    let loaded = machine::run(bytes, machine::Trust::PLAIN).map_err(|error| match error {
        PickleError::Refused { .. } => error,
        // Before protocol 2 a pickle had no mark to know it by.
        _ if bytes.first() != Some(&PROTOCOL) => PickleError::NotAPickle,
        _ => error,
    })?;
    loaded.arena.value(loaded.root, |key| {
        let key = key.to_owned();
        Err(PickleError::Storage { key })
    })
}
