//! How a decoder is trained.

use serde::{Deserialize, Serialize};

use super::precision::Precision;
use super::tune::Tune;
use crate::DecoderError;
use crate::prefix::check;

/// Settings of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Most times that every caption is read.
    pub epochs: usize,
    /// Captions of one optimiser step.
    pub batch_size: usize,
    /// Parts of a batch whose gradients add up (gradient accumulation): as many at once as the pool
    /// that the training runs in has threads, on a graphics card one. The sum is that of the whole
    /// batch but for rounding, and only the parts at once take memory. A thread each is fastest.
    pub parts: usize,
    /// Highest learning rate, reached at the end of the warm-up.
    pub learning_rate: f64,
    /// Optimiser steps over which the learning rate rises from zero.
    pub warmup_steps: usize,
    /// How the learning rate falls from there to zero at the last step.
    pub decay: Decay,
    /// Devices that the decay was planned without: it is laid over this many times the steps that
    /// are taken, as where each of several devices takes a share of the steps of one (trap D16 of
    /// C3's code, which so stays near the highest rate to the end). 1: over the steps taken.
    pub planned_devices: usize,
    /// Decoupled weight decay of AdamW.
    pub weight_decay: f32,
    /// Added to the denominator of AdamW; PyTorch's default here, not burn's.
    pub epsilon: f32,
    /// Longest gradient, over all weights together, that is not shortened.
    pub clip_norm: Option<f64>,
    /// Epochs without a better validation loss after which training ends.
    pub patience: Option<usize>,
    /// What is changed, and what stays as it is.
    pub tune: Tune,
    /// In which numbers the steps multiply; validation and captions are always in single precision.
    pub precision: Precision,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 128,
            parts: 1,
            learning_rate: 1e-3,
            warmup_steps: 100,
            decay: Decay::Cosine,
            planned_devices: 1,
            weight_decay: 0.01,
            epsilon: 1e-8,
            clip_norm: Some(1.0),
            patience: None,
            tune: Tune::All,
            precision: Precision::Full,
        }
    }
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Not at all.
    None,
    /// In a straight line.
    Linear,
    /// Along half a cosine.
    Cosine,
}

impl TrainingConfig {
    /// Says which setting is wrong, if one is: every training asks, and whoever wants to know before.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Setting`] names the first one.
    pub fn check(&self) -> Result<(), DecoderError> {
        for (setting, count) in [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("parts", self.parts),
            ("planned_devices", self.planned_devices),
        ] {
            check(count > 0, setting, count as f64, "at least 1")?;
        }
        if let Some(patience) = self.patience {
            check(patience > 0, "patience", patience as f64, "at least 1")?;
        }
        if let Some(norm) = self.clip_norm {
            check(norm > 0.0, "clip_norm", norm, "above 0")?;
        }
        let rate = self.learning_rate;
        check(
            rate > 0.0 && rate.is_finite(),
            "learning_rate",
            rate,
            "above 0",
        )?;
        for (setting, value) in [
            ("weight_decay", self.weight_decay),
            ("epsilon", self.epsilon),
        ] {
            let value = f64::from(value);
            check(
                value >= 0.0 && value.is_finite(),
                setting,
                value,
                "at least 0",
            )?;
        }
        self.tune.check()
    }
}
