//! What is known of a training so far, shared by the parts of burn's loop.

use std::sync::{Arc, Mutex, MutexGuard};

use burn::train::Interrupter;
use burn::train::checkpoint::CheckpointerError;
use serde::{Deserialize, Serialize};

use crate::DecoderError;

/// The losses of one epoch, in nats per token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLoss {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean over the tokens of the training split, while the weights changed.
    pub train: f64,
    /// Mean over the tokens of the validation split, at the end of the epoch.
    pub valid: f64,
}

/// The epoch with the lowest validation loss; the earliest of equals.
pub(super) fn best(curve: &[EpochLoss]) -> Option<EpochLoss> {
    let better = |best: EpochLoss, next: &EpochLoss| {
        if next.valid < best.valid { *next } else { best }
    };
    curve
        .iter()
        .copied()
        .reduce(|best, next| better(best, &next))
}

/// Keeps the curve, and the reason why training had to stop.
#[derive(Clone)]
pub(super) struct Journal {
    notes: Arc<Mutex<Notes>>,
    interrupter: Interrupter,
}

#[derive(Default)]
struct Notes {
    curve: Vec<EpochLoss>,
    train: Option<f64>,
    valid: Option<f64>,
    failure: Option<DecoderError>,
}

impl Journal {
    /// Goes on after the epochs of `curve`.
    pub(super) fn new(curve: Vec<EpochLoss>, interrupter: Interrupter) -> Self {
        let notes = Notes {
            curve,
            ..Default::default()
        };
        Self {
            notes: Arc::new(Mutex::new(notes)),
            interrupter,
        }
    }

    /// Notes the mean training loss of the epoch under way.
    pub(super) fn note_train(&self, loss: f64) {
        self.notes().train = Some(loss);
    }

    /// Notes the mean validation loss of the epoch under way.
    pub(super) fn note_valid(&self, loss: f64) {
        self.notes().valid = Some(loss);
    }

    /// Counts the epoch as whole: both losses are known and nothing was cut short.
    pub(super) fn close_epoch(&self, epoch: usize) {
        let mut notes = self.notes();
        if let (Some(train), Some(valid)) = (notes.train.take(), notes.valid.take()) {
            notes.curve.push(EpochLoss {
                epoch,
                train,
                valid,
            });
        }
    }

    /// The whole epochs.
    pub(super) fn curve(&self) -> Vec<EpochLoss> {
        self.notes().curve.clone()
    }

    /// Whether the validation loss has not fallen for `patience` epochs.
    pub(super) fn is_stale(&self, patience: usize) -> bool {
        let curve = self.curve();
        let last = curve.last().map_or(0, |last| last.epoch);
        best(&curve).is_some_and(|best| last - best.epoch >= patience)
    }

    /// Stops the training for good.
    pub(super) fn fail(&self, failure: DecoderError) {
        self.interrupter.stop(Some(&failure.to_string()));
        self.notes().failure.get_or_insert(failure);
    }

    /// Stops the training because a checkpoint could not be kept.
    pub(super) fn fail_checkpoint(&self, source: CheckpointerError) {
        self.fail(DecoderError::Checkpoint { source });
    }

    /// Why training was stopped from inside, if it was.
    pub(super) fn take_failure(&self) -> Option<DecoderError> {
        self.notes().failure.take()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes
            .lock()
            .expect("nothing panics while it holds the notes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, valid: f64) -> EpochLoss {
        EpochLoss {
            epoch,
            train: 1.0,
            valid,
        }
    }

    #[test]
    fn the_earliest_of_equal_epochs_is_best() {
        let curve = [epoch(1, 3.0), epoch(2, 2.0), epoch(3, 2.0)];
        assert_eq!(best(&curve), Some(curve[1]));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn patience_counts_from_the_best_epoch() {
        let curve = vec![epoch(1, 3.0), epoch(2, 2.0), epoch(3, 2.5)];
        let journal = Journal::new(curve, Interrupter::new());
        assert!(journal.is_stale(1));
        assert!(!journal.is_stale(2));
    }

    #[test]
    fn an_epoch_without_validation_does_not_count() {
        let journal = Journal::new(Vec::new(), Interrupter::new());
        journal.note_train(2.0);
        journal.close_epoch(1);
        assert_eq!(journal.curve(), []);
    }
}
