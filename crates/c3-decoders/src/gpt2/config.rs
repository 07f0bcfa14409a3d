//! The sizes of a GPT-2.

use serde::Deserialize;

use crate::{Activation, DecoderError};

/// The `config.json` of a GPT-2 as Hugging Face writes it.
///
/// What is not there has the value of GPT-2 small's family.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Gpt2Config {
    /// Width of a token.
    pub n_embd: usize,
    /// Number of blocks.
    pub n_layer: usize,
    /// Attention heads of a block.
    pub n_head: usize,
    /// Positions that it can read.
    #[serde(alias = "n_ctx", default = "positions")]
    pub n_positions: usize,
    /// Tokens in the vocabulary.
    #[serde(default = "vocabulary")]
    pub vocab_size: usize,
    #[serde(default = "activation")]
    activation_function: String,
    #[serde(default = "epsilon")]
    layer_norm_epsilon: f64,
    #[serde(default)]
    n_inner: Option<usize>,
    #[serde(default)]
    scale_attn_by_inverse_layer_idx: bool,
}

fn positions() -> usize {
    1024
}

fn vocabulary() -> usize {
    50_257
}

fn activation() -> String {
    "gelu_new".to_owned()
}

fn epsilon() -> f64 {
    1e-5
}

/// Width of a head in every GPT-2 that was published.
const HEAD: usize = 64;

impl Gpt2Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    ///
    /// [`DecoderError::ModelConfig`] if it is none, [`DecoderError::Unsupported`] for a setting
    /// that changes the model.
    pub fn from_json(json: &str) -> Result<Self, DecoderError> {
        let config: Self =
            serde_json::from_str(json).map_err(|source| DecoderError::ModelConfig { source })?;
        config.activation()?;
        let unsupported = |setting, value: String| DecoderError::Unsupported { setting, value };
        if (config.layer_norm_epsilon - epsilon()).abs() > 1e-9 {
            let value = config.layer_norm_epsilon.to_string();
            return Err(unsupported("layer_norm_epsilon", value));
        }
        if config
            .n_inner
            .is_some_and(|width| width != 4 * config.n_embd)
        {
            let value = format!("{:?}", config.n_inner);
            return Err(unsupported("n_inner", value));
        }
        if config.scale_attn_by_inverse_layer_idx {
            let setting = "scale_attn_by_inverse_layer_idx";
            return Err(unsupported(setting, "true".to_owned()));
        }
        Ok(config)
    }

    /// The sizes that the shapes of the weights tell; heads are 64 wide, as GPT-2's all are.
    pub(super) fn of_shapes(tokens: [usize; 2], n_positions: usize, n_layer: usize) -> Self {
        let [vocab_size, n_embd] = tokens;
        Self {
            n_embd,
            n_layer,
            n_head: (n_embd / HEAD).max(1),
            n_positions,
            vocab_size,
            activation_function: activation(),
            layer_norm_epsilon: epsilon(),
            n_inner: None,
            scale_attn_by_inverse_layer_idx: false,
        }
    }

    pub(super) fn activation(&self) -> Result<Activation, DecoderError> {
        match self.activation_function.as_str() {
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
            "gelu" => Ok(Activation::Gelu),
            "quick_gelu" => Ok(Activation::QuickGelu),
            "relu" => Ok(Activation::Relu),
            other => Err(DecoderError::Unsupported {
                setting: "activation_function",
                value: other.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_as_in_gpt2() {
        let config = Gpt2Config::from_json(r#"{"n_embd": 768, "n_layer": 12, "n_head": 12}"#);
        let config = config.unwrap();
        assert_eq!((config.n_positions, config.vocab_size), (1024, 50_257));
        assert_eq!(config.activation().unwrap(), Activation::GeluTanh);
        assert_eq!(config, Gpt2Config::of_shapes([50_257, 768], 1024, 12));
    }

    #[test]
    fn what_changes_the_model_is_refused() {
        let of = |extra: &str| {
            let json = format!(r#"{{"n_embd": 8, "n_layer": 1, "n_head": 2, {extra}}}"#);
            Gpt2Config::from_json(&json).unwrap_err().to_string()
        };
        assert_eq!(
            of(r#""activation_function": "silu""#),
            "the model's `activation_function` is `silu`, which is not supported"
        );
        assert!(of(r#""layer_norm_epsilon": 1e-3"#).contains("layer_norm_epsilon"));
        assert!(of(r#""n_inner": 9"#).contains("n_inner"));
        assert!(of(r#""n_embd": "wide""#).contains("config.json"));
    }
}
