//! Files of weights as others keep them: safetensors, alone or in shards, and GGUF.

mod blocks;
mod gguf;
mod gguf_value;
mod index;
mod stored;

pub(crate) use gguf::Gguf;
pub use gguf::is_gguf;
pub use gguf_value::GgufFault;
pub use index::shards;
pub(crate) use stored::{Stored, safetensors, turned, unasked};
