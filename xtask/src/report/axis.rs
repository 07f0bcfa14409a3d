//! A straight axis: from values to places, with few round ticks.

use super::number::fixed;

/// The range that is drawn, and where its ticks are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// Covers all values from tick to tick, with about `n_steps` steps.
    pub(crate) fn covering(values: impl Iterator<Item = f64>, n_steps: usize) -> Self {
        let (low, high) = range(values);
        let step = round_step((high - low) / n_steps as f64);
        // Rounding must not add a step for a value that lies on a tick.
        let slack = 1e-9;
        Self {
            low: (low / step + slack).floor() * step,
            high: (high / step - slack).ceil() * step,
            step,
        }
    }

    /// Covers lengths from zero to a little over the longest, with about `n_steps` steps.
    pub(crate) fn from_zero(lengths: impl Iterator<Item = f64>, n_steps: usize) -> Self {
        let (_, longest) = range(lengths.chain([0.0]));
        let high = longest * 1.03;
        Self {
            low: 0.0,
            high,
            step: round_step(high / n_steps as f64),
        }
    }

    /// Covers values that are counted, from the first to the last.
    pub(crate) fn counting(values: impl Iterator<Item = f64>, n_steps: usize) -> Self {
        let (low, high) = range(values);
        let step = round_step((high - low) / n_steps as f64).max(1.0);
        Self { low, high, step }
    }

    /// The place of a value, from 0 at the low end to 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// The ticks within the range, with their labels.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        // Nor may it lose the tick at an end.
        let slack = 1e-6;
        let first = (self.low / self.step - slack).ceil() as i64;
        let last = (self.high / self.step + slack).floor() as i64;
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let ticks = (first..=last).map(|tick| tick as f64 * self.step);
        ticks.map(|tick| (tick, fixed(tick, decimals))).collect()
    }
}

/// The ends of the values; a range of no length is widened.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    });
    match ends {
        Some((low, high)) if high > low => (low, high),
        Some((only, _)) => (only - 0.5, only + 0.5),
        None => (0.0, 1.0),
    }
}

/// The next 1, 2 or 5 at or above a length, at any power of ten.
fn round_step(length: f64) -> f64 {
    let power = 10_f64.powf(length.log10().floor());
    let leading = length / power;
    let rounded = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|round| leading <= round + 1e-9);
    rounded.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let axis = Axis::covering([0.0, 47.3].into_iter(), 5);
        assert_eq!(labels(&axis), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(axis.place(50.0), 1.0);
        let axis = Axis::covering([-0.31, 0.28].into_iter(), 4);
        assert_eq!(
            labels(&axis),
            ["\u{2212}0.4", "\u{2212}0.2", "0.0", "0.2", "0.4"]
        );
    }

    #[test]
    fn bars_begin_at_zero_and_fill_the_axis() {
        let axis = Axis::from_zero([38.0, 120.0].into_iter(), 6);
        assert_eq!(labels(&axis), ["0", "50", "100"]);
        assert_eq!(axis.place(0.0), 0.0);
        assert!((0.95..1.0).contains(&axis.place(120.0)));
    }

    #[test]
    fn epochs_are_whole() {
        let axis = Axis::counting([1.0, 3.0].into_iter(), 5);
        assert_eq!(labels(&axis), ["1", "2", "3"]);
        assert_eq!((axis.place(1.0), axis.place(3.0)), (0.0, 1.0));
    }

    #[test]
    fn one_value_or_none_still_makes_an_axis() {
        let axis = Axis::covering([2.0].into_iter(), 4);
        assert_eq!(axis.place(2.0), 0.5);
        assert_eq!(Axis::covering(std::iter::empty(), 4).place(0.5), 0.5);
    }
}
