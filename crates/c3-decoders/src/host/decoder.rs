//! The decoder itself.

use burn::tensor::{Device, Tensor, TensorData};
use c3_kernels::{Activation, Last, Panels, log_softmax};
use pulp::Arch;
use rayon::prelude::*;

use super::body::Body;
use super::seen::Seen;
use crate::prefix::PrefixMapper;

/// A decoder arranged for the processor.
#[derive(Debug)]
pub(crate) struct HostDecoder {
    /// Embeddings are mapped once for a whole caption, so by burn.
    mapper: PrefixMapper,
    device: Device,
    /// Token embeddings, `[n_vocab, d_model]`; those of the output where it has none of its own.
    tokens: Option<Vec<f32>>,
    body: Body,
    output: Panels,
}

/// Rows being read, and everything that they have read.
#[derive(Clone, Debug)]
pub(crate) struct HostReading<'a> {
    decoder: &'a HostDecoder,
    seen: Seen,
}

impl HostDecoder {
    /// # Shapes
    ///
    /// - `tokens`: `[n_vocab, d_model]`
    /// - `output`: the same, or nothing if the tokens serve
    pub(crate) fn new(
        mapper: PrefixMapper,
        device: Device,
        body: Body,
        (tokens, output): (Vec<f32>, Option<Vec<f32>>),
        shape: [usize; 2],
    ) -> Self {
        let (tokens, output) = match output {
            Some(output) => (Some(tokens), Panels::new(&output, shape)),
            None => (None, Panels::new(&tokens, shape)),
        };
        Self {
            mapper,
            device,
            tokens,
            body,
            output,
        }
    }

    /// Reads the prefixes of some embeddings, and says how likely every first token is.
    ///
    /// # Shapes
    ///
    /// - `embeddings`: `[n_rows, d_embed]`
    /// - result: log-probabilities, `[n_rows, n_vocab]`
    pub(crate) fn read_prefix(
        &self,
        embeddings: &[f32],
        n_rows: usize,
    ) -> (HostReading<'_>, Vec<f32>) {
        let mut seen = self.body.begin(n_rows);
        let d_embed = embeddings.len() / n_rows;
        let data = TensorData::new(embeddings.to_vec(), [n_rows, d_embed]);
        let prefix = self.mapper.forward(Tensor::from_data(data, &self.device));
        let [_, n_prefix, _] = prefix.dims();
        let prefix = prefix.into_data().try_into_vec();
        let prefix = prefix.expect("decoders compute in f32");
        let last = self.body.read(prefix, n_prefix, &mut seen);
        let first = self.log_probabilities(&last, n_rows);
        (
            HostReading {
                decoder: self,
                seen,
            },
            first,
        )
    }

    /// Token embeddings, `[tokens, d_model]`.
    fn embed(&self, tokens: &[u32]) -> Vec<f32> {
        let tokens = tokens.iter().map(|token| *token as usize);
        match &self.tokens {
            Some(table) => {
                let d_model = table.len() / self.output.d_output();
                let rows = tokens.flat_map(|token| &table[token * d_model..][..d_model]);
                rows.copied().collect()
            }
            None => tokens.flat_map(|token| self.output.column(token)).collect(),
        }
    }

    /// `[n_rows, d_model]` to `[n_rows, n_vocab]`
    fn log_probabilities(&self, last: &[f32], n_rows: usize) -> Vec<f32> {
        let n_vocab = self.output.d_output();
        let mut logits = vec![0.0; n_rows * n_vocab];
        let identity = Last::Over(Activation::Identity);
        let bias = vec![0.0; n_vocab];
        self.output.multiply(last, &bias, &mut logits, identity);
        let arch = Arch::new();
        let rows = logits.par_chunks_exact_mut(n_vocab);
        rows.for_each(|row| arch.dispatch(|| log_softmax(row)));
        logits
    }
}

impl HostReading<'_> {
    /// Goes on from rows `parents` by `tokens`: log-probabilities of the next, `[n, n_vocab]`.
    pub(crate) fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Vec<f32> {
        self.seen.choose(parents);
        let decoder = self.decoder;
        let embedded = decoder.embed(tokens);
        let last = decoder.body.read(embedded, 1, &mut self.seen);
        decoder.log_probabilities(&last, tokens.len())
    }
}
