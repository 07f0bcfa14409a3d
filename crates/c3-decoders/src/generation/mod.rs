//! Captions from a trained decoder.

mod captioner;
mod reader;
mod sampling;
mod search;

pub use captioner::{Caption, Captioner, Decoding};
pub use sampling::Nucleus;
