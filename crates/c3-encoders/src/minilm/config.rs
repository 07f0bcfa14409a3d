//! Sizes of the network, as its `config.json` names them.

use serde::{Deserialize, Serialize};

use crate::EncoderError;

/// Sizes of a [`MiniLm`](super::MiniLm): what is used of the model's `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MiniLmConfig {
    /// Width of a token, and of an embedding.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of attention; they share the width.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward part of a layer.
    pub intermediate_size: usize,
    /// The activation there.
    pub hidden_act: Activation,
    /// Number of token types, of which the first is used.
    pub type_vocab_size: usize,
    /// Number of different tokens.
    pub vocab_size: usize,
    /// Positions that the weights know.
    pub max_position_embeddings: usize,
    /// Keeps the variance away from zero in layer normalization.
    pub layer_norm_eps: f64,
    /// Tokens after which a text is cut off, the two marks around it included.
    ///
    /// Not in `config.json`: sentence-transformers keeps it beside, as 256.
    #[serde(default = "max_tokens")]
    pub max_tokens: usize,
}

/// The activation of the feed-forward part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * (1 + erf(x / sqrt(2))) / 2`.
    Gelu,
}

fn max_tokens() -> usize {
    256
}

impl MiniLmConfig {
    /// Refuses sizes that cannot be built.
    pub(super) fn check(&self) -> Result<(), EncoderError> {
        let fault = |name, value, needs| Err(EncoderError::Setting { name, value, needs });
        let (width, heads) = (self.hidden_size, self.num_attention_heads);
        if heads == 0 || width == 0 || !width.is_multiple_of(heads) {
            return fault("num_attention_heads", heads, "has to divide hidden_size");
        }
        if self.max_tokens < 3 || self.max_tokens > self.max_position_embeddings {
            return fault(
                "max_tokens",
                self.max_tokens,
                "has to hold one token between two marks, within the known positions",
            );
        }
        Ok(())
    }
}
