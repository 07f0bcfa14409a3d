//! Captions to token ids, and back.

mod byte_pairs;
mod captions;
mod config;

pub(crate) use byte_pairs::{byte_pairs, words};
pub use captions::{CaptionTokenizer, Stop};
pub(crate) use captions::{END_OF_TEXT, tokenizer_error};
pub use config::TokenizerConfig;
