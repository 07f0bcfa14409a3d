//! Curves and histograms, small enough to stand beside each other.

use std::fmt::Write;

use maud::{Markup, html};

use super::drawing::Drawing;
use crate::report::axis::Axis;
use crate::report::number::tenths;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 38.0;

/// Fewest and most bars of a histogram; between them, twice the root of the number of values.
const BARS: [f64; 2] = [10.0, 40.0];

/// A picture with two axes.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// File name of the picture, and its heading.
    pub(crate) name: String,
    pub(crate) heading: String,
    pub(crate) across: String,
    pub(crate) up: String,
    pub(crate) series: Vec<Series>,
    /// Places on the axis across that are worth a line, with what they are.
    pub(crate) marks: Vec<(f64, String)>,
}

/// Points joined by a line.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// What it is, for the legend.
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) points: Vec<[f64; 2]>,
}

/// How a series looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    First,
    Second,
    /// What chance alone would give.
    Null,
}

impl Style {
    fn class(self) -> &'static str {
        match self {
            Self::First => "images",
            Self::Second => "texts",
            Self::Null => "null",
        }
    }
}

/// Share of the values in each of equal bars over the range of all of them, as an outline.
pub(crate) fn histograms(parts: Vec<(String, Style, &[f64])>) -> Vec<Series> {
    let all = parts
        .iter()
        .flat_map(|(_, _, values)| values.iter().copied());
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let most = parts.iter().map(|(_, _, values)| values.len()).max();
    let [fewest, limit] = BARS;
    let bars = (2.0 * (most.unwrap_or_default() as f64).sqrt()).ceil();
    let bars = bars.clamp(fewest, limit) as usize;
    let step = ((high - low) / bars as f64).max(1e-9);
    let outline = |values: &[f64]| {
        let mut counts = vec![0.0; bars];
        for value in values {
            counts[(((value - low) / step) as usize).min(bars - 1)] += 1.0 / values.len() as f64;
        }
        let mut points = vec![[low, 0.0]];
        for (bar, count) in counts.into_iter().enumerate() {
            points.push([low + step * bar as f64, count]);
            points.push([low + step * (bar + 1) as f64, count]);
        }
        points.push([low + step * bars as f64, 0.0]);
        points
    };
    let series = parts.into_iter().map(|(name, style, values)| Series {
        name,
        style,
        points: outline(values),
    });
    series.collect()
}

/// The chart with its axes.
pub(crate) fn draw(chart: &Chart) -> Drawing {
    let names = chart.series.iter();
    Drawing {
        name: chart.name.clone(),
        heading: chart.heading.clone(),
        legend: names
            .map(|series| (series.style.class(), series.name.clone()))
            .collect(),
        svg: svg(chart),
        size: [LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM],
    }
}

fn svg(chart: &Chart) -> Markup {
    let (width, height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let marks = chart.marks.iter().map(|(place, _)| *place);
    let axes = [
        Axis::covering(points().map(|point| point[0]).chain(marks), 5),
        Axis::covering(points().map(|point| point[1]), 4),
    ];
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
            role="img" aria-label=(chart.heading) {
            (frame(&axes))
            text.axis x="0" y="11" { (chart.up) }
            text.axis x=(LEFT + WIDTH / 2.0) y=(height - 3.0) text-anchor="middle" {
                (chart.across)
            }
            @for (at, (place, name)) in chart.marks.iter().enumerate() {
                @let x = x(&axes[0], *place);
                line.mark x1=(x) x2=(x) y1=(TOP) y2=(TOP + HEIGHT) {}
                // On the side that no other mark is on; one below the other where they are many.
                @let left = chart.marks.iter().any(|(other, _)| other > place);
                @let (x, anchor) = if left { (x - 3.0, "end") } else { (x + 3.0, "start") };
                text x=(x) y=(TOP + 9.0 + 12.0 * at as f64) text-anchor=(anchor) { (name) }
            }
            @for series in &chart.series {
                path class={ "curve " (series.style.class()) } d=(path(series, &axes)) {
                    title { (series.name) }
                }
            }
        }
    }
}

fn frame(axes: &[Axis; 2]) -> Markup {
    html! {
        @for (tick, label) in axes[1].ticks() {
            @let y = y(&axes[1], tick);
            line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(y) y2=(y) {}
            text x=(LEFT - 6.0) y=(y) dy="0.35em" text-anchor="end" { (label) }
        }
        @for (tick, label) in axes[0].ticks() {
            text x=(x(&axes[0], tick)) y=(TOP + HEIGHT + 16.0) text-anchor="middle" { (label) }
        }
    }
}

fn path(series: &Series, axes: &[Axis; 2]) -> String {
    let mut path = String::new();
    for (at, [across, up]) in series.points.iter().enumerate() {
        let step = if at == 0 { 'M' } else { 'L' };
        let (x, y) = (x(&axes[0], *across), y(&axes[1], *up));
        write!(path, "{step}{x} {y}").expect("strings take all text");
    }
    path
}

fn x(axis: &Axis, value: f64) -> f64 {
    tenths(LEFT + axis.place(value) * WIDTH)
}

fn y(axis: &Axis, value: f64) -> f64 {
    tenths(TOP + (1.0 - axis.place(value)) * HEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_two_marks_stand_on_the_far_sides_of_both() {
        let chart = Chart {
            name: String::new(),
            heading: String::new(),
            across: String::new(),
            up: String::new(),
            series: Vec::new(),
            marks: vec![(0.2, "here".to_owned()), (0.1, "paper".to_owned())],
        };
        let drawn = svg(&chart).into_string();
        let anchor = |name: &str| {
            let before = drawn.split(&format!(">{name}<")).next().unwrap();
            before.rsplit("text-anchor=").next().unwrap().to_owned()
        };
        assert_eq!(
            (anchor("here"), anchor("paper")),
            ("\"start\"".into(), "\"end\"".into())
        );
    }

    #[test]
    fn shares_of_a_histogram_sum_to_one_over_a_common_range() {
        let (a, b) = ([0.0, 1.0, 1.0, 4.0], [2.0]);
        let parts = vec![
            ("a".to_owned(), Style::First, &a[..]),
            ("b".to_owned(), Style::Null, &b[..]),
        ];
        let series = histograms(parts);
        for series in &series {
            let total: f64 = series.points.iter().map(|point| point[1]).sum();
            assert!((total - 2.0).abs() < 1e-9, "{total}"); // each bar has two corners
            assert_eq!((series.points[0][0], series.points[21][0]), (0.0, 4.0));
        }
    }
}
