//! A Llama from safetensors or from a GGUF.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::config::LlamaConfig;
use super::names::{Heads, Names, Part};
use crate::files::{Gguf, Stored, safetensors, turned, unasked};
use crate::prefix::{Init, Taken, Weights, check};
use crate::{
    BodyConfig, DecoderError, Output, PrefixDecoder, PrefixDecoderConfig, PretrainedPrefix,
    PretrainedUse, WeightFault,
};

/// The file of a Llama, or all of its shards.
///
/// Numbers in half precision, in bf16 and in blocks are widened. It holds no mapper: that is drawn
/// anew.
#[derive(Debug)]
pub struct LlamaFile<'a> {
    tensors: BTreeMap<String, Stored<'a>>,
    names: Names,
    config: LlamaConfig,
}

impl<'a> LlamaFile<'a> {
    /// Finds the model in a safetensors file, or in the shards of one.
    ///
    /// # Errors
    ///
    /// [`DecoderError::WeightsFile`] for other bytes, [`DecoderError::TensorTwice`] if two shards
    /// hold the same tensor, [`DecoderError::NotLlama`] for another model.
    pub fn open(shards: &[&'a [u8]], config: LlamaConfig) -> Result<Self, DecoderError> {
        Self::new(safetensors(shards)?, Names::HuggingFace, config)
    }

    /// Finds the model in a GGUF.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Gguf`] for other bytes, [`DecoderError::Quantized`] for numbers that are
    /// not read, [`DecoderError::Unsupported`] for a setting that changes the model,
    /// [`DecoderError::NotLlama`] for another model.
    pub fn from_gguf(bytes: &'a [u8]) -> Result<Self, DecoderError> {
        let file = Gguf::open(bytes)?;
        let config = LlamaConfig::from_gguf(&file)?;
        Self::new(file.tensors, Names::Gguf, config)
    }

    fn new(
        tensors: BTreeMap<String, Stored<'a>>,
        names: Names,
        config: LlamaConfig,
    ) -> Result<Self, DecoderError> {
        if !tensors.contains_key(names.tokens()) {
            return Err(DecoderError::NotLlama {
                expected: names.tokens(),
                found: tensors.keys().take(3).cloned().collect(),
            });
        }
        let file = Self {
            tensors,
            names,
            config,
        };
        file.check_sizes()?;
        Ok(file)
    }

    /// Refuses sizes that the tensors cannot have, before memory is asked for them.
    fn check_sizes(&self) -> Result<(), DecoderError> {
        let numbers = |stored: &Stored<'_>| stored.shape.iter().map(|n| *n as f64).product::<f64>();
        let held: f64 = self.tensors.values().map(numbers).sum();
        let config = &self.config;
        let wide = config.hidden_size as f64;
        let heads = config.num_attention_heads as f64 * config.body.d_head as f64;
        for (setting, needed) in [
            ("vocab_size", config.vocab_size as f64 * wide),
            ("d_hidden", config.body.d_hidden as f64 * wide),
            ("d_head", heads * wide),
        ] {
            let expected = "no more than the tensors of the file hold";
            check(needed <= held, setting, needed, expected)?;
        }
        check(
            config.num_hidden_layers <= self.tensors.len(),
            "num_hidden_layers",
            config.num_hidden_layers as f64,
            "no more than the file has tensors",
        )
    }

    /// The sizes of the Llama.
    #[must_use]
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// The sizes of the decoder that [`Self::decoder`] makes.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoMapper`] if nothing says how an embedding becomes the prefix,
    /// [`DecoderError::Setting`] for sizes that cannot be (more positions than the Llama was
    /// trained for among them).
    pub fn sizes(&self, how: &PretrainedUse) -> Result<PrefixDecoderConfig, DecoderError> {
        let PretrainedPrefix {
            d_embed,
            n_prefix,
            mapper,
            read_at,
        } = how.fresh.ok_or(DecoderError::NoMapper)?;
        let config = PrefixDecoderConfig {
            d_embed,
            d_model: self.config.hidden_size,
            n_layers: self.config.num_hidden_layers,
            n_heads: self.config.num_attention_heads,
            n_prefix,
            n_vocab: self.config.vocab_size,
            max_tokens: how.max_tokens,
            mapper,
            read_at,
            body: BodyConfig::Llama(self.config.body),
            output: self.config.output,
            dropout: how.dropout,
            ..Default::default()
        };
        config.check()?;
        check(
            config.n_positions() <= self.config.max_position_embeddings,
            "max_tokens",
            how.max_tokens as f64,
            "so small that it and the prefix fit the positions of the Llama",
        )?;
        Ok(config)
    }

    /// The decoder, its mapper drawn from `seed`.
    ///
    /// # Errors
    ///
    /// As [`Self::sizes`]; [`DecoderError::Weights`] lists every tensor that is missing, unknown
    /// or of another shape, [`DecoderError::Untied`] if there are output weights of their own
    /// where the config says that the tokens serve.
    pub fn decoder(
        &self,
        how: &PretrainedUse,
        seed: u64,
        device: &Device,
    ) -> Result<PrefixDecoder, DecoderError> {
        let config = self.sizes(how)?;
        self.check_output()?;
        let mut decoder = PrefixDecoder::new(&config, &mut Init::zeros(device));
        let rng = ChaCha8Rng::seed_from_u64(seed);
        decoder.draw_prefix(&mut Init::drawn(rng, device));
        let used = BTreeSet::new();
        decoder.filled(Foreign { file: self, used }, device)
    }

    /// Output weights of their own would be lost.
    fn check_output(&self) -> Result<(), DecoderError> {
        let tokens = &self.tensors[self.names.tokens()];
        match self.tensors.get(self.names.output()) {
            Some(output) if self.config.output == Output::Tied && output.data != tokens.data => {
                Err(DecoderError::Untied)
            }
            _ => Ok(()),
        }
    }

    fn n_heads(&self, heads: Heads) -> usize {
        match heads {
            Heads::Queries => self.config.num_attention_heads,
            Heads::Keys => self.config.body.n_kv_heads,
        }
    }
}

/// The file of somebody else, under their names.
struct Foreign<'f, 'a> {
    file: &'f LlamaFile<'a>,
    used: BTreeSet<String>,
}

impl Weights for Foreign<'_, '_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Taken {
        let Some(place) = self.file.names.place(name) else {
            return Taken::Nothing; // the mapper
        };
        let expected: Vec<usize> = match place.part {
            Part::Whole => shape.to_vec(),
            Part::Turned | Part::Paired(_) => shape.iter().rev().copied().collect(),
        };
        let stored = self.file.tensors.get(&place.name);
        let found = stored.and_then(Stored::shape_of_floats);
        self.used.insert(place.name.clone());
        match stored {
            Some(stored) if found.as_ref() == Some(&expected) => {
                let values = stored.floats();
                Taken::Values(match place.part {
                    Part::Whole => values,
                    Part::Turned => turned(&values, shape),
                    Part::Paired(heads) => {
                        let n_heads = self.file.n_heads(heads);
                        turned(&halved(&values, n_heads, shape), shape)
                    }
                })
            }
            _ => Taken::Fault(WeightFault {
                name: place.name,
                expected: Some(expected),
                found,
            }),
        }
    }

    fn left_over(self) -> Vec<WeightFault> {
        let names = &self.file.names;
        let is_known = |name: &str| {
            let tied_output = name == names.output(); // checked to be the tokens'
            names.is_beside(name) || tied_output
        };
        unasked(&self.file.tensors, &self.used, is_known)
    }
}

/// Puts the rows of every head back: those of pairs side by side come half a head apart.
fn halved(values: &[f32], n_heads: usize, shape: &[usize]) -> Vec<f32> {
    let (d_input, d_output) = (shape[0], shape[1]);
    let d_head = d_output / n_heads;
    let row = |row: usize| {
        let (head, within) = (row / d_head, row % d_head);
        let (half, pair) = (within / (d_head / 2), within % (d_head / 2));
        let there = head * d_head + 2 * pair + half;
        &values[there * d_input..(there + 1) * d_input]
    };
    (0..d_output).flat_map(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_pairs_go_half_a_head_apart() {
        // Two heads of four rows, one number wide; llama.cpp keeps 0, 2, 1, 3 of each.
        let kept = [0.0, 2.0, 1.0, 3.0, 10.0, 12.0, 11.0, 13.0];
        let rows = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0];
        assert_eq!(halved(&kept, 2, &[1, 8]), rows);
    }
}
