//! GPT-2 and its mappers from safetensors.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::config::Gpt2Config;
use super::names::{MapperKind, Names, Part};
use crate::files::{Stored, safetensors, turned, unasked};
use crate::prefix::{Init, Taken, Weights};
use crate::{
    DecoderError, Mapper, PrefixDecoder, PrefixDecoderConfig, PretrainedPrefix, PretrainedUse,
    ReadAt, WeightFault,
};

/// Heads of ClipCap's layers of attention, which its files do not tell.
const MAPPER_HEADS: usize = 8;

/// A safetensors file that holds a GPT-2: alone, or behind the mapper of ClipCap, CapDec or C3.
///
/// Weights in half precision and in bf16 are widened. The names are those of Hugging Face, with
/// or without `transformer.`, of ClipCap and CapDec (`gpt.transformer.`, `clip_project.`), of
/// C3's checkpoints (`model.model.transformer.`, `model.clip_project.`) and of its ImageBind
/// branch (`decoder.transformer.`, `proj.`).
#[derive(Debug)]
pub struct Gpt2File<'a> {
    tensors: BTreeMap<String, Stored<'a>>,
    names: Names,
    config: Gpt2Config,
}

impl<'a> Gpt2File<'a> {
    /// Finds the model in a file, or in its shards; without its `config.json` its sizes are read
    /// off the weights, and heads taken to be 64 wide.
    ///
    /// # Errors
    ///
    /// [`DecoderError::WeightsFile`] for other bytes, [`DecoderError::TensorTwice`] if two shards
    /// hold the same tensor, [`DecoderError::NotGpt2`] for another model.
    pub fn open(shards: &[&'a [u8]], config: Option<Gpt2Config>) -> Result<Self, DecoderError> {
        let tensors = safetensors(shards)?;
        let other = || DecoderError::NotGpt2 {
            found: tensors.keys().take(3).cloned().collect(),
        };
        let names = Names::find(tensors.keys().map(String::as_str)).ok_or_else(other)?;
        let shape = |name: &str| match tensors.get(&format!("{}{name}", names.gpt))?.shape[..] {
            [rows, columns] => Some([rows, columns]),
            _ => None,
        };
        let (tokens, positions) = shape("wte.weight")
            .zip(shape("wpe.weight"))
            .ok_or_else(other)?;
        let prefix = format!("{}h.", names.gpt);
        let blocks: BTreeSet<&str> = tensors
            .keys()
            .filter_map(|name| Some(name.strip_prefix(&prefix)?.split_once('.')?.0))
            .collect();
        let found = Gpt2Config::of_shapes(tokens, positions[0], blocks.len());
        let config = config.unwrap_or(found);
        Ok(Self {
            tensors,
            names,
            config,
        })
    }

    /// The sizes of the GPT-2.
    #[must_use]
    pub fn config(&self) -> &Gpt2Config {
        &self.config
    }

    /// The mapper that the file holds, if it holds one.
    #[must_use]
    pub fn prefix(&self) -> Option<PretrainedPrefix> {
        let (_, kind) = self.names.mapper.as_ref()?;
        let d_model = self.config.n_embd;
        let shape = |ours: &str| {
            let place = self.names.place(&format!("prefix.{ours}"))?;
            match self.tensors.get(&place.name)?.shape[..] {
                [rows, columns] => Some((rows, columns)),
                _ => None,
            }
        };
        let (d_tokens, d_input) = shape("project.weight")?;
        let n_tokens = d_tokens / d_model;
        let (d_embed, n_prefix, mapper) = match kind {
            MapperKind::Linear => (d_input, n_tokens, Mapper::Linear),
            MapperKind::Mlp => (shape("widen.weight")?.1, n_tokens, Mapper::Mlp),
            MapperKind::Transformer => {
                let mapper = Mapper::Transformer {
                    n_embedded: n_tokens,
                    n_layers: self.mapper_layers(),
                    n_heads: MAPPER_HEADS,
                };
                (d_input, shape("mixer.constants")?.0, mapper)
            }
        };
        Some(PretrainedPrefix {
            d_embed,
            n_prefix,
            mapper,
            read_at: ReadAt::OwnLength,
        })
    }

    fn mapper_layers(&self) -> usize {
        let layers = |at: &usize| {
            let ours = format!("prefix.mixer.layers.{at}.norm_mlp.gamma");
            let place = self.names.place(&ours);
            place.is_some_and(|place| self.tensors.contains_key(&place.name))
        };
        (0..).take_while(layers).count()
    }

    /// The decoder with the mapper of the file, or with a fresh one drawn from `seed`.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoMapper`] if there is neither, [`DecoderError::Setting`] for sizes that
    /// cannot be (more positions than GPT-2 has among them), [`DecoderError::Weights`] lists
    /// every tensor that is missing, unknown or of another shape, [`DecoderError::Untied`] if
    /// the output weights are not those of the tokens.
    pub fn decoder(
        &self,
        how: &PretrainedUse,
        seed: u64,
        device: &Device,
    ) -> Result<PrefixDecoder, DecoderError> {
        let config = self.sizes(how)?;
        self.check_head()?;
        let mut decoder = PrefixDecoder::new(&config, &mut Init::zeros(device));
        if self.names.mapper.is_none() {
            let rng = ChaCha8Rng::seed_from_u64(seed);
            decoder.draw_prefix(&mut Init::drawn(rng, device));
        }
        let used = BTreeSet::new();
        decoder.filled(Foreign { file: self, used }, device)
    }

    /// The sizes of the decoder that [`Self::decoder`] makes.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoMapper`], [`DecoderError::Setting`].
    pub fn sizes(&self, how: &PretrainedUse) -> Result<PrefixDecoderConfig, DecoderError> {
        let prefix = self.prefix().or(how.fresh).ok_or(DecoderError::NoMapper)?;
        let config = PrefixDecoderConfig {
            d_embed: prefix.d_embed,
            d_model: self.config.n_embd,
            n_layers: self.config.n_layer,
            n_heads: self.config.n_head,
            n_prefix: prefix.n_prefix,
            n_vocab: self.config.vocab_size,
            max_tokens: how.max_tokens,
            mapper: prefix.mapper,
            read_at: prefix.read_at,
            activation: self.config.activation()?,
            dropout: how.dropout,
            ..Default::default()
        };
        config.check()?;
        if config.n_positions() > self.config.n_positions {
            return Err(DecoderError::Setting {
                setting: "max_tokens",
                value: how.max_tokens as f64,
                expected: "so small that it and the prefix fit the positions of the GPT-2",
            });
        }
        Ok(config)
    }

    /// Output weights of their own would be lost.
    fn check_head(&self) -> Result<(), DecoderError> {
        let head = self
            .tensors
            .iter()
            .find(|(name, _)| self.names.is_head(name));
        let tokens = &self.tensors[&format!("{}wte.weight", self.names.gpt)];
        match head {
            Some((_, head)) if head.data != tokens.data => Err(DecoderError::Untied),
            _ => Ok(()),
        }
    }
}

/// The file of somebody else, under their names.
struct Foreign<'f, 'a> {
    file: &'f Gpt2File<'a>,
    used: BTreeSet<String>,
}

impl Weights for Foreign<'_, '_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Taken {
        let Some(place) = self.file.names.place(name) else {
            return Taken::Nothing; // a fresh mapper
        };
        let stored = place.part.stored(shape);
        let tensor = self.file.tensors.get(&place.name);
        let found = tensor.and_then(Stored::shape_of_floats);
        let is_new = self.used.insert(place.name.clone());
        let fits = found.as_ref().is_some_and(|found| match place.part {
            Part::FirstRows => found[0] >= stored[0] && found[1..] == stored[1..],
            _ => *found == stored,
        });
        match tensor {
            Some(tensor) if fits => Taken::Values(place.part.take(&tensor.floats(), shape)),
            // Queries, keys and values would each report their common matrix.
            _ if !is_new => Taken::Nothing,
            _ => Taken::Fault(WeightFault {
                name: place.name,
                expected: Some(stored),
                found,
            }),
        }
    }

    fn left_over(self) -> Vec<WeightFault> {
        let names = &self.file.names;
        unasked(&self.file.tensors, &self.used, |name| names.is_beside(name))
    }
}

impl Part {
    /// The shape of the tensor in the file of which this part has `shape`.
    fn stored(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Self::Third(_), &[rows, columns]) => vec![rows, 3 * columns],
            (Self::Third(_), &[columns]) => vec![3 * columns],
            (Self::Turned { of, .. }, &[rows, columns]) => vec![of * columns, rows],
            _ => shape.to_vec(),
        }
    }

    /// Cuts the part out of the values of the whole tensor.
    fn take(self, values: &[f32], shape: &[usize]) -> Vec<f32> {
        let width = shape[shape.len() - 1];
        match self {
            Self::Whole | Self::FirstRows => values[..shape.iter().product()].to_vec(),
            Self::Third(at) => {
                let rows = values.chunks_exact(3 * width);
                rows.flat_map(|row| &row[at * width..(at + 1) * width])
                    .copied()
                    .collect()
            }
            Self::Turned { at, .. } => turned(&values[at * shape[0] * width..], shape),
        }
    }
}
