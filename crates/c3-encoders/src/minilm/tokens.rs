//! Texts into tokens, and tokens into batches with little padding.

use std::iter::repeat_n;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use crate::EncoderError;
use crate::kernels::is_host;

/// Tokens in one batch on a processor: more of them leave the caches.
const TOKENS_ON_HOST: usize = 256;

/// Tokens in one batch on a graphics card.
const TOKENS: usize = 16_384;

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

/// Cuts sorted texts into batches that suit `device`.
pub(super) fn batches<'a>(mut sorted: &'a [Tokens], device: &Device) -> Vec<&'a [Tokens]> {
    let most = if is_host(device) {
        TOKENS_ON_HOST
    } else {
        TOKENS
    };
    let mut batches = Vec::new();
    while !sorted.is_empty() {
        // The longest text of a batch, its last, sets the width of all.
        let fits = |rows: &usize| rows * sorted[rows - 1].ids.len() <= most;
        let rows = (1..=sorted.len()).take_while(fits).last().unwrap_or(1);
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
        for text in texts {
            let length = text.ids.len();
            let padding = n_tokens - length;
            let padded = text.ids.iter().map(|&id| i64::from(id));
            ids.extend(padded.chain(repeat_n(0, padding)));
            shares.extend(repeat_n(1.0 / length as f32, length));
            shares.extend(repeat_n(0.0, padding));
        }
        let is_padded = texts.first().is_some_and(|text| text.ids.len() < n_tokens);
        Self {
            batch,
            n_tokens,
            ids: Tensor::from_data(TensorData::new(ids, [batch * n_tokens]), device),
            bias: is_padded.then(|| bias(texts, n_tokens, device)),
            shares: Tensor::from_data(TensorData::new(shares, [batch, 1, n_tokens]), device),
        }
    }
}

fn bias(texts: &[Tokens], n_tokens: usize, device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(texts.len() * n_tokens * n_tokens);
    for text in texts {
        let length = text.ids.len();
        for _ in 0..n_tokens {
            values.extend(repeat_n(0.0, length));
            values.extend(repeat_n(-1e9, n_tokens - length));
        }
    }
    let shape = [texts.len(), 1, n_tokens, n_tokens];
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[usize]) -> Vec<Tokens> {
        let texts = lengths.iter().enumerate();
        texts
            .map(|(row, &length)| Tokens {
                row,
                ids: vec![7; length],
            })
            .collect()
    }

    #[test]
    fn a_batch_holds_as_many_texts_as_fit_with_their_padding() {
        let texts = texts(&[3, 4, 60, 64, 64, 64, 65, 300, 400]);
        let batches = batches(&texts, &Device::flex());
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [4, 3, 1, 1]); // a text that is too long goes alone
    }

    #[test]
    fn no_texts_make_no_batches() {
        assert!(batches(&[], &Device::flex()).is_empty());
    }

    #[test]
    fn only_padding_is_kept_out_of_attention_and_of_the_mean() {
        let padded = Padded::new(&texts(&[2, 4]), &Device::flex());
        let bias: Vec<f32> = padded.bias.unwrap().into_data().try_to_vec().unwrap();
        assert_eq!(bias[..8], [0.0, 0.0, -1e9, -1e9, 0.0, 0.0, -1e9, -1e9]);
        assert_eq!(bias[16..], [0.0; 16]);
        let shares: Vec<f32> = padded.shares.into_data().try_to_vec().unwrap();
        assert_eq!(shares, [0.5, 0.5, 0.0, 0.0, 0.25, 0.25, 0.25, 0.25]);
        assert!(Padded::new(&texts(&[4, 4]), &Device::flex()).bias.is_none());
    }
}
