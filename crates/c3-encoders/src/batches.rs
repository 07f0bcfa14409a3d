//! Many batches through a tower, several at the same time.

use burn::tensor::{Device, Tensor};
use c3_geometry::Embeddings;
use rayon::prelude::*;

use crate::EncoderError;
use crate::kernels::is_host;

/// Tokens in one batch on a processor: more of them leave the caches.
const TOKENS_ON_HOST: usize = 256;

/// Tokens in one batch on a graphics card.
const TOKENS: usize = 16_384;

/// Token numbers of one text, with its place in the caller's list.
#[derive(Debug)]
pub(crate) struct Text {
    row: usize,
    pub(crate) ids: Vec<u32>,
}

impl Text {
    pub(crate) fn new(row: usize, ids: Vec<u32>) -> Self {
        Self { row, ids }
    }
}

/// Texts in batches of similar length, so that there is little padding.
#[derive(Debug)]
pub(crate) struct SortedTexts {
    /// The shortest first.
    texts: Vec<Text>,
    most: usize,
}

impl SortedTexts {
    /// Sorts token numbers, one list a text, for batches that suit `device`.
    pub(crate) fn new(ids: Vec<Vec<u32>>, device: &Device) -> Self {
        let texts = ids.into_iter().enumerate();
        let mut texts: Vec<Text> = texts.map(|(row, ids)| Text::new(row, ids)).collect();
        texts.sort_by_key(|text| text.ids.len());
        Self {
            texts,
            most: most_tokens(device),
        }
    }

    /// Runs `forward` over batches, as [`encode_batches`], and returns all rows in the order of
    /// the caller. The last text of a batch is its longest.
    pub(crate) fn encode(
        &self,
        dim: usize,
        forward: impl Fn(&[Text]) -> Tensor<2> + Sync,
        progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        let sorted = encode_batches(&self.batches(), dim, forward, progress)?;
        let mut places = vec![0; self.texts.len()];
        for (place, text) in self.texts.iter().enumerate() {
            places[text.row] = place;
        }
        Ok(sorted.select(&places))
    }

    fn batches(&self) -> Vec<&[Text]> {
        let (mut sorted, mut batches) = (&self.texts[..], Vec::new());
        while !sorted.is_empty() {
            // The longest text of a batch, its last, sets the width of all.
            let fits = |rows: &usize| rows * sorted[rows - 1].ids.len() <= self.most;
            let rows = (1..=sorted.len()).take_while(fits).last().unwrap_or(1);
            let (batch, rest) = sorted.split_at(rows);
            batches.push(batch);
            sorted = rest;
        }
        batches
    }
}

/// Rows of so many tokens each that make a batch for `device`.
pub(crate) fn rows_that_fit(n_tokens: usize, device: &Device) -> usize {
    (most_tokens(device) / n_tokens).max(1)
}

fn most_tokens(device: &Device) -> usize {
    if is_host(device) {
        TOKENS_ON_HOST
    } else {
        TOKENS
    }
}

/// Runs `forward` over batches and returns all rows in their order.
///
/// Batches run side by side on all threads: most element-wise operations of
/// burn's processor backend use one thread only, and small batches stay in the
/// caches. `progress` hears how many rows were finished since it was last called.
pub(crate) fn encode_batches<I: Sync>(
    batches: &[&[I]],
    dim: usize,
    forward: impl Fn(&[I]) -> Tensor<2> + Sync,
    mut progress: impl FnMut(usize),
) -> Result<Embeddings, EncoderError> {
    let mut values = Vec::new();
    for round in batches.chunks(4 * rayon::current_num_threads()) {
        let rows: Vec<Vec<f32>> = round
            .par_iter()
            .map(|batch| host_values(forward(batch)))
            .collect();
        values.extend(rows.into_iter().flatten());
        progress(round.iter().map(|batch| batch.len()).sum());
    }
    Ok(Embeddings::new(values, dim)?)
}

fn host_values(rows: Tensor<2>) -> Vec<f32> {
    rows.into_data()
        .convert::<f32>()
        .try_into_vec()
        .expect("converted to f32 just before")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[usize]) -> SortedTexts {
        let ids = lengths.iter().map(|length| vec![7; *length]);
        SortedTexts::new(ids.collect(), &Device::flex())
    }

    #[test]
    fn a_batch_holds_as_many_texts_as_fit_with_their_padding() {
        let texts = texts(&[64, 3, 400, 60, 64, 65, 4, 64, 300]);
        let sizes: Vec<usize> = texts.batches().iter().map(|batch| batch.len()).collect();
        assert_eq!(sizes, [4, 3, 1, 1]); // a text that is too long goes alone
    }

    #[test]
    fn no_texts_make_no_batches() {
        assert!(texts(&[]).batches().is_empty());
    }

    #[test]
    fn rows_come_back_in_the_order_of_the_texts() {
        let lengths = [64, 3, 400, 60];
        let forward = |batch: &[Text]| {
            let lengths: Vec<f32> = batch.iter().map(|text| text.ids.len() as f32).collect();
            Tensor::<1>::from_data(&lengths[..], &Device::flex()).unsqueeze_dim(1)
        };
        let found = texts(&lengths).encode(1, forward, |_| {}).unwrap();
        assert_eq!(found.as_slice(), lengths.map(|length| length as f32));
    }
}
