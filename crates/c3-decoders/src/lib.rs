//! Captions from embeddings: training and generation.

mod error;
mod generation;
mod gpt2;
mod prefix;
mod tokenizer;
mod training;

pub use error::{DecoderError, WeightFault};
pub use generation::{Caption, Captioner, Decoding, Nucleus};
pub use gpt2::{Gpt2Config, Gpt2File, Gpt2Prefix, Gpt2Use};
pub use prefix::{Activation, Mapper, Output, PrefixDecoder, PrefixDecoderConfig};
pub use tokenizer::{CaptionTokenizer, Stop, TokenizerConfig};
pub use training::{
    CaptionSet, Checkpoints, Decay, Ending, EpochLoss, Split, Trained, TrainingConfig,
    TrainingSession, Tune, Unwatched, View,
};
