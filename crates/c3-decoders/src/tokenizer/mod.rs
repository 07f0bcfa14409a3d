//! Captions to token ids, and back.

mod captions;
mod config;

pub use captions::{CaptionTokenizer, Stop};
pub(crate) use captions::{END_OF_TEXT, tokenizer_error};
pub use config::TokenizerConfig;
