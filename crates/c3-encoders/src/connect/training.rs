//! The training loop of the two towers, through burn's learner.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
use burn::module::Module;
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use burn::train::checkpoint::KeepLastNCheckpoints;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::renderer::MetricsRenderer;
use burn::train::{
    InferenceStep, Interrupter, Learner, SupervisedTraining, TrainOutput, TrainStep,
};
use serde::{Deserialize, Serialize};

use super::config::{DualEncoderConfig, setting};
use super::error::ConnectError;
use super::journal::{BatchLoss, EpochLoss, Journal, Measured, WatchedLoss};
use super::model::DualEncoder;
use super::pairs::{Order, PairBatch, PairLoader, Pairs, Variation};

/// The three files of a checkpoint; it is whole when all are there.
const PARTS: [&str; 3] = ["model", "optim", "scheduler"];

/// How the towers are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectConfig {
    /// Times that every picture is seen, each time with one of its texts.
    pub epochs: usize,
    /// Pairs of one optimiser step; each is a negative for all others.
    pub batch_size: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Optimiser steps over which the learning rate rises to it; then it falls along a cosine.
    pub warmup_steps: usize,
    /// Decoupled weight decay of AdamW.
    pub weight_decay: f32,
}

/// What surrounds a training: where it runs and who watches it.
pub struct ConnectSession {
    /// Where the towers are trained.
    pub device: Device,
    /// Fixes fresh weights, order, choices and dropout.
    pub seed: u64,
    /// Shows the progress.
    pub renderer: Box<dyn MetricsRenderer>,
    /// Stops the training from outside.
    pub interrupter: Interrupter,
    /// Keeps the checkpoints; goes on from the last whole one that lies there.
    pub directory: PathBuf,
}

/// Two connected towers.
#[derive(Debug)]
pub struct Connected {
    /// The towers after the last epoch.
    pub encoder: DualEncoder,
    /// The losses of the epochs run here.
    pub curve: Vec<EpochLoss>,
}

impl ConnectConfig {
    /// Refuses settings with which no training is possible, whatever the pairs.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Setting`]
    pub fn check(&self) -> Result<(), ConnectError> {
        setting("epochs", self.epochs as f64, "at least 1", self.epochs > 0)?;
        let size = self.batch_size;
        let expected = "at least 2, as the pairs";
        setting("batch_size", size as f64, expected, size > 1)?;
        let rate = self.learning_rate;
        setting(
            "learning_rate",
            rate,
            "above 0 and at most 1",
            rate > 0.0 && rate <= 1.0,
        )?;
        let decay = self.weight_decay;
        setting("weight_decay", f64::from(decay), "at least 0", decay >= 0.0)
    }

    /// A straight rise, then half a cosine down to zero.
    fn schedule(&self, steps: usize) -> ModuleLrScheduler {
        let rate = self.learning_rate;
        let rest = steps.saturating_sub(self.warmup_steps).max(1);
        let fall = CosineAnnealingLrSchedulerConfig::new(rate, rest);
        let config = if self.warmup_steps == 0 {
            return fall
                .init()
                .expect("the rate was checked, and a step is left");
        } else {
            let first = rate / (self.warmup_steps + 1) as f64;
            let rise = LinearLrSchedulerConfig::new(first, rate, self.warmup_steps);
            let parts = vec![
                LrSchedulerConfig::Linear(rise),
                LrSchedulerConfig::Cosine(fall),
            ];
            SequentialLrSchedulerConfig::new(parts, vec![self.warmup_steps])
        };
        config
            .init()
            .expect("the rate was checked, and one milestone parts two schedules")
    }
}

/// Trains two fresh towers on matched features, or goes on from the last checkpoint.
///
/// `valid` is looked at and never learned from; the towers of the last epoch
/// are kept, whatever its loss. Fresh weights and dropout come from the
/// device's own generator, one for the whole process: trainings that must
/// repeat run one after another.
///
/// # Errors
///
/// [`ConnectError::Setting`] and [`ConnectError::FeatureWidth`] before the
/// first step, [`ConnectError::Diverged`] when a loss is not finite (earlier
/// checkpoints stay), [`ConnectError::Interrupted`],
/// [`ConnectError::Training`] from outside.
pub fn connect(
    train: &Pairs,
    valid: &Pairs,
    towers: &DualEncoderConfig,
    config: &ConnectConfig,
    session: ConnectSession,
) -> Result<Connected, ConnectError> {
    config.check()?;
    let (pairs, expected) = (train.len(), "at least 2, to tell one from another");
    setting("pairs", pairs as f64, expected, pairs > 1)?;
    check_widths(train, towers)?;
    check_widths(valid, towers)?;
    session.device.seed(session.seed);
    let fresh = DualEncoder::new(towers, &session.device)?;
    let fresh = fresh.to_device(&session.device.clone().autodiff()).train();

    let done = last_whole_checkpoint(&session.directory.join("checkpoint"), config.epochs);
    let journal = Journal::new(session.interrupter.clone());
    let loader = |pairs: &Pairs, order| PairLoader {
        pairs: Arc::new(pairs.clone()),
        batch_size: config.batch_size,
        order,
        vary_image: Variation::None,
        vary_text: Variation::None,
        epoch: Arc::new(AtomicUsize::new(done)),
    };
    let varied = PairLoader {
        vary_image: Variation::of(&towers.image),
        vary_text: Variation::of(&towers.text),
        ..loader(train, Order::Shuffled(session.seed))
    };
    let steps = varied.n_batches() * config.epochs;
    let steps_before = varied.n_batches() * done;
    let optimizer = AdamWConfig::new()
        .with_epsilon(1e-8) // as PyTorch, not burn's 1e-5
        .with_weight_decay(config.weight_decay)
        .init();
    let learner = Learner::new(fresh, optimizer, config.schedule(steps));

    let valid = loader(valid, Order::AsIs);
    let mut training =
        SupervisedTraining::new(&session.directory, Arc::new(varied), Arc::new(valid))
            .num_epochs(config.epochs)
            .renderer(session.renderer)
            .with_interrupter(session.interrupter)
            .with_application_logger(None)
            .with_metric_logger(InMemoryMetricLogger::new())
            .metric_train_numeric(WatchedLoss::new(Measured::Train, &journal, steps_before))
            .metric_valid_numeric(WatchedLoss::new(Measured::Valid, &journal, steps_before))
            .with_default_checkpointers()
            .with_checkpointing_strategy(KeepLastNCheckpoints::new(2));
    if done > 0 {
        training = training.checkpoint(done);
    }
    let result = training.launch(learner);
    if let Some(failure) = journal.take_failure() {
        return Err(failure);
    }
    match (result.error, result.interrupted) {
        (Some(source), _) => Err(ConnectError::Training { source }),
        (None, Some(_)) => Err(ConnectError::Interrupted),
        (None, None) => Ok(Connected {
            encoder: result.model,
            curve: journal.curve(done),
        }),
    }
}

fn check_widths(pairs: &Pairs, towers: &DualEncoderConfig) -> Result<(), ConnectError> {
    let (image, text) = pairs.widths();
    for (expected, found) in [(towers.d_image, image), (towers.d_text, text)] {
        if expected != found {
            return Err(ConnectError::FeatureWidth { expected, found });
        }
    }
    Ok(())
}

/// The last epoch of which every part was written; 0 if there is none.
///
/// The very last epoch is never counted: its training would be over, and with it
/// the weights of burn's result.
fn last_whole_checkpoint(folder: &Path, epochs: usize) -> usize {
    let whole = |epoch: &usize| {
        PARTS
            .iter()
            .all(|part| folder.join(format!("{part}-{epoch}.bpk")).exists())
    };
    (1..epochs).rev().find(whole).unwrap_or(0)
}

impl TrainStep for DualEncoder {
    type Input = PairBatch;
    type Output = BatchLoss;

    fn step(&self, batch: PairBatch) -> TrainOutput<BatchLoss> {
        let (images, texts) = batch.to_tensors(&self.device());
        let loss = self.loss(images, texts);
        let item = BatchLoss(loss.clone().detach());
        TrainOutput::new(self, loss.backward(), item)
    }
}

impl InferenceStep for DualEncoder {
    type Input = PairBatch;
    type Output = BatchLoss;

    fn step(&self, batch: PairBatch) -> BatchLoss {
        let (images, texts) = batch.to_tensors(&self.device());
        BatchLoss(self.loss(images, texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_with_a_part_missing_is_not_gone_on_from() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "model-1.bpk",
            "optim-1.bpk",
            "scheduler-1.bpk",
            "model-2.bpk",
        ] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        assert_eq!(last_whole_checkpoint(folder.path(), 5), 1);
        assert_eq!(last_whole_checkpoint(folder.path(), 1), 0);
    }
}
