//! A decoder as the search sees it, wherever it reads.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use super::search::NextToken;
use crate::PrefixDecoder;
use crate::host::{HostDecoder, HostReading, is_host};
use crate::prefix::Reading;

/// A decoder where it reads.
#[derive(Clone, Debug)]
pub(super) enum Placed {
    OnHost(Arc<HostDecoder>),
    OnDevice(Box<PrefixDecoder>),
}

impl Placed {
    pub(super) fn new(decoder: PrefixDecoder) -> Self {
        match is_host(&decoder.device()) {
            true => Self::OnHost(Arc::new(decoder.into_host())),
            false => Self::OnDevice(Box::new(decoder)),
        }
    }

    /// Reads the prefixes of some embeddings, `[n_rows * d_embed]`, and says how likely every
    /// first token is, `[n_rows * n_vocab]`. The `forbidden` tokens are never written.
    pub(super) fn begin<'a>(
        &'a self,
        rows: &[f32],
        n_rows: usize,
        forbidden: &'a [u32],
    ) -> (Reader<'a>, Vec<f32>) {
        let (reading, mut first) = match self {
            Self::OnHost(decoder) => {
                let (reading, first) = decoder.read_prefix(rows, n_rows);
                (Rows::OnHost(reading), first)
            }
            Self::OnDevice(decoder) => {
                let data = TensorData::new(rows.to_vec(), [n_rows, rows.len() / n_rows]);
                let embeddings = Tensor::from_data(data, &decoder.device());
                let (reading, first) = decoder.read_prefix(embeddings);
                (Rows::OnDevice(reading), read_back(first))
            }
        };
        forbid(&mut first, n_rows, forbidden);
        let reader = Reader {
            rows: reading,
            forbidden,
        };
        (reader, first)
    }
}

/// Rows being read.
pub(super) struct Reader<'a> {
    rows: Rows<'a>,
    forbidden: &'a [u32],
}

enum Rows<'a> {
    OnHost(HostReading<'a>),
    OnDevice(Reading<'a>),
}

impl NextToken for Reader<'_> {
    fn next(&mut self, parents: &[usize], tokens: &[u32]) -> Vec<f32> {
        let mut next = match &mut self.rows {
            Rows::OnHost(reading) => reading.step(parents, tokens),
            Rows::OnDevice(reading) => read_back(reading.step(parents, tokens)),
        };
        forbid(&mut next, tokens.len(), self.forbidden);
        next
    }
}

fn read_back(log_probabilities: Tensor<2>) -> Vec<f32> {
    log_probabilities
        .try_into_vec_as::<f32>()
        .expect("what the device has computed can be read back")
}

/// Makes some tokens impossible in every row.
fn forbid(log_probabilities: &mut [f32], n_rows: usize, tokens: &[u32]) {
    let n_vocab = log_probabilities.len() / n_rows;
    for row in log_probabilities.chunks_exact_mut(n_vocab) {
        for token in tokens {
            row[*token as usize] = f32::NEG_INFINITY;
        }
    }
}
