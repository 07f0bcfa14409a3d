//! Texts into tokens, and batches of them into tensors.

use std::iter::repeat_n;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use crate::EncoderError;
use crate::batches::Text;

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

/// Cuts texts into token numbers.
pub(super) fn tokenize(
    tokenizer: &Tokenizer,
    texts: &[&str],
) -> Result<Vec<Vec<u32>>, EncoderError> {
    let texts = texts.par_iter().enumerate();
    texts
        .map(|(row, text)| {
            let encoding = tokenizer.encode_fast(text.trim(), true);
            let ids = encoding.map_err(|_| EncoderError::Tokenize { row })?;
            Ok(ids.get_ids().to_vec())
        })
        .collect()
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
    pub(super) fn new(texts: &[Text], device: &Device) -> Self {
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

fn bias(texts: &[Text], n_tokens: usize, device: &Device) -> Tensor<4> {
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

    fn texts(lengths: &[usize]) -> Vec<Text> {
        let texts = lengths.iter().enumerate();
        texts
            .map(|(row, &length)| Text::new(row, vec![7; length]))
            .collect()
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
