//! The sizes of a Llama.

use serde::{Deserialize, Serialize};

use super::names::Names;
use crate::files::Gguf;
use crate::prefix::check;
use crate::{DecoderError, Output};

/// What a llama-style body has beside the sizes that all decoders have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlamaBodyConfig {
    /// Heads of keys and values; each serves as many heads of queries.
    pub n_kv_heads: usize,
    /// Width of a head; even.
    pub d_head: usize,
    /// Width of the two layers of which one gates the other.
    pub d_hidden: usize,
    /// Positions turn the slowest pair of numbers by about one over this.
    pub rope_base: f64,
    /// Added to the mean square that lengths are normalised by.
    pub epsilon: f64,
}

impl LlamaBodyConfig {
    /// Says which setting is wrong, if one is.
    pub(crate) fn check(&self, n_heads: usize) -> Result<(), DecoderError> {
        for (setting, count) in [
            ("body.llama.n_kv_heads", self.n_kv_heads),
            ("body.llama.d_head", self.d_head),
            ("body.llama.d_hidden", self.d_hidden),
        ] {
            check(count > 0, setting, count as f64, "at least 1")?;
        }
        check(
            n_heads.is_multiple_of(self.n_kv_heads),
            "body.llama.n_kv_heads",
            self.n_kv_heads as f64,
            "a divisor of n_heads",
        )?;
        check(
            self.d_head.is_multiple_of(2),
            "body.llama.d_head",
            self.d_head as f64,
            "even",
        )?;
        for (setting, value) in [
            ("body.llama.rope_base", self.rope_base),
            ("body.llama.epsilon", self.epsilon),
        ] {
            check(value > 0.0 && value.is_finite(), setting, value, "above 0")?;
        }
        Ok(())
    }
}

/// The sizes of a Llama: its `config.json` as Hugging Face writes it, or the metadata of a GGUF.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Heads of queries.
    pub num_attention_heads: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Positions that it was trained for.
    pub max_position_embeddings: usize,
    /// Where the output weights come from; a GGUF says it by the tensors that it has.
    pub output: Output,
    /// The sizes of the body.
    pub body: LlamaBodyConfig,
}

/// The fields of a `config.json` that change what a Llama computes.
#[derive(Deserialize)]
struct Written {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    #[serde(default = "positions")]
    max_position_embeddings: usize,
    #[serde(default = "epsilon")]
    rms_norm_eps: f64,
    rope_theta: Option<f64>,
    rope_scaling: Option<Rope>,
    rope_parameters: Option<Rope>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "activation")]
    hidden_act: String,
}

/// How positions turn; older files call the kind `type`.
#[derive(Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
}

fn positions() -> usize {
    2048
}

fn epsilon() -> f64 {
    1e-6
}

fn activation() -> String {
    "silu".to_owned()
}

/// What Llama began with; later models write theirs down.
const ROPE_BASE: f64 = 10_000.0;

impl LlamaConfig {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    ///
    /// [`DecoderError::ModelConfig`] if it is none, [`DecoderError::Unsupported`] for a setting
    /// that changes the model.
    pub fn from_json(json: &str) -> Result<Self, DecoderError> {
        let written: Written =
            serde_json::from_str(json).map_err(|source| DecoderError::ModelConfig { source })?;
        written.check()?;
        let ropes = [&written.rope_parameters, &written.rope_scaling];
        let inner = ropes.into_iter().flatten().find_map(|rope| rope.rope_theta);
        let n_heads = written.num_attention_heads;
        let body = LlamaBodyConfig {
            n_kv_heads: written.num_key_value_heads.unwrap_or(n_heads),
            d_head: written
                .head_dim
                .unwrap_or(written.hidden_size / n_heads.max(1)),
            d_hidden: written.intermediate_size,
            rope_base: written.rope_theta.or(inner).unwrap_or(ROPE_BASE),
            epsilon: written.rms_norm_eps,
        };
        Ok(Self {
            hidden_size: written.hidden_size,
            num_hidden_layers: written.num_hidden_layers,
            num_attention_heads: n_heads,
            vocab_size: written.vocab_size,
            max_position_embeddings: written.max_position_embeddings,
            output: match written.tie_word_embeddings {
                true => Output::Tied,
                false => Output::Untied,
            },
            body,
        })
    }

    /// Reads the metadata of a GGUF.
    pub(super) fn from_gguf(file: &Gguf<'_>) -> Result<Self, DecoderError> {
        let unsupported = |setting, value: String| DecoderError::Unsupported { setting, value };
        let architecture = file.text("general.architecture")?;
        if architecture != "llama" {
            return Err(unsupported("general.architecture", architecture.to_owned()));
        }
        check_positions(file)?;
        let hidden_size = file.count("llama.embedding_length")?;
        let n_heads = file.count("llama.attention.head_count")?;
        let or = |name: &'static str, otherwise: usize| match file.has(name) {
            true => file.count(name),
            false => Ok(otherwise),
        };
        let number = |name: &'static str, otherwise: f64| match file.has(name) {
            true => file.number(name),
            false => Ok(otherwise),
        };
        let d_head = or("llama.attention.key_length", hidden_size / n_heads.max(1))?;
        let turned = or("llama.rope.dimension_count", d_head)?;
        if turned != d_head {
            return Err(unsupported(
                "llama.rope.dimension_count",
                turned.to_string(),
            ));
        }
        let body = LlamaBodyConfig {
            n_kv_heads: or("llama.attention.head_count_kv", n_heads)?,
            d_head,
            d_hidden: file.count("llama.feed_forward_length")?,
            rope_base: number("llama.rope.freq_base", ROPE_BASE)?,
            epsilon: file.number("llama.attention.layer_norm_rms_epsilon")?,
        };
        Ok(Self {
            hidden_size,
            num_hidden_layers: file.count("llama.block_count")?,
            num_attention_heads: n_heads,
            vocab_size: match file.has("llama.vocab_size") {
                true => file.count("llama.vocab_size")?,
                false => file.texts("tokenizer.ggml.tokens")?.len(),
            },
            max_position_embeddings: file.count("llama.context_length")?,
            output: match file.tensors.contains_key(Names::Gguf.output()) {
                true => Output::Untied,
                false => Output::Tied,
            },
            body,
        })
    }
}

/// Refuses stretched positions, newer and older ways of saying so among them.
fn check_positions(file: &Gguf<'_>) -> Result<(), DecoderError> {
    let unsupported = |setting, value: String| Err(DecoderError::Unsupported { setting, value });
    let kind = "llama.rope.scaling.type";
    if file.has(kind) && file.text(kind)? != "none" {
        return unsupported(kind, file.text(kind)?.to_owned());
    }
    for factor in ["llama.rope.scaling.factor", "llama.rope.scale_linear"] {
        if file.has(factor) && !matches!(file.number(factor)?, 0.0 | 1.0) {
            return unsupported(factor, file.number(factor)?.to_string());
        }
    }
    Ok(())
}

impl Written {
    /// Refuses what would be read but not computed.
    fn check(&self) -> Result<(), DecoderError> {
        let unsupported = |setting, value: &str| {
            let value = value.to_owned();
            Err(DecoderError::Unsupported { setting, value })
        };
        if !matches!(self.hidden_act.as_str(), "silu" | "swish") {
            return unsupported("hidden_act", &self.hidden_act);
        }
        if self.attention_bias {
            return unsupported("attention_bias", "true");
        }
        if self.mlp_bias {
            return unsupported("mlp_bias", "true");
        }
        for (setting, rope) in [
            ("rope_parameters.rope_type", &self.rope_parameters),
            ("rope_scaling.rope_type", &self.rope_scaling),
        ] {
            let kind = rope.as_ref().and_then(|rope| rope.rope_type.as_deref());
            match kind {
                None | Some("default") => {}
                Some(other) => return unsupported(setting, other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(extra: &str) -> String {
        format!(
            r#"{{"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
                "num_attention_heads": 9, "vocab_size": 49152{extra}}}"#
        )
    }

    #[test]
    fn what_is_not_there_is_as_in_the_first_llama() {
        let config = LlamaConfig::from_json(&json("")).unwrap();
        let body = config.body;
        assert_eq!((body.n_kv_heads, body.d_head), (9, 64));
        assert_eq!((body.rope_base, body.epsilon), (10_000.0, 1e-6));
        assert_eq!(config.output, Output::Untied);
    }

    #[test]
    fn newer_and_older_files_name_the_base_in_places_of_their_own() {
        let base = |extra: &str| LlamaConfig::from_json(&json(extra)).unwrap().body.rope_base;
        assert_eq!(
            base(r#", "rope_theta": 100000.0, "rope_scaling": null"#),
            1e5
        );
        let newer = r#", "rope_parameters": {"rope_type": "default", "rope_theta": 1e5}"#;
        assert_eq!(base(newer), 1e5);
    }

    #[test]
    fn what_changes_the_model_is_refused() {
        let refuse = |extra: &str| {
            LlamaConfig::from_json(&json(extra))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refuse(r#", "hidden_act": "gelu""#),
            "the model's `hidden_act` is `gelu`, which is not supported"
        );
        assert!(refuse(r#", "attention_bias": true"#).contains("attention_bias"));
        assert!(refuse(r#", "mlp_bias": true"#).contains("mlp_bias"));
        let scaled = r#", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}"#;
        assert!(refuse(scaled).contains("`rope_scaling.rope_type` is `llama3`"));
        assert!(refuse(r#", "rope_scaling": {"type": "linear"}"#).contains("linear"));
        assert!(refuse(r#", "rms_norm_eps": "small""#).contains("config.json"));
    }

    #[test]
    fn a_setting_that_cannot_work_is_named() {
        let body = LlamaConfig::from_json(&json("")).unwrap().body;
        let refuse = |body: LlamaBodyConfig| body.check(9).unwrap_err().to_string();
        let shared = LlamaBodyConfig {
            n_kv_heads: 2,
            ..body
        };
        assert_eq!(
            refuse(shared),
            "setting `body.llama.n_kv_heads` is 2, but must be a divisor of n_heads"
        );
        assert!(refuse(LlamaBodyConfig { d_head: 3, ..body }).contains("even"));
        let endless = LlamaBodyConfig {
            rope_base: f64::NAN,
            ..body
        };
        assert!(refuse(endless).contains("rope_base"));
    }

    /// A GGUF without tensors that holds these numbers.
    fn gguf(numbers: &[(&str, f32)]) -> Vec<u8> {
        const FLOAT: u32 = 6;
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend((numbers.len() as u64).to_le_bytes());
        for (key, number) in numbers {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend(key.as_bytes());
            bytes.extend(FLOAT.to_le_bytes());
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn stretched_positions_are_refused_however_they_are_written() {
        let checked = |key, factor| {
            let bytes = gguf(&[(key, factor)]);
            check_positions(&Gguf::open(&bytes).unwrap())
        };
        for key in ["llama.rope.scaling.factor", "llama.rope.scale_linear"] {
            assert!(checked(key, 1.0).is_ok() && checked(key, 0.0).is_ok());
            let error = checked(key, 8.0).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains('8'), "{error}");
        }
        // A kind that is no text is not taken for none.
        assert!(checked("llama.rope.scaling.type", 1.0).is_err());
    }
}
