//! Settings of the decoders, in both stages.

use c3_decoders::{
    Activation, Mapper, Output, PrefixDecoderConfig, PretrainedPrefix, PretrainedUse, ReadAt, Stop,
    TokenizerConfig, TrainingConfig,
};
use c3_transforms::Renorm;
use serde::{Deserialize, Serialize};

/// The decoder, but for what follows from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecoderSettings {
    pub(crate) d_model: usize,
    pub(crate) n_layers: usize,
    pub(crate) n_heads: usize,
    pub(crate) n_prefix: usize,
    pub(crate) mapper: Mapper,
    /// How long an embedding is when the mapper reads it; a file with a mapper says it itself.
    #[serde(default)]
    pub(crate) read_at: ReadAt,
    pub(crate) activation: Activation,
    pub(crate) output: Output,
    pub(crate) dropout: f32,
    pub(crate) tokenizer: TokenizerConfig,
    /// A decoder to start from, whose sizes, activation and tokens are then used: its name in the
    /// catalogue, `hf:owner/name@revision`, its folder or its GGUF. Of the settings here, prefix,
    /// mapper and dropout stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pretrained: Option<String>,
    /// What ends a caption (trap D7).
    #[serde(default)]
    pub(crate) stop: Stop,
}

impl DecoderSettings {
    /// What stands before a pretrained decoder in a space of this width, and how long captions get.
    pub(crate) fn before_pretrained(&self, d_embed: usize, max_tokens: usize) -> PretrainedUse {
        PretrainedUse {
            fresh: Some(PretrainedPrefix {
                d_embed,
                n_prefix: self.n_prefix,
                mapper: self.mapper,
                read_at: self.read_at,
            }),
            max_tokens,
            dropout: self.dropout,
        }
    }

    /// The decoder for a space of this width and captions of these tokens.
    pub(crate) fn sized(
        &self,
        d_embed: usize,
        n_vocab: usize,
        max_tokens: usize,
    ) -> PrefixDecoderConfig {
        PrefixDecoderConfig {
            d_embed,
            d_model: self.d_model,
            n_layers: self.n_layers,
            n_heads: self.n_heads,
            n_prefix: self.n_prefix,
            n_vocab,
            max_tokens,
            mapper: self.mapper,
            read_at: self.read_at,
            activation: self.activation,
            output: self.output,
            dropout: self.dropout,
            ..Default::default()
        }
    }
}

/// Stage 2: decoders of the first stage go on with a share of the pairs (Zhang et al. 2024,
/// Figure 6 and Table 5).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FineTuning {
    /// Shares of the pairs, each a training of its own; empty: no second stage.
    pub(crate) fractions: Vec<f64>,
    /// What a share is taken of (trap D10).
    pub(crate) share_of: ShareOf,
    /// What the decoder reads (trap D9).
    pub(crate) reads: Reads,
    /// When unit length is restored (trap D1).
    pub(crate) renorm: Renorm,
    /// Whether a decoder is trained too that skipped the first stage, ClipCap's way.
    pub(crate) from_scratch: bool,
    /// Whether models are written, and not only their captions.
    pub(crate) keep_models: bool,
    /// As in the first stage; the warm-up is that of all pairs, a share of them takes its share.
    pub(crate) training: TrainingConfig,
}

impl Default for FineTuning {
    fn default() -> Self {
        Self {
            fractions: Vec::new(),
            share_of: ShareOf::Pictures,
            reads: Reads::Pictures,
            renorm: Renorm::AfterAll,
            from_scratch: true,
            keep_models: false,
            training: TrainingConfig::default(),
        }
    }
}

/// What a share is taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShareOf {
    /// Pictures, with all their captions.
    Pictures,
    /// Captions, whichever pictures they are of, as the original does.
    Captions,
}

/// What a decoder of the second stage reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reads {
    /// Embeddings of pictures.
    Pictures,
    /// Embeddings of the captions themselves, as the original's released code does.
    Texts,
}
