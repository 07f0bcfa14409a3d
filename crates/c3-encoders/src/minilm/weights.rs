//! The model's files, and the names of its tensors.

use std::path::Path;

use burn::tensor::Device;
use tokenizers::Tokenizer;

use super::MiniLmConfig;
use super::model::{Layer, Network};
use crate::EncoderError;
use crate::folder::read_json;
use crate::tensors::TensorFile;
use crate::transformer::{Layers, Norm};

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
        layers: Layers::new(TensorFile::open(&folder.join("model.safetensors"))?, device),
        config: &config,
    };
    let network = reader.network();
    reader.layers.tensors.finish()?;
    Ok((config, tokenizer, network))
}

struct Reader<'a> {
    layers: Layers<'a>,
    config: &'a MiniLmConfig,
}

impl Reader<'_> {
    fn network(&mut self) -> Network {
        let config = self.config;
        let d_model = config.hidden_size;
        let mut table = |name: &str, rows: usize| {
            let name = format!("embeddings.{name}_embeddings.weight");
            self.layers.take(&name, &[rows, d_model])
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
            words: self.layers.tensor(words, [config.vocab_size, d_model]),
            positions: self
                .layers
                .tensor(positions, [config.max_position_embeddings, d_model]),
            norm: self.norm("embeddings.LayerNorm"),
            layers: layers.map(|index| self.layer(index)).collect(),
        }
    }

    fn layer(&mut self, index: usize) -> Layer {
        let (d_model, d_wide) = (self.config.hidden_size, self.config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let parts = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Layer {
            query_key_value: self.layers.dense_beside(&parts, [d_model, d_model]),
            attended: self
                .layers
                .dense(&name("attention.output.dense"), [d_model, d_model]),
            attended_norm: self.norm(&name("attention.output.LayerNorm")),
            widen: self
                .layers
                .dense(&name("intermediate.dense"), [d_model, d_wide]),
            narrow: self.layers.dense(&name("output.dense"), [d_wide, d_model]),
            norm: self.norm(&name("output.LayerNorm")),
            n_heads: self.config.num_attention_heads,
        }
    }

    fn norm(&mut self, name: &str) -> Norm {
        let (width, epsilon) = (self.config.hidden_size, self.config.layer_norm_eps);
        self.layers.norm(name, width, epsilon)
    }
}
