//! Texts into tokens, and tokens into batches with little padding.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use crate::EncoderError;

/// Tokens in one batch: more of them leave the caches, fewer make small matrices.
const TOKENS_PER_BATCH: usize = 512;

/// Tokens of one text, with its place in the caller's list.
pub(super) struct Tokens {
    pub(super) row: usize,
    ids: Vec<u32>,
}

/// Sets a tokenizer to cut at `max_tokens` and to pad nothing.
pub(super) fn unpadded(mut tokenizer: Tokenizer, max_tokens: usize) -> Tokenizer {
    let truncation = TruncationParams {
        max_length: max_tokens,
        ..TruncationParams::default()
    };
    tokenizer
        .with_padding(None)
        .with_truncation(Some(truncation))
        .expect("max_tokens holds more than the marks");
    tokenizer
}

/// Cuts texts into tokens, shortest first.
pub(super) fn tokenize(tokenizer: &Tokenizer, texts: &[&str]) -> Result<Vec<Tokens>, EncoderError> {
    let tokens: Result<Vec<Tokens>, EncoderError> = texts
        .par_iter()
        .enumerate()
        .map(|(row, text)| {
            let encoding = tokenizer.encode_fast(text.trim(), true);
            let ids = encoding.map_err(|_| EncoderError::Tokenize { row })?;
            Ok(Tokens {
                row,
                ids: ids.get_ids().to_vec(),
            })
        })
        .collect();
    let mut tokens = tokens?;
    tokens.sort_by_key(|text| text.ids.len());
    Ok(tokens)
}

/// Cuts sorted texts into batches of about [`TOKENS_PER_BATCH`] tokens.
pub(super) fn batches(mut sorted: &[Tokens]) -> Vec<&[Tokens]> {
    let mut batches = Vec::new();
    while let Some(shortest) = sorted.first() {
        let mut rows = TOKENS_PER_BATCH
            .div_ceil(shortest.ids.len())
            .min(sorted.len());
        // The longest text of a batch sets its width.
        while rows > 1 && rows * sorted[rows - 1].ids.len() > TOKENS_PER_BATCH {
            rows -= 1;
        }
        let (batch, rest) = sorted.split_at(rows);
        batches.push(batch);
        sorted = rest;
    }
    batches
}

/// One batch as tensors.
pub(super) struct Padded {
    pub(super) batch: usize,
    pub(super) n_tokens: usize,
    /// `[batch * n_tokens]`
    pub(super) ids: Tensor<1, Int>,
    /// What is added to the scores of attention: nothing, or -1e9 where there is
    /// only padding, `[batch, 1, n_tokens, n_tokens]`. `None` without padding.
    pub(super) bias: Option<Tensor<4>>,
    /// The share of each token in the mean of its text, `[batch, 1, n_tokens]`.
    pub(super) shares: Tensor<3>,
}

impl Padded {
    pub(super) fn new(texts: &[Tokens], device: &Device) -> Self {
        let batch = texts.len();
        let n_tokens = texts.last().map_or(0, |text| text.ids.len()); // the longest
        let mut ids = Vec::with_capacity(batch * n_tokens);
        let mut shares = Vec::with_capacity(batch * n_tokens);
        let mut bias = Vec::new();
        for text in texts {
            let length = text.ids.len();
            let padding = n_tokens - length;
            let padded = text.ids.iter().map(|&id| i64::from(id));
            ids.extend(padded.chain(std::iter::repeat_n(0, padding)));
            shares.extend(std::iter::repeat_n(1.0 / length as f32, length));
            shares.extend(std::iter::repeat_n(0.0, padding));
            for _ in 0..n_tokens {
                bias.extend(std::iter::repeat_n(0.0, length));
                bias.extend(std::iter::repeat_n(-1e9, padding));
            }
        }
        let is_padded = texts.first().is_some_and(|text| text.ids.len() < n_tokens);
        let bias = is_padded.then(|| {
            let shape = [batch, 1, n_tokens, n_tokens];
            Tensor::from_data(TensorData::new(bias, shape), device)
        });
        Self {
            batch,
            n_tokens,
            ids: Tensor::from_data(TensorData::new(ids, [batch * n_tokens]), device),
            bias,
            shares: Tensor::from_data(TensorData::new(shares, [batch, 1, n_tokens]), device),
        }
    }
}
