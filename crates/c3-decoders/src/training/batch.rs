//! Captions of similar length, side by side.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;

use super::captions::CaptionSet;
use super::seed::{self, Purpose};
use crate::prefix::Dropout;

/// Captions of one step of training or validation, or a part of them.
#[derive(Clone, Debug)]
pub(super) struct CaptionBatch {
    /// `[batch, d_embed]`
    pub(super) embeddings: Tensor<2>,
    /// `[batch, n_read]`: every token but the last; nothing if all captions have one token.
    pub(super) read: Option<Tensor<2, Int>>,
    /// `[n_targets]`: the true tokens of every caption, caption after caption.
    pub(super) targets: Tensor<1, Int>,
    /// `[n_targets]`: where in `batch * (n_read + 1)` each target is predicted; nothing if
    /// captions are equally long, for then it is everywhere.
    pub(super) positions: Option<Tensor<1, Int>>,
    /// Masks for this step.
    pub(super) dropout: Dropout,
}

impl CaptionBatch {
    /// Moves captions and what is seen of their embeddings, `[batch * d_embed]`, to `device`. Shorter captions are padded, but padding is never a target.
    pub(super) fn new(
        seen: &[f32],
        captions: &[&[u32]],
        dropout: Dropout,
        device: &Device,
    ) -> Self {
        let d_embed = seen.len() / captions.len().max(1);
        let longest = captions
            .iter()
            .map(|tokens| tokens.len())
            .max()
            .unwrap_or(1);
        let n_read = longest - 1;
        let mut read = Vec::with_capacity(captions.len() * n_read);
        let mut positions = Vec::new();
        for (row, tokens) in captions.iter().enumerate() {
            let known = &tokens[..tokens.len() - 1];
            read.extend(known.iter().map(|token| i64::from(*token)));
            // Causal attention: no true token ever looks at what stands behind it.
            read.resize((row + 1) * n_read, 0);
            positions.extend((0..tokens.len()).map(|step| (row * longest + step) as i64));
        }
        let targets: Vec<i64> = captions
            .iter()
            .flat_map(|tokens| tokens.iter().map(|token| i64::from(*token)))
            .collect();
        let padded = targets.len() < captions.len() * longest;
        Self {
            embeddings: Tensor::from_data(
                TensorData::new(seen.to_vec(), [captions.len(), d_embed]),
                device,
            ),
            read: (n_read > 0).then(|| {
                Tensor::from_data(TensorData::new(read, [captions.len(), n_read]), device)
            }),
            targets: Tensor::from_data(targets.as_slice(), device),
            positions: padded.then(|| Tensor::from_data(positions.as_slice(), device)),
            dropout,
        }
    }
}

/// Cuts a training set into batches for one epoch: captions of similar length together, chosen
/// and ordered by chance.
pub(super) fn shuffled(
    captions: &CaptionSet,
    batch_size: usize,
    seed: u64,
    epoch: usize,
) -> Vec<Vec<usize>> {
    let mut rng = seed::rng(seed, Purpose::Order, epoch, 0);
    let mut order: Vec<usize> = (0..captions.len()).collect();
    order.shuffle(&mut rng);
    let mut batches = by_length(captions, order, batch_size);
    batches.shuffle(&mut rng);
    batches
}

/// Cuts a validation set into batches, the same every epoch.
pub(super) fn in_order(captions: &CaptionSet, batch_size: usize) -> Vec<Vec<usize>> {
    by_length(captions, (0..captions.len()).collect(), batch_size)
}

/// Sorts by length, keeping the order among equals, and cuts.
fn by_length(captions: &CaptionSet, mut order: Vec<usize>, batch_size: usize) -> Vec<Vec<usize>> {
    order.sort_by_key(|caption| captions.tokens(*caption).len());
    order.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use c3_geometry::Embeddings;

    fn set() -> CaptionSet {
        let captions: Vec<Vec<u32>> = (0..50)
            .map(|caption| vec![1; 1 + (caption * 7) % 5])
            .collect();
        let embeddings = Embeddings::new(vec![0.5; 50 * 2], 2).unwrap();
        CaptionSet::one_to_one(embeddings, captions).unwrap()
    }

    #[test]
    fn every_caption_is_visited_once_an_epoch_in_an_order_of_its_own() {
        let set = set();
        let epochs: Vec<_> = (1..=2).map(|epoch| shuffled(&set, 8, 3, epoch)).collect();
        for batches in &epochs {
            let mut visited = batches.concat();
            visited.sort_unstable();
            assert_eq!(visited, (0..50).collect::<Vec<_>>());
        }
        assert_ne!(epochs[0], epochs[1]);
        assert_eq!(epochs[0], shuffled(&set, 8, 3, 1));
        assert_ne!(epochs[0], shuffled(&set, 8, 4, 1));
    }

    #[test]
    fn a_batch_holds_captions_of_neighbouring_lengths() {
        let set = set();
        for batch in shuffled(&set, 8, 3, 1) {
            let lengths = batch.iter().map(|caption| set.tokens(*caption).len());
            let (least, most) = (lengths.clone().min(), lengths.max());
            assert!(most.unwrap() - least.unwrap() <= 1);
        }
    }

    #[test]
    fn only_true_tokens_are_targets() {
        let device = Device::flex();
        let seen = [0.0; 4];
        let captions: [&[u32]; 2] = [&[5, 6, 1], &[7, 1]];
        let batch = CaptionBatch::new(&seen, &captions, Dropout::Off, &device);
        let ints = |tensor: Tensor<1, Int>| tensor.try_into_vec_as::<i64>().unwrap();
        assert_eq!(ints(batch.targets), [5, 6, 1, 7, 1]);
        assert_eq!(ints(batch.positions.unwrap()), [0, 1, 2, 3, 4]);
        assert_eq!(ints(batch.read.unwrap().reshape([4])), [5, 6, 7, 0]);

        let equal: [&[u32]; 2] = [&[5, 1], &[7, 1]];
        let batch = CaptionBatch::new(&seen, &equal, Dropout::Off, &device);
        assert!(batch.positions.is_none());
    }
}
