//! What is known of a training so far, and the loss that writes it down.

use std::sync::{Arc, Mutex, MutexGuard};

use burn::tensor::{ExecutionError, Tensor, TensorReadError};
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes,
    NumericEntry, SerializedEntry,
};
use burn::train::{Interrupter, ItemLazy};
use serde::{Deserialize, Serialize};

use super::error::ConnectError;

/// The losses of one epoch, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLoss {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean over the training pairs, while the weights changed.
    pub train: f64,
    /// Mean over the validation pairs, at the end of the epoch.
    pub valid: f64,
}

/// Keeps the curve, and the reason why training had to stop.
#[derive(Clone)]
pub(super) struct Journal {
    notes: Arc<Mutex<Notes>>,
    interrupter: Interrupter,
}

#[derive(Default)]
struct Notes {
    train: Vec<f64>,
    valid: Vec<f64>,
    failure: Option<ConnectError>,
}

impl Journal {
    pub(super) fn new(interrupter: Interrupter) -> Self {
        Self {
            notes: Arc::default(),
            interrupter,
        }
    }

    /// The whole epochs, `done` of them having been run before.
    pub(super) fn curve(&self, done: usize) -> Vec<EpochLoss> {
        let notes = self.notes();
        let losses = notes.train.iter().zip(&notes.valid).enumerate();
        losses
            .map(|(at, (train, valid))| EpochLoss {
                epoch: done + at + 1,
                train: *train,
                valid: *valid,
            })
            .collect()
    }

    /// Why training was stopped from inside, if it was.
    pub(super) fn take_failure(&self) -> Option<ConnectError> {
        self.notes().failure.take()
    }

    fn fail(&self, failure: ConnectError) {
        self.interrupter.stop(Some(&failure.to_string()));
        self.notes().failure.get_or_insert(failure);
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes
            .lock()
            .expect("nothing panics while it holds the notes")
    }
}

/// Loss of one batch, `[1]`, without a gradient.
#[derive(Clone, Debug)]
pub struct BatchLoss(pub(super) Tensor<1>);

impl ItemLazy for BatchLoss {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(Self(self.0.without_autodiff()))
    }
}

impl Adaptor<Self> for BatchLoss {
    fn adapt(&self) -> Self {
        self.clone()
    }
}

/// Which split a loss belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    Train,
    Valid,
}

/// Mean loss over a split; stops the training if it is not finite.
#[derive(Clone)]
pub(super) struct WatchedLoss {
    name: MetricName,
    state: NumericMetricState,
    measured: Measured,
    journal: Journal,
    step: usize,
}

impl WatchedLoss {
    /// Measures a split, `step` optimiser steps having been taken by an earlier run.
    pub(super) fn new(measured: Measured, journal: &Journal, step: usize) -> Self {
        Self {
            name: Arc::new("Loss".to_owned()),
            state: NumericMetricState::new(),
            measured,
            journal: journal.clone(),
            step,
        }
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name()).precision(4)
    }
}

impl Metric for WatchedLoss {
    type Input = BatchLoss;

    fn name(&self) -> MetricName {
        Arc::clone(&self.name)
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: Some("nats".to_owned()),
            higher_is_better: false,
        }
        .into()
    }

    fn update(
        &mut self,
        batch: &BatchLoss,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let loss = batch.0.clone().try_into_scalar::<f64>()?;
        self.step += usize::from(self.measured == Measured::Train);
        if !loss.is_finite() {
            self.journal.fail(ConnectError::Diverged {
                step: self.step,
                loss,
            });
        }
        self.state.update(loss, 1);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        let mean = self.state.final_value().current();
        let mut notes = self.journal.notes();
        match self.measured {
            Measured::Train => notes.train.push(mean),
            Measured::Valid => notes.valid.push(mean),
        }
        drop(notes);
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for WatchedLoss {
    fn value(&self) -> Option<NumericEntry> {
        Some(self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        Some(self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}
