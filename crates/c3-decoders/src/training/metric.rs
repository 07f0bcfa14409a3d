//! The loss as burn's loop measures it.

use std::sync::Arc;

use burn::tensor::{ExecutionError, Tensor, TensorReadError};
use burn::train::ItemLazy;
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes,
    NumericEntry, SerializedEntry,
};

use super::journal::Journal;
use crate::DecoderError;

/// Losses of one batch, `[n_targets]`, without a gradient.
#[derive(Clone, Debug)]
pub(super) struct TokenLosses(pub(super) Tensor<1>);

impl ItemLazy for TokenLosses {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(self)
    }
}

impl Adaptor<Self> for TokenLosses {
    fn adapt(&self) -> Self {
        self.clone()
    }
}

/// Mean loss per token over a split; stops the training if it is not finite.
#[derive(Clone)]
pub(super) struct LossPerToken {
    name: MetricName,
    state: NumericMetricState,
    measured: Measured,
    journal: Journal,
    batches: usize,
    /// Steps of the epochs before this one.
    steps_before: usize,
}

/// Which split a loss belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measured {
    Train,
    Valid,
}

impl LossPerToken {
    /// Measures a split, `steps_before` optimiser steps having been taken by an earlier run.
    pub(super) fn new(measured: Measured, journal: &Journal, steps_before: usize) -> Self {
        Self {
            name: Arc::new("Loss".to_owned()),
            state: NumericMetricState::new(),
            measured,
            journal: journal.clone(),
            batches: 0,
            steps_before,
        }
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name()).precision(4)
    }

    fn diverged(&self, loss: f64) -> DecoderError {
        let split = match self.measured {
            Measured::Train => "training",
            Measured::Valid => "validation",
        };
        let step = self.steps_before + self.batches;
        DecoderError::Diverged { split, step, loss }
    }
}

impl Metric for LossPerToken {
    type Input = TokenLosses;

    fn name(&self) -> MetricName {
        Arc::clone(&self.name)
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes {
            unit: Some("nats/token".to_owned()),
            higher_is_better: false,
        }
        .into()
    }

    fn update(
        &mut self,
        losses: &TokenLosses,
        _metadata: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let [n_targets] = losses.0.dims();
        let mean = losses.0.clone().mean().try_into_scalar::<f64>()?;
        if self.measured == Measured::Train {
            self.batches += 1;
        }
        if !mean.is_finite() {
            self.journal.fail(self.diverged(mean));
        }
        self.state.update(mean, n_targets);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        let mean = self.state.final_value().current();
        match self.measured {
            Measured::Train => self.journal.note_train(mean),
            Measured::Valid => self.journal.note_valid(mean),
        }
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for LossPerToken {
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
