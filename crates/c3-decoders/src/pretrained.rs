//! A decoder that somebody trained before, of whichever kind.

use burn::tensor::Device;
use serde::Deserialize;

use crate::files::is_gguf;
use crate::{
    DecoderError, Gpt2Config, Gpt2File, LlamaConfig, LlamaFile, Mapper, PrefixDecoder,
    PrefixDecoderConfig, ReadAt,
};

/// What stands before a pretrained decoder that has no mapper yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PretrainedPrefix {
    /// Width of an incoming embedding.
    pub d_embed: usize,
    /// Tokens made from one embedding.
    pub n_prefix: usize,
    /// How an embedding becomes the prefix.
    pub mapper: Mapper,
    /// How long an embedding is when the mapper reads it.
    pub read_at: ReadAt,
}

/// How a pretrained decoder is to be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PretrainedUse {
    /// What to put before a decoder that has no mapper; not asked for otherwise.
    pub fresh: Option<PretrainedPrefix>,
    /// Most tokens of a caption, the end token counted.
    pub max_tokens: usize,
    /// Share of activations set to zero in training, from 0 up to 1.
    pub dropout: f32,
}

/// The weights of a decoder on their way in.
#[derive(Debug)]
pub enum DecoderFile<'a> {
    /// A GPT-2, alone or behind a mapper.
    Gpt2(Gpt2File<'a>),
    /// A Llama.
    Llama(LlamaFile<'a>),
}

/// What a `config.json` says of the kind of its model; those of GPT-2 may say nothing.
#[derive(Deserialize)]
struct Kind {
    model_type: Option<String>,
}

impl<'a> DecoderFile<'a> {
    /// Finds out what kind of decoder there is, and in which layout.
    ///
    /// `weights` are the bytes of one safetensors file, of its shards, or of one GGUF; `config`
    /// is the text of the `config.json` beside them, which a GGUF does not need, and a GPT-2 only
    /// where its heads are not 64 wide.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Unsupported`] for a `model_type` that is neither `gpt2` nor `llama`;
    /// otherwise those of [`Gpt2File::open`], [`LlamaFile::open`] and [`LlamaFile::from_gguf`],
    /// and of the `config.json`.
    pub fn open(weights: &[&'a [u8]], config: Option<&str>) -> Result<Self, DecoderError> {
        if let [bytes] = weights
            && is_gguf(bytes)
        {
            return Ok(Self::Llama(LlamaFile::from_gguf(bytes)?));
        }
        let Some(json) = config else {
            return Ok(Self::Gpt2(Gpt2File::open(weights, None)?));
        };
        let kind: Kind =
            serde_json::from_str(json).map_err(|source| DecoderError::ModelConfig { source })?;
        match kind.model_type.as_deref() {
            None | Some("gpt2") => {
                let config = Gpt2Config::from_json(json)?;
                Ok(Self::Gpt2(Gpt2File::open(weights, Some(config))?))
            }
            Some("llama") => {
                let config = LlamaConfig::from_json(json)?;
                Ok(Self::Llama(LlamaFile::open(weights, config)?))
            }
            Some(other) => Err(DecoderError::Unsupported {
                setting: "model_type",
                value: other.to_owned(),
            }),
        }
    }

    /// Tokens in the vocabulary.
    #[must_use]
    pub fn n_vocab(&self) -> usize {
        match self {
            Self::Gpt2(file) => file.config().vocab_size,
            Self::Llama(file) => file.config().vocab_size,
        }
    }

    /// The mapper that the file holds, if it holds one.
    #[must_use]
    pub fn prefix(&self) -> Option<PretrainedPrefix> {
        match self {
            Self::Gpt2(file) => file.prefix(),
            Self::Llama(_) => None,
        }
    }

    /// The sizes of the decoder that [`Self::decoder`] makes.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoMapper`], [`DecoderError::Setting`].
    pub fn sizes(&self, how: &PretrainedUse) -> Result<PrefixDecoderConfig, DecoderError> {
        match self {
            Self::Gpt2(file) => file.sizes(how),
            Self::Llama(file) => file.sizes(how),
        }
    }

    /// The decoder with the mapper of the file, or with a fresh one drawn from `seed`.
    ///
    /// # Errors
    ///
    /// As [`Gpt2File::decoder`] and [`LlamaFile::decoder`].
    pub fn decoder(
        &self,
        how: &PretrainedUse,
        seed: u64,
        device: &Device,
    ) -> Result<PrefixDecoder, DecoderError> {
        match self {
            Self::Gpt2(file) => file.decoder(how, seed, device),
            Self::Llama(file) => file.decoder(how, seed, device),
        }
    }
}
