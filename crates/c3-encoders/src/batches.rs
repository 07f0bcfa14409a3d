//! Many batches through a tower, several at the same time.

use burn::tensor::Tensor;
use c3_geometry::Embeddings;
use rayon::prelude::*;

use crate::EncoderError;

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
