//! The model's files, and the names of its tensors.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use tokenizers::Tokenizer;

use super::MiniLmConfig;
use super::model::{Layer, Network, Norm};
use crate::EncoderError;
use crate::folder::read_json;
use crate::kernels::Dense;
use crate::tensors::TensorFile;

/// Reads the sizes, the tokenizer and the network of a folder.
pub(super) fn load(
    folder: &Path,
    device: &Device,
) -> Result<(MiniLmConfig, Tokenizer, Network), EncoderError> {
    let config: MiniLmConfig = read_json(&folder.join("config.json"))?;
    config.check()?;
    let tokenizer: Tokenizer = read_json(&folder.join("tokenizer.json"))?;
    let known = tokenizer.get_vocab_size(true);
    if known > config.vocab_size {
        return Err(EncoderError::Vocabulary {
            tokenizer: known,
            weights: config.vocab_size,
        });
    }
    let mut reader = Reader {
        tensors: TensorFile::open(&folder.join("model.safetensors"))?,
        config: &config,
        device,
    };
    let network = reader.network();
    reader.tensors.finish()?;
    Ok((config, tokenizer, network))
}

struct Reader<'a> {
    tensors: TensorFile,
    config: &'a MiniLmConfig,
    device: &'a Device,
}

impl Reader<'_> {
    fn network(&mut self) -> Network {
        let config = self.config;
        let d_model = config.hidden_size;
        let mut table = |name: &str, rows: usize| {
            let name = format!("embeddings.{name}_embeddings.weight");
            self.tensors.take(&name, &[rows, d_model])
        };
        let words = table("word", config.vocab_size);
        let mut positions = table("position", config.max_position_embeddings);
        let types = table("token_type", config.type_vocab_size);
        for row in positions.chunks_exact_mut(d_model) {
            for (value, first_type) in row.iter_mut().zip(&types) {
                *value += first_type;
            }
        }
        let layers = 0..config.num_hidden_layers;
        Network {
            words: self.tensor(words, [config.vocab_size, d_model]),
            positions: self.tensor(positions, [config.max_position_embeddings, d_model]),
            norm: self.norm("embeddings.LayerNorm"),
            layers: layers.map(|index| self.layer(index)).collect(),
        }
    }

    fn layer(&mut self, index: usize) -> Layer {
        let (d_model, d_wide) = (self.config.hidden_size, self.config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let parts = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Layer {
            query_key_value: self.dense(&parts, [d_model, d_model]),
            attended: self.dense(&[name("attention.output.dense")], [d_model, d_model]),
            attended_norm: self.norm(&name("attention.output.LayerNorm")),
            widen: self.dense(&[name("intermediate.dense")], [d_model, d_wide]),
            narrow: self.dense(&[name("output.dense")], [d_wide, d_model]),
            norm: self.norm(&name("output.LayerNorm")),
            n_heads: self.config.num_attention_heads,
        }
    }

    /// Reads layers of one shape side by side. PyTorch stores `[d_output, d_input]`.
    fn dense(&mut self, names: &[String], [d_input, d_output]: [usize; 2]) -> Dense {
        let mut rows = Vec::with_capacity(names.len() * d_output * d_input);
        let mut bias = Vec::with_capacity(names.len() * d_output);
        for name in names {
            let weight = format!("{name}.weight");
            rows.extend(self.tensors.take(&weight, &[d_output, d_input]));
            bias.extend(self.tensors.take(&format!("{name}.bias"), &[d_output]));
        }
        Dense::new(rows, bias, d_input, self.device)
    }

    fn norm(&mut self, name: &str) -> Norm {
        let shape = [self.config.hidden_size];
        let gain = self.tensors.take(&format!("{name}.weight"), &shape);
        let offset = self.tensors.take(&format!("{name}.bias"), &shape);
        Norm {
            gain: self.tensor(gain, shape),
            offset: self.tensor(offset, shape),
            epsilon: self.config.layer_norm_eps,
        }
    }

    fn tensor<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}
