//! Matched features, and the batches made of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor, TensorData};
use c3_geometry::Embeddings;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::config::{Augment, HeadConfig, TowerConfig};
use super::error::ConnectError;

/// Pictures and texts, matched: row `i` of `texts` belongs to row `owner_of[i]` of `images`.
#[derive(Clone, Debug)]
pub struct Pairs {
    images: Embeddings,
    texts: Embeddings,
    texts_of: Vec<Vec<usize>>,
}

impl Pairs {
    /// Matches the features of pictures `[n, d_image]` with those of texts `[m, d_text]`.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Unpaired`] unless each text has an owner among the
    /// pictures and each picture a text.
    pub fn new(
        images: Embeddings,
        texts: Embeddings,
        owner_of: &[usize],
    ) -> Result<Self, ConnectError> {
        let unpaired = ConnectError::Unpaired {
            images: images.len(),
            texts: texts.len(),
        };
        if owner_of.len() != texts.len() || owner_of.iter().any(|owner| *owner >= images.len()) {
            return Err(unpaired);
        }
        let mut texts_of = vec![Vec::new(); images.len()];
        for (text, owner) in owner_of.iter().enumerate() {
            texts_of[*owner].push(text);
        }
        if texts_of.iter().any(Vec::is_empty) {
            return Err(unpaired);
        }
        Ok(Self {
            images,
            texts,
            texts_of,
        })
    }

    /// How many pictures there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is no picture.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    pub(super) fn widths(&self) -> (usize, usize) {
        (self.images.dim(), self.texts.dim())
    }
}

/// Rows of both modalities on the host, matched one by one.
#[derive(Clone, Debug)]
pub struct PairBatch {
    images: Rows,
    texts: Rows,
}

#[derive(Clone, Debug)]
struct Rows {
    values: Vec<f32>,
    dim: usize,
}

impl PairBatch {
    /// Moves the batch to `device`: `[batch, d_image]` and `[batch, d_text]`.
    pub(super) fn to_tensors(&self, device: &Device) -> (Tensor<2>, Tensor<2>) {
        (self.images.to_tensor(device), self.texts.to_tensor(device))
    }
}

impl Rows {
    fn to_tensor(&self, device: &Device) -> Tensor<2> {
        let shape = [self.values.len() / self.dim, self.dim];
        Tensor::from_data(TensorData::new(self.values.clone(), shape), device)
    }
}

/// How the rows of a batch are varied at every visit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Variation {
    /// Not at all.
    None,
    /// Features are dropped with this probability.
    Drop(f64),
    /// Pictures of this side are moved, lit and roughened.
    Picture(usize, Augment),
}

impl Variation {
    /// What a tower asks for while it is trained.
    pub(super) fn of(tower: &TowerConfig) -> Self {
        match tower {
            TowerConfig::Head(HeadConfig { input_dropout, .. }) => Self::Drop(*input_dropout),
            TowerConfig::Conv(conv) => Self::Picture(conv.side, conv.augment),
        }
    }

    fn apply(self, row: &[f32], rng: &mut ChaCha8Rng, values: &mut Vec<f32>) {
        match self {
            Self::Drop(share) if share > 0.0 => drop_features(row, share, rng, values),
            Self::None | Self::Drop(_) => values.extend_from_slice(row),
            Self::Picture(side, augment) => vary_picture(row, side, augment, rng, values),
        }
    }
}

/// Sets a share of the features to zero, and scales the rest so that the mean remains.
fn drop_features(row: &[f32], share: f64, rng: &mut ChaCha8Rng, values: &mut Vec<f32>) {
    let kept = (1.0 / (1.0 - share)) as f32;
    for value in row {
        let is_dropped = rng.random_bool(share);
        values.push(if is_dropped { 0.0 } else { value * kept });
    }
}

/// Moves a picture (edges are repeated), changes its contrast and adds noise.
fn vary_picture(
    picture: &[f32],
    side: usize,
    augment: Augment,
    rng: &mut ChaCha8Rng,
    values: &mut Vec<f32>,
) {
    let most = augment.shift as i32;
    let mut step = || rng.random_range(-most..=most) as isize;
    let (down, right) = (step(), step());
    let draw: f32 = StandardNormal.sample(rng);
    let contrast = 1.0 + augment.contrast * draw;
    let from = |at: usize, by: isize| at.saturating_add_signed(by).min(side - 1);
    for channel in picture.chunks_exact(side * side) {
        for y in 0..side {
            let line = &channel[from(y, down) * side..][..side];
            values.extend((0..side).map(|x| line[from(x, right)] * contrast));
        }
    }
    if augment.noise > 0.0 {
        let start = values.len() - picture.len();
        for value in &mut values[start..] {
            let z: f32 = StandardNormal.sample(rng);
            *value += augment.noise * z;
        }
    }
}

/// What a loader hands out, and in which order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// Shuffled by this seed and the epoch; each picture with one of its texts by chance.
    Shuffled(u64),
    /// As they stand; each picture with its first text.
    AsIs,
}

/// Batches of pairs, for burn's training loop. Every picture comes once an epoch.
#[derive(Clone)]
pub(super) struct PairLoader {
    pub(super) pairs: Arc<Pairs>,
    pub(super) batch_size: usize,
    pub(super) order: Order,
    pub(super) vary_image: Variation,
    pub(super) vary_text: Variation,
    /// Epochs handed out so far; a resumed training starts above zero.
    pub(super) epoch: Arc<AtomicUsize>,
}

impl PairLoader {
    /// Batches in an epoch; a last batch of one pair is left out, for it has no negatives.
    pub(super) fn n_batches(&self) -> usize {
        let n = self.pairs.len();
        n / self.batch_size + usize::from(n % self.batch_size > 1)
    }

    fn pairs_of(&self, epoch: usize) -> Vec<(usize, usize)> {
        let texts_of = &self.pairs.texts_of;
        let Order::Shuffled(seed) = self.order else {
            return texts_of.iter().map(|texts| texts[0]).enumerate().collect();
        };
        let mut rng = stream(seed, epoch, 0);
        let mut images: Vec<usize> = (0..texts_of.len()).collect();
        images.shuffle(&mut rng);
        let choose = |image: usize| *texts_of[image].choose(&mut rng).expect("checked in `new`");
        let texts: Vec<usize> = images.iter().copied().map(choose).collect();
        images.into_iter().zip(texts).collect()
    }

    fn batch(&self, chosen: &[(usize, usize)], mut rng: ChaCha8Rng) -> PairBatch {
        let (mut images, mut texts) = (Vec::new(), Vec::new());
        for (image, text) in chosen {
            self.vary_image
                .apply(self.pairs.images.row(*image), &mut rng, &mut images);
            self.vary_text
                .apply(self.pairs.texts.row(*text), &mut rng, &mut texts);
        }
        PairBatch {
            images: Rows {
                values: images,
                dim: self.pairs.images.dim(),
            },
            texts: Rows {
                values: texts,
                dim: self.pairs.texts.dim(),
            },
        }
    }
}

/// A generator of its own for every batch of every epoch, the same on every device.
fn stream(seed: u64, epoch: usize, batch: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((epoch as u64) << 32) | batch as u64);
    rng
}

impl DataLoader<PairBatch> for PairLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<PairBatch> + 'a> {
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
        let pairs = self.pairs_of(epoch);
        Box::new(PairBatches {
            loader: self,
            pairs,
            epoch,
            next: 0,
        })
    }

    fn num_items(&self) -> usize {
        self.pairs.len()
    }

    fn to_device(&self, _device: &Device) -> Arc<dyn DataLoader<PairBatch>> {
        Arc::new(self.clone()) // batches stay on the host until the step
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<PairBatch>> {
        let texts_of = self.pairs.texts_of[start..end].to_vec();
        let rows: Vec<usize> = (start..end).collect();
        let images = self.pairs.images.select(&rows);
        let pairs = Pairs {
            images,
            texts: self.pairs.texts.clone(),
            texts_of,
        };
        Arc::new(Self {
            pairs: Arc::new(pairs),
            ..self.clone()
        })
    }
}

struct PairBatches<'a> {
    loader: &'a PairLoader,
    pairs: Vec<(usize, usize)>,
    epoch: usize,
    next: usize,
}

impl Iterator for PairBatches<'_> {
    type Item = Result<PairBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.loader.n_batches() {
            return None;
        }
        let first = self.next * self.loader.batch_size;
        let last = (first + self.loader.batch_size).min(self.pairs.len());
        self.next += 1;
        let Order::Shuffled(seed) = self.loader.order else {
            let unused = ChaCha8Rng::seed_from_u64(0); // nothing varies
            return Some(Ok(self.loader.batch(&self.pairs[first..last], unused)));
        };
        let rng = stream(seed, self.epoch, self.next); // stream 0 shuffled
        Some(Ok(self.loader.batch(&self.pairs[first..last], rng)))
    }
}

impl DataLoaderIterator<PairBatch> for PairBatches<'_> {
    fn progress(&self) -> Progress {
        let done = (self.next * self.loader.batch_size).min(self.pairs.len());
        Progress::new(done, self.pairs.len(), Some("pairs".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loader(order: Order) -> PairLoader {
        let images = Embeddings::new((0..10).map(|i| i as f32).collect(), 2).unwrap();
        let texts = Embeddings::new((0..7).map(|i| i as f32).collect(), 1).unwrap();
        let pairs = Pairs::new(images, texts, &[0, 0, 1, 2, 3, 4, 4]).unwrap();
        PairLoader {
            pairs: Arc::new(pairs),
            batch_size: 2,
            order,
            vary_image: Variation::None,
            vary_text: Variation::None,
            epoch: Arc::default(),
        }
    }

    #[test]
    fn a_picture_without_a_text_is_refused() {
        let rows = Embeddings::new(vec![1.0, 2.0], 1).unwrap();
        let error = Pairs::new(rows.clone(), rows, &[0, 0]).unwrap_err();
        assert!(matches!(
            error,
            ConnectError::Unpaired {
                images: 2,
                texts: 2
            }
        ));
    }

    #[test]
    fn every_picture_comes_once_with_a_text_of_its_own() {
        let loader = loader(Order::Shuffled(3));
        let mut seen = loader.pairs_of(0);
        assert!(
            seen.iter()
                .all(|(image, text)| loader.pairs.texts_of[*image].contains(text))
        );
        seen.sort_unstable();
        assert_eq!(
            seen.iter().map(|pair| pair.0).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4]
        );
        assert_ne!(loader.pairs_of(0), loader.pairs_of(1));
        assert_eq!(loader.pairs_of(1), loader.pairs_of(1));
    }

    #[test]
    fn a_last_batch_of_one_pair_is_left_out() {
        let loader = loader(Order::AsIs);
        assert_eq!(loader.n_batches(), 2);
        assert_eq!(loader.iter().count(), 2);
    }

    #[test]
    fn a_moved_picture_repeats_its_edge() {
        let augment = Augment {
            shift: 2,
            contrast: 0.0,
            noise: 0.0,
        };
        let picture: Vec<f32> = (0..27).map(|i| i as f32).collect();
        let mut moved = Vec::new();
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        (0..20).for_each(|_| vary_picture(&picture, 3, augment, &mut rng, &mut moved));
        assert_eq!(moved.len(), 20 * 27);
        assert!(moved.iter().all(|value| picture.contains(value)));
        assert!(moved.chunks_exact(27).any(|other| other != picture));
    }
}
