//! The probe as bars: a corruption each, the best on top, with its interval.

use c3_artifacts::survey::{ProbeRow, ProbeSurvey};
use maud::html;

use super::drawing::Drawing;
use crate::report::axis::Axis;
use crate::report::number::{fixed, tenths};

const NAMES: f64 = 150.0;
const WIDTH: f64 = 290.0;
const VALUES: f64 = 40.0;
const ROW: f64 = 20.0;
const BAR: f64 = 12.0;
const BOTTOM: f64 = 36.0;

/// Mean average precision behind each corruption.
pub(super) fn probe(probe: &ProbeSurvey) -> Drawing {
    let ends = probe.rows.iter().map(|row| row.mean_average_precision[2]);
    let axis = Axis::from_zero(ends.map(|share| share * 100.0), 5);
    let x = |value: f64| tenths(NAMES + axis.place(value) * WIDTH);
    let (width, bottom) = (NAMES + WIDTH + VALUES, ROW * probe.rows.len() as f64);
    let heading = "Words found in images, by corruption";
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg"
            viewBox=(format!("0 0 {width} {}", bottom + BOTTOM)) role="img"
            aria-label=(spoken(probe)) {
            @for (tick, label) in axis.ticks() {
                line.grid x1=(x(tick)) x2=(x(tick)) y1="0" y2=(bottom) {}
                text x=(x(tick)) y=(bottom + 15.0) text-anchor="middle" { (label) }
            }
            text.axis x=(NAMES + WIDTH / 2.0) y=(bottom + 31.0) text-anchor="middle" {
                "mean average precision, % (whiskers: 95 %)"
            }
            @for (at, row) in probe.rows.iter().enumerate() {
                @let middle = ROW * (at as f64 + 0.5);
                @let [low, value, high] = row.mean_average_precision.map(|share| share * 100.0);
                text x=(NAMES - 6.0) y=(middle + 3.5) text-anchor="end" { (name(row)) }
                rect class={ "bar " (class(row)) } x=(NAMES) y=(middle - BAR / 2.0)
                    width=(tenths(x(value) - NAMES)) height=(BAR) rx="2" {}
                g.whisker {
                    line x1=(x(low)) x2=(x(high)) y1=(middle) y2=(middle) {}
                    @for end in [low, high] {
                        line x1=(x(end)) x2=(x(end)) y1=(middle - 3.0) y2=(middle + 3.0) {}
                    }
                }
                text.axis x=(x(high) + 6.0) y=(middle + 3.5) { (fixed(value, 1)) }
            }
        }
    };
    Drawing {
        name: "probe".to_owned(),
        heading: heading.to_owned(),
        legend: Vec::new(),
        svg,
        size: [width, bottom + BOTTOM],
    }
}

/// As in `C2_2, without gap, 0.0800`.
fn name(row: &ProbeRow) -> String {
    let mut parts = vec![row.arm.clone()];
    parts.extend(row.directions.as_ref().map(|name| name.replace('_', " ")));
    parts.extend(row.sigma.map(|sigma| fixed(sigma, 4)));
    parts.join(", ")
}

/// The colour of an arm, as in every report.
fn class(row: &ProbeRow) -> String {
    row.arm.to_lowercase().replace('_', "")
}

/// The picture for those who do not see it.
fn spoken(probe: &ProbeSurvey) -> String {
    let value = |row: &ProbeRow| fixed(row.mean_average_precision[1] * 100.0, 1);
    let said = probe.rows.iter();
    let said: Vec<String> = said
        .map(|row| format!("{} {}", name(row), value(row)))
        .collect();
    format!("Bar chart of mean average precision: {}", said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_value() {
        let row = |arm: &str, value: f64| ProbeRow {
            arm: arm.to_owned(),
            mean_average_precision: [value - 0.1, value, value + 0.1],
            ..ProbeRow::default()
        };
        let rows = vec![row("C3", 0.9), row("C1", 0.4)];
        let drawn = probe(&ProbeSurvey {
            rows,
            ..ProbeSurvey::default()
        });
        let svg = drawn.svg.into_string();
        // The axis ends a little over the longest whisker, 100 %.
        for (class, share) in [("c3", 90.0), ("c1", 40.0)] {
            let width = tenths(NAMES + share / 103.0 * WIDTH) - NAMES;
            let bar = format!("<rect class=\"bar {class}\" x=\"150\"");
            assert!(svg.contains(&bar), "{svg}");
            assert!(
                svg.contains(&format!("width=\"{}\"", tenths(width))),
                "{svg}"
            );
        }
        assert!(svg.contains("C3 90.0; C1 40.0"), "{svg}");
    }
}
