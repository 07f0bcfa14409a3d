//! Sizes of a prefix decoder, and its fresh weights.

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::init::Init;
use super::model::PrefixDecoder;
use crate::{DecoderError, LlamaBodyConfig};

/// Sizes of a [`PrefixDecoder`].
///
/// `d_embed`, `n_vocab` and `max_tokens` follow from the data and have no
/// default: they are 0, which [`Self::init`] refuses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrefixDecoderConfig {
    /// Width of an incoming embedding.
    pub d_embed: usize,
    /// Width of a token.
    pub d_model: usize,
    /// Number of transformer blocks.
    pub n_layers: usize,
    /// Attention heads of a block; in a GPT body they share `d_model` evenly.
    pub n_heads: usize,
    /// Tokens made from one embedding.
    pub n_prefix: usize,
    /// Tokens in the vocabulary.
    pub n_vocab: usize,
    /// Most tokens of a caption, the end token counted.
    pub max_tokens: usize,
    /// How an embedding becomes the prefix.
    pub mapper: Mapper,
    /// How long an embedding is when the mapper reads it.
    #[serde(skip_serializing_if = "is_default")]
    pub read_at: ReadAt,
    /// What reads the prefix and the tokens after it.
    #[serde(skip_serializing_if = "is_default")]
    pub body: BodyConfig,
    /// What a block of a GPT body applies between its two wide layers.
    pub activation: Activation,
    /// Where the output weights come from.
    pub output: Output,
    /// Share of activations set to zero in training, from 0 up to 1.
    pub dropout: f32,
}

impl Default for PrefixDecoderConfig {
    fn default() -> Self {
        Self {
            d_embed: 0,
            d_model: 192,
            n_layers: 3,
            n_heads: 4,
            n_prefix: 4,
            n_vocab: 0,
            max_tokens: 0,
            mapper: Mapper::Linear,
            read_at: ReadAt::RootWidth,
            body: BodyConfig::Gpt,
            activation: Activation::Relu,
            output: Output::Tied,
            dropout: 0.0,
        }
    }
}

/// How an embedding becomes the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mapper {
    /// One linear layer.
    Linear,
    /// Two layers with tanh between them, the first half as wide as the prefix:
    /// the mapper of ClipCap (Mokady et al. 2021, arXiv:2111.09734).
    Mlp,
    /// ClipCap's other mapper: the embedding becomes tokens, learned constants stand after
    /// them, and what the constants have become behind some layers of attention is the prefix.
    Transformer {
        /// Tokens made from the embedding.
        n_embedded: usize,
        /// Layers of attention.
        n_layers: usize,
        /// Attention heads of a layer.
        n_heads: usize,
    },
}

/// How long an embedding is when the mapper reads it.
///
/// A first layer can make up for either; but a step of `AdamW` is as large in both, so at
/// `sqrt(d_embed)` times the length the mapping changes as many times faster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAt {
    /// `sqrt(d_embed)` times as long as it is, so that the numbers of a unit vector vary by about
    /// one.
    #[default]
    RootWidth,
    /// As long as it is: so ClipCap, CapDec and C3 read it.
    OwnLength,
}

impl ReadAt {
    /// What an embedding of this width is multiplied with.
    pub(super) fn factor(self, d_embed: usize) -> f32 {
        match self {
            Self::RootWidth => (d_embed as f32).sqrt(),
            Self::OwnLength => 1.0,
        }
    }
}

impl Mapper {
    /// Says which setting is wrong, if one is.
    fn check(self, d_model: usize) -> Result<(), DecoderError> {
        let Self::Transformer {
            n_embedded,
            n_layers,
            n_heads,
        } = self
        else {
            return Ok(());
        };
        for (setting, count) in [
            ("mapper.n_embedded", n_embedded),
            ("mapper.n_layers", n_layers),
            ("mapper.n_heads", n_heads),
        ] {
            check(count > 0, setting, count as f64, "at least 1")?;
        }
        check(
            d_model.is_multiple_of(n_heads),
            "mapper.n_heads",
            n_heads as f64,
            "a divisor of d_model",
        )
    }
}

/// What reads the prefix and the tokens after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyConfig {
    /// As in GPT-2: learned positions, two wide layers in a block.
    #[default]
    Gpt,
    /// As in Llama and SmolLM2: positions that turn, keys that heads share, a gate.
    Llama(LlamaBodyConfig),
}

/// What a block of a GPT body applies between its two wide layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(0, x)`; the cheapest.
    Relu,
    /// `x * sigmoid(1.702 x)`, as in CLIP.
    QuickGelu,
    /// The exact `x * Phi(x)`.
    Gelu,
    /// `x * Phi(x)` through tanh, as in GPT-2.
    GeluTanh,
}

/// Where the output weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The token embeddings serve as output weights too.
    Tied,
    /// The output has weights of its own.
    Untied,
}

impl PrefixDecoderConfig {
    /// Builds the decoder on `device`, with fresh weights drawn on the host from `seed`:
    /// the same on every device.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Setting`] names the first setting with which nothing can be built.
    pub fn init(&self, seed: u64, device: &Device) -> Result<PrefixDecoder, DecoderError> {
        self.check()?;
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Ok(PrefixDecoder::new(self, &mut Init::drawn(rng, device)))
    }

    /// Positions that the decoder can read: the prefix and every token but the last.
    #[must_use]
    pub fn n_positions(&self) -> usize {
        self.n_prefix + self.max_tokens - 1
    }

    /// Says which setting is wrong, if one is.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Setting`] names the first one.
    pub fn check(&self) -> Result<(), DecoderError> {
        let counts = [
            ("d_embed", self.d_embed),
            ("d_model", self.d_model),
            ("n_layers", self.n_layers),
            ("n_heads", self.n_heads),
            ("n_prefix", self.n_prefix),
            ("n_vocab", self.n_vocab),
            ("max_tokens", self.max_tokens),
        ];
        for (setting, count) in counts {
            check(count > 0, setting, count as f64, "at least 1")?;
        }
        self.mapper.check(self.d_model)?;
        match &self.body {
            BodyConfig::Gpt => check(
                self.d_model.is_multiple_of(self.n_heads),
                "n_heads",
                self.n_heads as f64,
                "a divisor of d_model",
            )?,
            BodyConfig::Llama(body) => body.check(self.n_heads)?,
        }
        check(
            (0.0..1.0).contains(&self.dropout),
            "dropout",
            f64::from(self.dropout),
            "at least 0 and below 1",
        )
    }
}

/// Whether a description may leave a setting out, as those of older models do.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Refuses a setting unless `holds`.
pub(crate) fn check(
    holds: bool,
    setting: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<(), DecoderError> {
    if holds {
        return Ok(());
    }
    Err(DecoderError::Setting {
        setting,
        value,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> PrefixDecoderConfig {
        PrefixDecoderConfig {
            d_embed: 8,
            n_vocab: 11,
            max_tokens: 5,
            ..Default::default()
        }
    }

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        let device = Device::flex();
        let refusal = |config: PrefixDecoderConfig| config.init(0, &device).unwrap_err();
        let error = refusal(PrefixDecoderConfig {
            n_heads: 5,
            ..config()
        });
        assert_eq!(
            error.to_string(),
            "setting `n_heads` is 5, but must be a divisor of d_model"
        );
        let error = refusal(PrefixDecoderConfig {
            n_vocab: 0,
            ..config()
        });
        assert_eq!(
            error.to_string(),
            "setting `n_vocab` is 0, but must be at least 1"
        );
        refusal(PrefixDecoderConfig {
            dropout: 1.0,
            ..config()
        });
        refusal(PrefixDecoderConfig {
            dropout: f32::NAN,
            ..config()
        });
    }

    #[test]
    fn a_file_from_before_there_were_other_bodies_is_read_and_written_alike() {
        let json = serde_json::to_string(&config()).unwrap();
        assert!(!json.contains("body"), "{json}");
        let read: PrefixDecoderConfig = serde_json::from_str(&json).unwrap();
        assert_eq!(read, config());
    }

    #[test]
    fn one_seed_gives_one_set_of_weights() {
        let device = Device::flex();
        let weights = |seed| {
            config()
                .init(seed, &device)
                .unwrap()
                .to_safetensors()
                .unwrap()
        };
        assert_eq!(weights(7), weights(7));
        assert_ne!(weights(7), weights(8));
    }
}
