//! The part of a decoder that reads tokens, of one kind or another.

use burn::module::Module;
use burn::tensor::Tensor;

use super::attention::KeyValues;
use super::config::{BodyConfig, PrefixDecoderConfig};
use super::dropout::Dropout;
use super::gpt::GptBody;
use super::init::Init;
use crate::host;
use crate::llama::LlamaBody;

/// A causal transformer between the tokens that go in and the output weights.
#[derive(Module, Debug)]
pub(crate) enum Body {
    Gpt(GptBody),
    Llama(LlamaBody),
}

impl Body {
    pub(super) fn new(config: &PrefixDecoderConfig, init: &mut Init<'_>) -> Self {
        match &config.body {
            BodyConfig::Gpt => Self::Gpt(GptBody::new(config, init)),
            BodyConfig::Llama(body) => Self::Llama(LlamaBody::new(config, body, init)),
        }
    }

    /// Reads tokens; says what it thinks at those from `first` on.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[batch, n_tokens, d_model]`
    /// - result: `[batch, n_tokens - first, d_model]`
    pub(super) fn read(&self, tokens: Tensor<3>, first: usize, dropout: &mut Dropout) -> Tensor<3> {
        match self {
            Self::Gpt(body) => body.read(tokens, first, dropout),
            Self::Llama(body) => body.read(tokens, first, dropout),
        }
    }

    /// Reads tokens; says what it thinks at the last, `[batch, 1, d_model]`, and keeps the keys
    /// and values of all, block by block.
    pub(super) fn read_keeping(&self, tokens: Tensor<3>) -> (Tensor<3>, Vec<KeyValues>) {
        match self {
            Self::Gpt(body) => body.read_keeping(tokens),
            Self::Llama(body) => body.read_keeping(tokens),
        }
    }

    /// Reads one new token per row, `[batch, 1, d_model]`, after `n_read` others that `caches`
    /// hold; says what it thinks there.
    pub(super) fn read_next(
        &self,
        token: Tensor<3>,
        n_read: usize,
        caches: &mut [KeyValues],
    ) -> Tensor<3> {
        match self {
            Self::Gpt(body) => body.read_next(token, n_read, caches),
            Self::Llama(body) => body.read_next(token, n_read, caches),
        }
    }

    /// The same on the processor.
    pub(super) fn into_host(self) -> host::Body {
        match self {
            Self::Gpt(body) => body.into_host(),
            Self::Llama(body) => body.into_host(),
        }
    }
}
