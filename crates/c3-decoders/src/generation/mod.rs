//! Captions from a trained decoder.

mod captioner;
mod search;

pub use captioner::{Caption, Captioner, Decoding};
