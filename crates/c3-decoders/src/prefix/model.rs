//! The decoder itself: a prefix, then a causal transformer.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, module};

use super::body::Body;
use super::config::{Output, PrefixDecoderConfig};
use super::dropout::Dropout;
use super::init::Init;
use super::projector::PrefixMapper;
use crate::host::{self, HostDecoder};

/// Writes captions from embeddings.
///
/// The embedding becomes the first `n_prefix` tokens that a causal transformer reads, as in
/// ClipCap (Mokady et al. 2021, arXiv:2111.09734).
#[derive(Module, Debug)]
pub struct PrefixDecoder {
    pub(super) prefix: PrefixMapper,
    pub(crate) tokens: Param<Tensor<2>>,
    pub(super) body: Body,
    pub(super) output: Option<Param<Tensor<2>>>,
    #[module(skip)]
    config: PrefixDecoderConfig,
}

impl PrefixDecoder {
    pub(crate) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        let d_model = config.d_model;
        Self {
            prefix: PrefixMapper::new(config, init),
            tokens: init.matrix(config.n_vocab, d_model),
            body: Body::new(config, init),
            output: match config.output {
                Output::Tied => None,
                Output::Untied => Some(init.matrix(config.n_vocab, d_model)),
            },
            config: config.clone(),
        }
    }

    /// Draws the mapper anew.
    pub(crate) fn draw_prefix(&mut self, init: &mut Init<'_>) {
        self.prefix = PrefixMapper::new(&self.config, init);
    }

    /// Lets a training change the mapper, whatever else stays as it is.
    pub(crate) fn with_mapper_trained(mut self) -> Self {
        self.prefix = self.prefix.set_require_grad(true);
        self
    }

    /// The sizes that it was built with.
    #[must_use]
    pub fn config(&self) -> &PrefixDecoderConfig {
        &self.config
    }

    /// Where the weights lie.
    #[must_use]
    pub fn device(&self) -> Device {
        self.tokens.val().device()
    }

    /// What the decoder thinks at the positions from which captions are predicted: the last
    /// of the prefix, and every token read.
    ///
    /// # Shapes
    ///
    /// - `embeddings`: `[batch, d_embed]`
    /// - `read`: `[batch, n_read]`, the tokens before the last; `n_read` may be 0
    /// - result: `[batch, n_read + 1, d_model]`
    pub(crate) fn hidden(
        &self,
        embeddings: Tensor<2>,
        read: Option<Tensor<2, Int>>,
        dropout: &mut Dropout,
    ) -> Tensor<3> {
        let prefix = self.prefix.forward(embeddings); // [batch, n_prefix, d_model]
        let tokens = match read {
            Some(read) => Tensor::cat(vec![prefix, self.embed(read)], 1),
            None => prefix,
        };
        self.body.read(tokens, self.config.n_prefix - 1, dropout)
    }

    /// Embeds tokens: `[batch, n_read]` to `[batch, n_read, d_model]`.
    pub(super) fn embed(&self, read: Tensor<2, Int>) -> Tensor<3> {
        module::embedding(self.tokens.val(), read)
    }

    /// Output weights, `[n_vocab, d_model]`.
    pub(crate) fn output_weights(&self) -> Tensor<2> {
        self.output.as_ref().unwrap_or(&self.tokens).val()
    }

    /// The same on the processor, whose memory it has to be in already.
    pub(crate) fn into_host(self) -> HostDecoder {
        let device = self.device();
        let shape = self.tokens.dims();
        let tokens = host::values(self.tokens);
        let output = self.output.map(host::values);
        let body = self.body.into_host();
        HostDecoder::new(self.prefix, device, body, (tokens, output), shape)
    }
}
