//! GPT-2 as a prefix decoder, from the files people have.
//!
//! A [`crate::PrefixDecoder`] with a tanh-GELU *is* a GPT-2 behind a mapper, so there is no second
//! model here: only its sizes, and the names under which others keep the same weights.

mod config;
mod names;
mod tokens;
mod weights;

pub use config::Gpt2Config;
pub use weights::Gpt2File;
