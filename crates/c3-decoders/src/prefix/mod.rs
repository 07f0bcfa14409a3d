//! A decoder that reads an embedding as its first tokens: a mapper, a body, output weights.

mod attention;
mod body;
mod cached;
mod config;
mod count;
mod dropout;
mod gpt;
mod init;
mod mixer;
mod model;
mod projector;
mod weights;

pub(crate) use attention::{KeyValues, by_rows, causal_mask};
pub(crate) use cached::Reading;
pub(crate) use config::check;
pub use config::{Activation, BodyConfig, Mapper, Output, PrefixDecoderConfig, ReadAt};
pub(crate) use dropout::Dropout;
pub(crate) use init::{EPSILON, Init};
pub use model::PrefixDecoder;
pub(crate) use projector::PrefixMapper;
pub(crate) use weights::{Taken, Weights};
