//! Captions from embeddings: training and generation.

mod error;
mod files;
mod generation;
mod gpt2;
mod host;
mod llama;
mod prefix;
mod pretrained;
mod tokenizer;
mod training;

pub use error::{DecoderError, WeightFault};
pub use files::{GgufFault, is_gguf, shards};
pub use generation::{Caption, Captioner, Decoding, Nucleus};
pub use gpt2::{Gpt2Config, Gpt2File};
pub use llama::{LlamaBodyConfig, LlamaConfig, LlamaFile};
pub use prefix::{
    Activation, BodyConfig, Mapper, Output, PrefixDecoder, PrefixDecoderConfig, ReadAt,
};
pub use pretrained::{DecoderFile, PretrainedPrefix, PretrainedUse};
pub use tokenizer::{CaptionTokenizer, Stop, TokenizerConfig};
pub use training::{
    CaptionSet, Checkpoints, Decay, Ending, EpochLoss, Footprint, Precision, Split, Trained,
    TrainingConfig, TrainingSession, Tune, Unwatched, View,
};
