//! How far a file has come: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

const TEMPLATE: &str =
    "{msg} {bar:30} {binary_bytes} of {binary_total_bytes} ({binary_bytes_per_sec}, {eta} left)";
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// The progress of one file.
#[derive(Debug)]
pub(crate) struct Progress {
    file: String,
    total: u64,
    /// Bytes that were there before the clock started.
    before: u64,
    have: u64,
    started: Instant,
    said: Instant,
    /// On a terminal only.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts the clock for a `file` of `total` bytes of which `have` are there already.
    pub(crate) fn start(file: &str, total: u64, have: u64) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr()
            .is_terminal()
            .then(|| bar(file, total, have));
        let file = file.to_owned();
        let progress = Self {
            file,
            total,
            before: have,
            have,
            started: now,
            said: now,
            bar,
        };
        progress.say();
        progress
    }

    /// Counts bytes that have come.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.have += bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(self.have);
        } else if self.said.elapsed() >= BETWEEN_LINES {
            self.said = Instant::now();
            self.say();
        }
    }

    /// Starts over at the first byte.
    pub(crate) fn rewind(&mut self) {
        (self.before, self.have, self.started) = (0, 0, Instant::now());
        if let Some(bar) = &self.bar {
            bar.set_position(0);
            bar.reset_eta();
        }
    }

    fn say(&self) {
        if self.bar.is_none() {
            eprintln!("{}", self.line(self.started.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let (have, total) = (HumanBytes(self.have), HumanBytes(self.total));
        let come = self.have.saturating_sub(self.before) as f64;
        let seconds = elapsed.as_secs_f64();
        if come == 0.0 || seconds == 0.0 {
            return format!("{}: {have} of {total}", self.file);
        }
        let rate = come / seconds; // bytes per second
        let per_second = HumanBytes(rate as u64);
        if self.have >= self.total {
            return format!("{}: {have} ({per_second}/s)", self.file);
        }
        let left = self.total.saturating_sub(self.have) as f64 / rate;
        let left = HumanDuration(Duration::from_secs_f64(left));
        format!(
            "{}: {have} of {total} ({per_second}/s, {left:#} left)",
            self.file
        )
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &self.bar {
            Some(bar) => bar.abandon(),
            None => self.say(),
        }
    }
}

fn bar(file: &str, total: u64, have: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is well formed");
    let bar = ProgressBar::new(total)
        .with_style(style)
        .with_message(file.to_owned());
    bar.set_position(have);
    bar.reset_eta();
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_rate_and_the_time_left() {
        let mut progress = Progress::start("model", 10 << 20, 2 << 20);
        progress.advance(2 << 20);
        let line = progress.line(Duration::from_secs(2));
        assert_eq!(line, "model: 4.00 MiB of 10.00 MiB (1.00 MiB/s, 6s left)");
    }

    #[test]
    fn a_whole_file_has_nothing_left() {
        let mut progress = Progress::start("model", 4 << 20, 2 << 20);
        progress.advance(2 << 20);
        let line = progress.line(Duration::from_secs(2));
        assert_eq!(line, "model: 4.00 MiB (1.00 MiB/s)");
    }

    #[test]
    fn nothing_is_foretold_before_the_first_byte() {
        let progress = Progress::start("model", 10 << 20, 2 << 20);
        assert_eq!(
            progress.line(Duration::from_secs(2)),
            "model: 2.00 MiB of 10.00 MiB"
        );
    }
}
