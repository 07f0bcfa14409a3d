//! Captions from a trained decoder.

mod captioner;
mod decoding;
mod reader;
mod sampling;
mod search;

pub use captioner::{Caption, Captioner};
pub use decoding::Decoding;
pub use sampling::Nucleus;
