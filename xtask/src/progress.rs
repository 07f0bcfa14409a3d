//! How far a step has come: bars on a terminal, plain lines elsewhere.

mod training;

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

pub(crate) use training::{Company, renderer};

const TEMPLATE: &str = "{prefix:18} {bar:28} {pos}/{len} {msg} ({per_sec}, {eta} left)";
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Whether a person watches.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// All bars of the process, so that those of work side by side do not overwrite each other.
fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// The progress of one piece of work.
#[derive(Debug)]
pub(crate) struct Meter {
    label: String,
    unit: &'static str,
    total: usize,
    done: usize,
    /// What was done before the clock started.
    before: usize,
    note: String,
    started: Instant,
    said: Instant,
    /// On a terminal only.
    bar: Option<ProgressBar>,
}

impl Meter {
    /// Starts the clock for `total` units of work.
    pub(crate) fn start(label: &str, total: usize, unit: &'static str) -> Self {
        let now = Instant::now();
        Self {
            label: label.to_owned(),
            unit,
            total,
            done: 0,
            before: 0,
            note: String::new(),
            started: now,
            said: now,
            bar: is_watched().then(|| bar(label, total)),
        }
    }

    /// Counts work that was finished since the last call.
    pub(crate) fn advance(&mut self, units: usize) {
        self.reach(self.done + units);
    }

    /// Sets how much is finished in all.
    pub(crate) fn reach(&mut self, done: usize) {
        self.done = done;
        match &self.bar {
            Some(bar) => bar.set_position(done as u64),
            None if self.said.elapsed() >= BETWEEN_LINES => self.say(),
            None => {}
        }
    }

    /// Skips work that was finished by an earlier run, so that it does not count as fast.
    pub(crate) fn skip(&mut self, units: usize) {
        self.before += units;
        self.reach(self.done + units);
        if let Some(bar) = &self.bar {
            bar.reset_eta();
        }
    }

    /// Sets what stands behind the numbers, such as the loss.
    pub(crate) fn note(&mut self, note: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(note.clone());
        }
        self.note = note;
    }

    /// Prints a line now, where there is no bar.
    pub(crate) fn say(&mut self) {
        self.said = Instant::now();
        if self.bar.is_none() {
            eprintln!("{}", self.line(self.started.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let Self {
            label,
            unit,
            total,
            done,
            note,
            ..
        } = self;
        let line = format!("{label}: {done} of {total} {unit} {note}");
        let seconds = elapsed.as_secs_f64();
        let come = self.done.saturating_sub(self.before) as f64;
        if come == 0.0 || seconds == 0.0 {
            return line.trim_end().to_owned();
        }
        let rate = come / seconds;
        let left = Duration::from_secs_f64(total.saturating_sub(*done) as f64 / rate);
        format!(
            "{} ({rate:.1}/s, {:#} left)",
            line.trim_end(),
            HumanDuration(left)
        )
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        match &self.bar {
            Some(bar) => bar.abandon(),
            None => self.say(),
        }
    }
}

fn bar(label: &str, total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
    let bar = ProgressBar::new(total as u64)
        .with_style(style)
        .with_prefix(label.to_owned());
    bars().add(bar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_rate_and_the_time_left() {
        let mut meter = Meter::start("encode", 100, "pictures");
        meter.skip(20);
        meter.advance(20);
        let line = meter.line(Duration::from_secs(2));
        assert_eq!(line, "encode: 40 of 100 pictures (10.0/s, 6s left)");
    }

    #[test]
    fn nothing_is_foretold_before_the_first_unit() {
        let meter = Meter::start("encode", 100, "pictures");
        assert_eq!(
            meter.line(Duration::from_secs(2)),
            "encode: 0 of 100 pictures"
        );
    }
}
