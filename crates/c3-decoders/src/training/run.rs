//! A whole training, through burn's learner.

use std::sync::Arc;

use burn::data::dataloader::DataLoader;
use burn::module::Module;
use burn::optim::AdamWConfig;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use burn::train::checkpoint::CheckpointerError;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::renderer::MetricsRenderer;
use burn::train::{InferenceStep, Interrupter, Learner, SupervisedTraining};

use super::checkpoints::{
    Checkpoints, KeepBestAndLast, MODEL, OPTIMIZER, Patience, SCHEDULE, Shelf,
};
use super::config::TrainingConfig;
use super::journal::{EpochLoss, Journal, best};
use super::lesson::Lesson;
use super::loader::{CaptionLoader, Plan, Role};
use super::metric::{LossPerToken, Measured};
use super::precision::Precision;
use super::schedule::Schedule;
use super::seed::{self, Purpose};
use super::tune::Tune;
use super::unwatched::Unwatched;
use super::view::Split;
use crate::prefix::check;
use crate::{DecoderError, PrefixDecoder, PrefixDecoderConfig};

/// What surrounds a training: where it runs and who watches it.
pub struct TrainingSession {
    /// Where the decoder is trained.
    pub device: Device,
    /// Fixes fresh weights, order, views and dropout.
    pub seed: u64,
    /// Shows the progress.
    pub renderer: Box<dyn MetricsRenderer>,
    /// Stops the training from outside.
    pub interrupter: Interrupter,
    /// Where checkpoints are kept.
    pub checkpoints: Checkpoints,
}

impl TrainingSession {
    /// A session that nobody watches and that keeps its checkpoints in memory.
    #[must_use]
    pub fn new(device: Device, seed: u64) -> Self {
        Self {
            device,
            seed,
            renderer: Box::new(Unwatched),
            interrupter: Interrupter::new(),
            checkpoints: Checkpoints::InMemory,
        }
    }
}

/// A trained decoder.
#[derive(Debug)]
pub struct Trained {
    /// The decoder as it was after the best epoch.
    pub decoder: PrefixDecoder,
    /// The losses of every whole epoch.
    pub curve: Vec<EpochLoss>,
    /// The epoch with the lowest validation loss.
    pub best_epoch: usize,
    /// Why training ended.
    pub ending: Ending,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every epoch was done.
    Finished,
    /// The validation loss had not fallen for long enough.
    Patience,
    /// Stopped from outside.
    Interrupted,
}

impl TrainingConfig {
    /// Trains a fresh decoder, or goes on from the last checkpoint.
    ///
    /// Repeatable: the same settings, data and seed give the same weights, however many
    /// trainings run beside this one.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NothingLearned`] if a part of the decoder is to stay as it is;
    /// [`DecoderError::Setting`], [`DecoderError::NoBf16`], [`DecoderError::WidthMismatch`],
    /// [`DecoderError::CaptionLength`] and [`DecoderError::NoSuchToken`] before
    /// the first step; [`DecoderError::Diverged`] when a loss is not finite, with
    /// the checkpoints of earlier epochs left in place;
    /// [`DecoderError::Interrupted`] if stopped before the first epoch was whole;
    /// [`DecoderError::Checkpoint`] and [`DecoderError::Training`] from outside.
    pub fn train(
        &self,
        decoder: &PrefixDecoderConfig,
        train: &Split,
        valid: &Split,
        session: TrainingSession,
    ) -> Result<Trained, DecoderError> {
        if self.tune != Tune::All {
            return Err(DecoderError::NothingLearned);
        }
        let fresh = decoder.init(session.seed, &session.device)?;
        self.fine_tune(fresh, train, valid, session)
    }

    /// As [`Self::train`], from the weights of a decoder that was trained before.
    ///
    /// # Errors
    ///
    /// As [`Self::train`], but for [`DecoderError::NothingLearned`].
    pub fn fine_tune(
        &self,
        decoder: PrefixDecoder,
        train: &Split,
        valid: &Split,
        session: TrainingSession,
    ) -> Result<Trained, DecoderError> {
        self.check()?;
        self.precision.check(&session.device)?;
        for (split, purpose) in [
            (train, Purpose::TrainingView),
            (valid, Purpose::ValidationView),
        ] {
            split.check(decoder.config(), seed::rng(session.seed, purpose, 0, 0))?;
        }
        let decoder = decoder.to_device(&session.device);
        let decoder = self.tune.prepare(decoder, session.seed);
        let shelf = Shelf::new(&session.checkpoints).map_err(io_error)?;
        let done = earlier_epochs(&shelf, &session.checkpoints)?;
        let journal = Journal::new(done, session.interrupter.clone());
        let course = Course {
            config: self,
            train,
            valid,
            shelf: &shelf,
            journal: &journal,
        };
        course.launch(decoder.clone(), session)?;
        course.outcome(decoder)
    }
}

impl PrefixDecoder {
    /// Mean loss of a split in nats per token: what training validates with.
    ///
    /// # Errors
    ///
    /// [`DecoderError::WidthMismatch`], [`DecoderError::CaptionLength`],
    /// [`DecoderError::NoSuchToken`], and [`DecoderError::Setting`] for a batch of nothing.
    pub fn loss(&self, split: &Split, batch_size: usize, seed: u64) -> Result<f64, DecoderError> {
        check(batch_size > 0, "batch_size", 0.0, "at least 1")?;
        split.check(
            self.config(),
            seed::rng(seed, Purpose::ValidationView, 0, 0),
        )?;
        let plan = Plan {
            batch_size,
            parts: 1,
            seed,
            role: Role::Validation,
        };
        let lesson = Lesson {
            decoder: self.clone(),
            clip_norm: None,
            precision: Precision::Full,
        };
        let loader = CaptionLoader::new(split.clone(), plan, 0, &self.device());
        let (mut sum, mut count) = (0.0, 0);
        for batch in loader.iter() {
            let losses = InferenceStep::step(&lesson, batch.expect("held in memory")).0;
            count += losses.dims()[0];
            sum += losses
                .sum()
                .try_into_scalar::<f64>()
                .expect("what the device has computed can be read back");
        }
        Ok(sum / count as f64)
    }
}

/// Whole epochs of an earlier run.
fn earlier_epochs(
    shelf: &Shelf,
    checkpoints: &Checkpoints,
) -> Result<Vec<EpochLoss>, DecoderError> {
    let curve = shelf.whole_epochs().map_err(io_error)?;
    match checkpoints {
        Checkpoints::Fresh(_) if !curve.is_empty() => Err(DecoderError::CheckpointsExist {
            checkpoints: curve.len(),
        }),
        _ => Ok(curve),
    }
}

/// One training under way.
struct Course<'a> {
    config: &'a TrainingConfig,
    train: &'a Split,
    valid: &'a Split,
    shelf: &'a Shelf,
    journal: &'a Journal,
}

impl Course<'_> {
    /// Runs burn's loop until it ends.
    fn launch(&self, fresh: PrefixDecoder, session: TrainingSession) -> Result<(), DecoderError> {
        let done = self.journal.curve();
        if self.is_over(&done) {
            return Ok(());
        }
        let decoder = match done.last() {
            Some(last) => self.restore(&fresh, last.epoch)?,
            None => fresh,
        };
        let dropout = self.config.tune.dropout(decoder.config().dropout);
        let train = self.loader(self.train, Role::Training { dropout }, &session);
        let valid = self.loader(self.valid, Role::Validation, &session);
        let per_epoch = train.n_batches();
        let steps_before = done.len() * per_epoch;
        let mut training = SupervisedTraining::new(".", Arc::new(train), Arc::new(valid))
            .num_epochs(self.config.epochs)
            .renderer(session.renderer)
            .with_interrupter(session.interrupter)
            .with_application_logger(None)
            .with_metric_logger(InMemoryMetricLogger::new())
            .metric_train_numeric(self.metric(Measured::Train, steps_before))
            .metric_valid_numeric(self.metric(Measured::Valid, steps_before))
            .with_custom_checkpointers(
                self.shelf.part(MODEL),
                self.shelf.part(OPTIMIZER),
                self.shelf.part(SCHEDULE),
            )
            .with_checkpointing_strategy(self.keeper(&done));
        if let Some(last) = done.last() {
            training = training.checkpoint(last.epoch);
        }
        if let Some(epochs) = self.config.patience {
            training = training.early_stopping(Patience {
                journal: self.journal.clone(),
                epochs,
            });
        }
        let steps = self.config.epochs * per_epoch;
        let result = training.launch(self.learner(decoder, steps, &session.device));
        match result.error {
            Some(source) => Err(DecoderError::Training { source }),
            None => Ok(()),
        }
    }

    fn is_over(&self, done: &[EpochLoss]) -> bool {
        let stale = self
            .config
            .patience
            .map(|epochs| self.journal.is_stale(epochs));
        done.len() >= self.config.epochs || stale == Some(true)
    }

    fn loader(&self, split: &Split, role: Role, session: &TrainingSession) -> CaptionLoader {
        let plan = Plan {
            batch_size: self.config.batch_size,
            parts: self.config.parts,
            seed: session.seed,
            role,
        };
        let epochs = self.journal.curve().len();
        CaptionLoader::new(split.clone(), plan, epochs, &session.device)
    }

    fn metric(&self, measured: Measured, steps_before: usize) -> LossPerToken {
        LossPerToken::new(measured, self.journal, steps_before)
    }

    fn keeper(&self, done: &[EpochLoss]) -> KeepBestAndLast {
        KeepBestAndLast {
            journal: self.journal.clone(),
            shelf: self.shelf.clone(),
            kept: done.iter().map(|epoch| epoch.epoch).collect(),
        }
    }

    fn learner(&self, decoder: PrefixDecoder, steps: usize, device: &Device) -> Learner<Lesson> {
        let lesson = Lesson {
            decoder,
            clip_norm: self.config.clip_norm,
            precision: self.config.precision,
        };
        let optimizer = AdamWConfig::new()
            .with_epsilon(self.config.epsilon)
            .with_weight_decay(self.config.weight_decay)
            .init();
        let schedule = Schedule::new(self.config, steps);
        let lesson = lesson.to_device(&device.clone().autodiff()).train();
        Learner::new(lesson, optimizer, schedule)
    }

    /// What came of it: the best epoch, or why there is none.
    fn outcome(&self, fresh: PrefixDecoder) -> Result<Trained, DecoderError> {
        if let Some(failure) = self.journal.take_failure() {
            return Err(failure);
        }
        let curve = self.journal.curve();
        let best = best(&curve).ok_or(DecoderError::Interrupted)?;
        let stale = self
            .config
            .patience
            .map(|epochs| self.journal.is_stale(epochs));
        let ending = if curve.len() >= self.config.epochs {
            Ending::Finished
        } else if stale == Some(true) {
            Ending::Patience
        } else {
            Ending::Interrupted
        };
        Ok(Trained {
            decoder: Tune::merge(self.restore(&fresh, best.epoch)?),
            curve,
            best_epoch: best.epoch,
            ending,
        })
    }

    /// The decoder as it was after an epoch.
    fn restore(&self, fresh: &PrefixDecoder, epoch: usize) -> Result<PrefixDecoder, DecoderError> {
        let bytes = self.shelf.read(MODEL, epoch).map_err(io_error)?;
        let record =
            ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(record_error)?;
        let lesson = Lesson {
            decoder: fresh.clone(),
            clip_norm: None,
            precision: Precision::Full,
        };
        let lesson = lesson.try_load_record(record).map_err(record_error)?;
        Ok(lesson.decoder)
    }
}

fn io_error(error: std::io::Error) -> DecoderError {
    DecoderError::Checkpoint {
        source: CheckpointerError::IOError(error),
    }
}

fn record_error(error: burn::store::RecordError) -> DecoderError {
    DecoderError::Checkpoint {
        source: CheckpointerError::Record(error),
    }
}
