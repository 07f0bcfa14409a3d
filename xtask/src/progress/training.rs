//! burn's training loop, shown by a [`Meter`] or by burn's own dashboard.

use burn::train::Interrupter;
use burn::train::LearnerSummary;
use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::MetricDefinition;
use burn::train::renderer::tui::TuiMetricsRendererWrapper;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};

use super::{Meter, is_watched};

/// The name burn gives the split that is learned from.
const TRAIN: &str = "train";

/// Whether a training has the screen for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    Alone,
    Others,
}

/// What shows a training called `label`: burn's dashboard when a person watches it alone, a bar
/// when several are trained side by side, plain lines when nobody watches.
pub(crate) fn renderer(
    label: &str,
    company: Company,
    interrupter: &Interrupter,
) -> Box<dyn MetricsRenderer> {
    let is_alone = company == Company::Alone;
    if is_alone && is_watched() && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        return Box::new(TuiMetricsRendererWrapper::new(interrupter.clone(), None));
    }
    Box::new(Watch {
        label: label.to_owned(),
        ..Watch::default()
    })
}

/// Shows a training as one piece of work, its items counted over all epochs.
#[derive(Default)]
struct Watch {
    label: String,
    meter: Option<Meter>,
    epochs: usize,
    epoch: usize,
    items: usize,
    learning: bool,
    train_loss: Option<f64>,
    valid_loss: Option<f64>,
}

impl Watch {
    fn note(&mut self) {
        let mut note = format!("epoch {}/{}", self.epoch.min(self.epochs), self.epochs);
        for (name, loss) in [("loss", self.train_loss), ("valid", self.valid_loss)] {
            if let Some(loss) = loss {
                note += &format!(" {name} {loss:.3}");
            }
        }
        if let Some(meter) = &mut self.meter {
            meter.note(note);
        }
    }
}

impl TrainingProgressLogger for Watch {
    fn start(&mut self, epochs: usize, first: usize, _items: Option<usize>, _label: Option<&str>) {
        self.epochs = epochs;
        self.epoch = first.saturating_sub(1);
    }

    fn start_split(&mut self, split: &str, items: usize) {
        self.learning = split == TRAIN;
        if !self.learning {
            return;
        }
        self.items = items;
        if self.meter.is_none() {
            let mut meter = Meter::start(&self.label, items * self.epochs, "items");
            meter.skip(self.epoch * items);
            self.meter = Some(meter);
        }
        self.epoch += 1;
    }

    fn update_split(&mut self, done: usize) {
        if !self.learning {
            return;
        }
        self.note();
        let before = self.epoch.saturating_sub(1) * self.items;
        if let Some(meter) = &mut self.meter {
            meter.reach(before + done);
        }
    }

    fn update_epoch(&mut self, _epoch: usize) {
        self.note();
    }

    fn end_split(&mut self) {}

    fn end(&mut self) {
        self.note();
        self.meter = None; // says its last line
    }

    fn log_event_training(&mut self, _event: String) {}
}

impl MetricsRendererTraining for Watch {
    fn update_train(&mut self, state: MetricState) {
        if let MetricState::Numeric(_, Some(value)) = state {
            self.train_loss = Some(value.current());
        }
    }

    fn update_valid(&mut self, state: MetricState) {
        if let MetricState::Numeric(_, Some(value)) = state {
            self.valid_loss = Some(value.current());
        }
    }

    fn on_train_end(
        &mut self,
        _summary: Option<LearnerSummary>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        Ok(())
    }
}

impl MetricsRendererEvaluation for Watch {
    fn update_test(&mut self, _name: EvaluationName, _state: MetricState) {}
}

/// Nothing here is evaluated by burn.
impl EvaluationProgressLogger for Watch {
    fn start_global_progress(&mut self, _total_tests: usize) {}
    fn start_test(&mut self, _name: &str, _total_items: usize) {}
    fn update_test_progress(&mut self, _items_processed: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _event: String) {}
}

impl MetricsRenderer for Watch {
    fn manual_close(&mut self) {}
    fn register_metric(&mut self, _definition: MetricDefinition) {}
}
