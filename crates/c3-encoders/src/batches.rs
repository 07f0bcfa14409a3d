//! Many rows through a tower: a few at a time, on several threads.

use burn::tensor::Tensor;
use c3_geometry::Embeddings;
use rayon::prelude::*;

use crate::EncoderError;

/// How rows are cut into batches.
///
/// On a processor, many small batches side by side are fastest: they stay in the
/// caches, and the parts of a model that run on one thread run on all of them.
/// On a graphics card, one large batch at a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Rows in one batch.
    pub rows: usize,
    /// Batches under way at the same time.
    pub lanes: usize,
}

impl Batching {
    /// One large batch at a time, for a graphics card.
    #[must_use]
    pub fn accelerator() -> Self {
        Self { rows: 64, lanes: 1 }
    }

    /// Small batches, one per thread of the machine.
    pub(crate) fn processor(rows: usize) -> Self {
        Self {
            rows,
            lanes: rayon::current_num_threads(),
        }
    }

    /// Runs `forward` over all of `items` and returns the rows in their order.
    ///
    /// `progress` hears how many rows were finished since it was last called.
    pub(crate) fn encode<I: Sync>(
        self,
        items: &[I],
        dim: usize,
        forward: impl Fn(&[I]) -> Tensor<2> + Sync,
        mut progress: impl FnMut(usize),
    ) -> Result<Embeddings, EncoderError> {
        let mut values = Vec::with_capacity(items.len() * dim);
        for round in items.chunks(self.rows.max(1) * self.lanes.max(1)) {
            let batches: Vec<Vec<f32>> = round
                .par_chunks(self.rows.max(1))
                .map(|batch| host_values(forward(batch)))
                .collect();
            values.extend(batches.into_iter().flatten());
            progress(round.len());
        }
        Ok(Embeddings::new(values, dim)?)
    }
}

fn host_values(rows: Tensor<2>) -> Vec<f32> {
    rows.into_data()
        .convert::<f32>()
        .try_into_vec()
        .expect("converted to f32 just before")
}
