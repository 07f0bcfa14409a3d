//! The learning rate by optimiser steps.

use std::f64::consts::PI;

use burn::lr_scheduler::{LrScheduler, LrSchedulerRecord};

use super::config::{Decay, TrainingConfig};

/// Rises in a straight line, then falls to zero at the last step.
///
/// The first step already moves: step `s` of `w` warm-up steps has `(s + 1) / (w + 1)` of the
/// highest rate.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    highest: f64,
    warmup: usize,
    total: usize,
    decay: Decay,
    taken: usize,
}

impl Schedule {
    /// A schedule for `total` optimiser steps, laid over as many as the settings plan for.
    pub(super) fn new(config: &TrainingConfig, total: usize) -> Self {
        Self {
            highest: config.learning_rate,
            warmup: config.warmup_steps,
            total: total * config.planned_devices,
            decay: config.decay,
            taken: 0,
        }
    }

    /// The rate of a step, counted from 0.
    fn rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.highest * (step + 1) as f64 / (self.warmup + 1) as f64;
        }
        let falling = self.total.saturating_sub(self.warmup).max(1) as f64;
        let done = ((step - self.warmup) as f64 / falling).min(1.0);
        self.highest
            * match self.decay {
                Decay::None => 1.0,
                Decay::Linear => 1.0 - done,
                Decay::Cosine => 0.5 * (1.0 + (PI * done).cos()),
            }
    }
}

impl LrScheduler for Schedule {
    fn step(&mut self) -> f64 {
        let rate = self.rate(self.taken);
        self.taken += 1;
        rate
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("taken", self.taken as u64)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        if let Some(taken) = record.scalar::<u64>("taken") {
            self.taken = taken as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(decay: Decay) -> Schedule {
        let config = TrainingConfig {
            learning_rate: 1.0,
            warmup_steps: 3,
            decay,
            ..Default::default()
        };
        Schedule::new(&config, 7)
    }

    fn rates(decay: Decay) -> Vec<f64> {
        let mut schedule = schedule(decay);
        (0..8).map(|_| schedule.step()).collect()
    }

    #[test]
    fn the_rate_rises_then_falls_to_zero_after_the_last_step() {
        let linear = [0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0];
        assert_eq!(rates(Decay::Linear), linear);
        let half = 0.5_f64.sqrt() / 2.0;
        let cosine = [0.25, 0.5, 0.75, 1.0, 0.5 + half, 0.5, 0.5 - half, 0.0];
        for (found, expected) in rates(Decay::Cosine).iter().zip(cosine) {
            assert!((found - expected).abs() < 1e-15, "{found} != {expected}");
        }
        assert_eq!(rates(Decay::None)[3..], [1.0; 5]);
    }

    #[test]
    fn a_schedule_planned_for_fewer_devices_hardly_falls() {
        let config = TrainingConfig {
            learning_rate: 1.0,
            warmup_steps: 0,
            decay: Decay::Linear,
            planned_devices: 8,
            ..Default::default()
        };
        let mut schedule = Schedule::new(&config, 4);
        let rates: Vec<f64> = (0..4).map(|_| schedule.step()).collect();
        assert_eq!(rates, [1.0, 31.0 / 32.0, 30.0 / 32.0, 29.0 / 32.0]);
    }

    #[test]
    fn a_schedule_goes_on_from_its_record() {
        let mut first = schedule(Decay::Linear);
        for _ in 0..4 {
            first.step();
        }
        let mut resumed = schedule(Decay::Linear);
        resumed.load_record(first.to_record());
        assert_eq!(resumed.step(), first.step());
    }
}
