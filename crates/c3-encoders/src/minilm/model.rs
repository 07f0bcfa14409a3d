//! The network, and texts through it.

use std::path::Path;

use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor};
use c3_geometry::Embeddings;
use tokenizers::Tokenizer;

use super::tokens::{self, Padded};
use super::weights;
use crate::EncoderError;
use crate::batches::{SortedTexts, Text};
use crate::kernels::{Activation, Dense};
use crate::transformer::Norm;

/// all-MiniLM-L6-v2 with its tokenizer.
#[derive(Debug)]
pub struct MiniLm {
    tokenizer: Tokenizer,
    network: Network,
    device: Device,
    d_embed: usize,
}

impl MiniLm {
    /// Loads `config.json`, `tokenizer.json` and `model.safetensors` of `folder` onto `device`.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Read`], [`EncoderError::Json`], [`EncoderError::Safetensors`]
    /// if a file cannot be read, [`EncoderError::Setting`] or
    /// [`EncoderError::Vocabulary`] if they contradict one another, and
    /// [`EncoderError::Weights`] naming every tensor that does not fit.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, EncoderError> {
        let (config, tokenizer, network) = weights::load(folder, device)?;
        Ok(Self {
            tokenizer: tokens::unpadded(tokenizer, config.max_tokens),
            network,
            device: device.clone(),
            d_embed: config.hidden_size,
        })
    }

    /// Width of an embedding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.d_embed
    }

    /// Encodes texts: the mean over their tokens, of unit length.
    ///
    /// Blanks around a text are dropped, and so is what follows its 256th token.
    /// `progress` hears how many texts were finished since it was last called.
    ///
    /// # Shapes
    ///
    /// - result: `[texts.len(), 384]`
    ///
    /// # Errors
    ///
    /// [`EncoderError::Tokenize`] if the tokenizer refuses a text.
    pub fn encode(
        &self,
        texts: &[&str],
        progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        let texts = SortedTexts::new(tokens::tokenize(&self.tokenizer, texts)?, &self.device);
        let forward = |batch: &[Text]| self.network.forward(Padded::new(batch, &self.device));
        let encoded = texts.encode(self.d_embed, forward, progress)?;
        Ok(encoded.to_unit_length()?)
    }
}

/// The layers, from token numbers to the mean of the last layer.
#[derive(Debug)]
pub(super) struct Network {
    /// `[vocab_size, d_model]`
    pub(super) words: Tensor<2>,
    /// The first token type is added already, `[max_positions, d_model]`.
    pub(super) positions: Tensor<2>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

impl Network {
    /// # Shapes
    ///
    /// - result: `[batch, d_model]`
    fn forward(&self, texts: Padded) -> Tensor<2> {
        let Padded {
            batch, n_tokens, ..
        } = texts;
        let [_, d_model] = self.words.dims();
        let words = self.words.clone().select(0, texts.ids); // [batch * n_tokens, d_model]
        let positions = self.positions.clone().narrow(0, 0, n_tokens).unsqueeze();
        let placed = words.reshape([batch, n_tokens, d_model]) + positions;
        let first = self
            .norm
            .forward(placed.reshape([batch * n_tokens, d_model]));

        let shape = [batch, n_tokens];
        let last = self.layers.iter().fold(first, |x, layer| {
            layer.forward(x, shape, texts.bias.clone())
        });
        let mean = texts
            .shares
            .matmul(last.reshape([batch, n_tokens, d_model]));
        mean.reshape([batch, d_model])
    }
}

/// Attention and a feed-forward part, each added to its input and normalized.
#[derive(Debug)]
pub(super) struct Layer {
    /// Queries, keys and values side by side.
    pub(super) query_key_value: Dense,
    pub(super) attended: Dense,
    pub(super) attended_norm: Norm,
    pub(super) widen: Dense,
    pub(super) narrow: Dense,
    pub(super) norm: Norm,
    pub(super) n_heads: usize,
}

impl Layer {
    /// # Shapes
    ///
    /// - `x`, result: `[batch * n_tokens, d_model]`
    fn forward(&self, x: Tensor<2>, shape: [usize; 2], bias: Option<Tensor<4>>) -> Tensor<2> {
        let mixed = self.attend(x.clone(), shape, bias);
        let x = self
            .attended_norm
            .forward(self.attended.forward_onto(mixed, x));
        let wide = self.widen.forward(x.clone(), Activation::Gelu);
        self.norm.forward(self.narrow.forward_onto(wide, x))
    }

    fn attend(
        &self,
        x: Tensor<2>,
        [batch, n_tokens]: [usize; 2],
        bias: Option<Tensor<4>>,
    ) -> Tensor<2> {
        let [rows, d_model] = x.dims();
        let d_head = d_model / self.n_heads;
        let all = self.query_key_value.forward(x, Activation::Identity); // [rows, 3 * d_model]
        let heads = all
            .reshape([batch, n_tokens, 3, self.n_heads, d_head])
            .permute([2, 0, 3, 1, 4]); // [3, batch, n_heads, n_tokens, d_head]
        let part = |index: usize| {
            let part: Tensor<5> = heads.clone().narrow(0, index, 1);
            part.reshape([batch, self.n_heads, n_tokens, d_head])
        };
        let options = AttentionModuleOptions::default(); // scaled by 1 / sqrt(d_head)
        let mixed = attention(part(0), part(1), part(2), None, bias, options);
        mixed.swap_dims(1, 2).reshape([rows, d_model])
    }
}
