//! Feeds batches to burn's training loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec;

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;

use super::batch::{self, CaptionBatch};
use super::seed::{self, Purpose};
use super::view::Split;
use crate::prefix::Dropout;

/// How a split is cut into batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) batch_size: usize,
    pub(super) parts: usize,
    pub(super) seed: u64,
    pub(super) role: Role,
}

/// What a loader is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Shuffled anew and viewed anew every epoch.
    Training {
        /// Share of activations to drop.
        dropout: f32,
    },
    /// The same every epoch.
    Validation,
}

/// Hands out the batches of one split, epoch after epoch.
#[derive(Clone)]
pub(super) struct CaptionLoader {
    split: Split,
    plan: Plan,
    device: Device,
    /// Epochs handed out so far, those of an earlier run counted.
    epochs: Arc<AtomicUsize>,
}

impl CaptionLoader {
    /// Goes on after `epochs` epochs.
    pub(super) fn new(split: Split, plan: Plan, epochs: usize, device: &Device) -> Self {
        Self {
            split,
            plan,
            device: device.clone(),
            epochs: Arc::new(AtomicUsize::new(epochs)),
        }
    }

    /// Batches of every epoch.
    pub(super) fn n_batches(&self) -> usize {
        self.split.captions.len().div_ceil(self.plan.batch_size)
    }

    /// One batch, viewed as a whole and then cut into parts.
    fn batch(&self, epoch: usize, index: usize, members: &[usize]) -> Vec<CaptionBatch> {
        let captions = &self.split.captions;
        let rng = |purpose, epoch| seed::rng(self.plan.seed, purpose, epoch, index);
        let (mut view_rng, dropout) = match self.plan.role {
            Role::Training { dropout } => (rng(Purpose::TrainingView, epoch), dropout),
            Role::Validation => (rng(Purpose::ValidationView, 0), 0.0),
        };
        let seen = self
            .split
            .view
            .view(captions.embeddings(members), &mut view_rng);
        assert_eq!(seen.len(), members.len(), "a view keeps the number of rows");
        let per_part = members.len().div_ceil(self.plan.parts);
        let rows = seen.as_slice().chunks(per_part * seen.dim());
        let cut = |(part, (members, rows)): (usize, (&[usize], &[f32]))| {
            let mut masks = rng(Purpose::Dropout, epoch);
            masks.set_stream(part as u64);
            let tokens: Vec<&[u32]> = members
                .iter()
                .map(|caption| captions.tokens(*caption))
                .collect();
            CaptionBatch::new(rows, &tokens, Dropout::new(dropout, masks), &self.device)
        };
        let parts = members.chunks(per_part).zip(rows);
        parts.enumerate().map(cut).collect()
    }
}

impl DataLoader<Vec<CaptionBatch>> for CaptionLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Vec<CaptionBatch>> + 'a> {
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        let (
            captions,
            Plan {
                batch_size, seed, ..
            },
        ) = (&self.split.captions, self.plan);
        let batches = match self.plan.role {
            Role::Training { .. } => batch::shuffled(captions, batch_size, seed, epoch),
            Role::Validation => batch::in_order(captions, batch_size),
        };
        Box::new(Batches {
            loader: self,
            epoch,
            index: 0,
            visited: 0,
            batches: batches.into_iter(),
        })
    }

    fn num_items(&self) -> usize {
        self.split.captions.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Vec<CaptionBatch>>> {
        Arc::new(Self {
            device: device.clone(),
            ..self.clone()
        })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Vec<CaptionBatch>>> {
        let captions = Arc::new(self.split.captions.part(start, end));
        let view = Arc::clone(&self.split.view);
        Arc::new(Self {
            split: Split { captions, view },
            epochs: Arc::new(AtomicUsize::new(self.epochs.load(Ordering::Relaxed))),
            ..self.clone()
        })
    }
}

struct Batches<'a> {
    loader: &'a CaptionLoader,
    epoch: usize,
    index: usize,
    visited: usize,
    batches: vec::IntoIter<Vec<usize>>,
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<CaptionBatch>, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let members = self.batches.next()?;
        let batch = self.loader.batch(self.epoch, self.index, &members);
        self.index += 1;
        self.visited += members.len();
        Some(Ok(batch))
    }
}

impl DataLoaderIterator<Vec<CaptionBatch>> for Batches<'_> {
    fn progress(&self) -> Progress {
        let total = self.loader.num_items();
        Progress::new(self.visited, total, Some("captions".to_owned()))
    }
}
