//! Losses over training: a panel for everything trained, seeds as thin lines.

use std::fmt::Write;

use maud::{Markup, html};

use c3_artifacts::results::Curve;

use super::arms;
use super::axis::Axis;
use super::number::{fixed, tenths};

const WIDTH: f64 = 216.0;
const HEIGHT: f64 = 132.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 36.0;

/// Least distance of the labels at the ends of the lines.
const LABEL_HEIGHT: f64 = 12.0;

/// Curves that belong in one panel.
struct Panel<'a> {
    /// What was trained, without its seed.
    subject: &'a str,
    /// What was followed, without its split.
    quantity: &'a str,
    /// Decoders have seeds, and are compared with each other.
    seeded: bool,
    lines: Vec<Line<'a>>,
}

#[derive(Clone, Copy)]
struct Line<'a> {
    split: &'a str,
    curve: &'a Curve,
}

/// The axes of a panel.
struct Axes {
    over: Axis,
    value: Axis,
}

/// Every curve of the run, in small panels.
pub(super) fn panels(curves: &[Curve]) -> Markup {
    let panels = group(curves);
    html! {
        figure.curves {
            figcaption {
                b { "Losses over training," }
                " in nats. Full colour: validation; pale: training. A line for each seed, a dot at \
                 its lowest validation loss. Decoders share one axis."
            }
            div.panels {
                @for panel in &panels {
                    div class=(arms::colour(panel.subject)) {
                        h3 { (arms::label(panel.subject)) }
                        (draw(panel, &axes(panel, &panels)))
                    }
                }
            }
        }
    }
}

/// Puts curves together that differ in split or seed only, in their order.
fn group(curves: &[Curve]) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for curve in curves.iter().filter(|curve| !curve.points.is_empty()) {
        let (subject, seeded) = match curve.run.rsplit_once("seed ") {
            Some((subject, _)) => (subject.trim_end_matches([' ', ',']), true),
            None => (curve.run.as_str(), false),
        };
        let (split, quantity) = curve.value.split_once(' ').unwrap_or(("", &curve.value));
        let line = Line { split, curve };
        let place = panels
            .iter_mut()
            .find(|panel| panel.subject == subject && panel.quantity == quantity);
        match place {
            Some(panel) => panel.lines.push(line),
            None => panels.push(Panel {
                subject,
                quantity,
                seeded,
                lines: vec![line],
            }),
        }
    }
    panels
}

fn axes(panel: &Panel<'_>, panels: &[Panel<'_>]) -> Axes {
    let beside =
        |other: &&Panel<'_>| other.subject == panel.subject || (other.seeded && panel.seeded);
    let compared = panels
        .iter()
        .filter(beside)
        .filter(|other| other.quantity == panel.quantity);
    let values = compared.flat_map(Panel::points).map(|(_, value)| value);
    Axes {
        over: Axis::counting(panel.points().map(|(over, _)| over), 4),
        value: Axis::covering(values, 4),
    }
}

impl Panel<'_> {
    fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.lines
            .iter()
            .flat_map(|line| line.curve.points.iter().copied())
    }
}

fn draw(panel: &Panel<'_>, axes: &Axes) -> Markup {
    let (width, height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let over = panel
        .lines
        .first()
        .map_or("", |line| line.curve.over.as_str());
    let spoken = format!("{} of {} over training", panel.quantity, panel.subject);
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(spoken) {
            (frame(axes))
            text.axis x="0" y="11" { (panel.quantity) }
            text.axis x=(LEFT + WIDTH / 2.0) y=(height - 3.0) text-anchor="middle" { (over) }
            @for line in &panel.lines {
                (draw_line(line, axes))
            }
            @for (split, y) in labels(&panel.lines, axes) {
                text.end x=(LEFT + WIDTH + 7.0) y=(y) dy="0.35em" { (split) }
            }
        }
    }
}

fn frame(axes: &Axes) -> Markup {
    html! {
        @for (tick, label) in axes.value.ticks() {
            @let y = axes.y(tick);
            line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(y) y2=(y) {}
            text x=(LEFT - 6.0) y=(y) dy="0.35em" text-anchor="end" { (label) }
        }
        @for (tick, label) in axes.over.ticks() {
            text x=(axes.x(tick)) y=(TOP + HEIGHT + 16.0) text-anchor="middle" { (label) }
        }
    }
}

fn draw_line(line: &Line<'_>, axes: &Axes) -> Markup {
    let Line { split, curve } = line;
    let lowest = curve
        .points
        .iter()
        .copied()
        .min_by(|a, b| a.1.total_cmp(&b.1));
    html! {
        path class={ "line " (split) } d=(path(&curve.points, axes)) {
            title { (curve.run) ", " (curve.value) }
        }
        @if let Some((over, value)) = lowest.filter(|_| *split == "valid") {
            circle.lowest cx=(axes.x(over)) cy=(axes.y(value)) r="2.6" {
                title {
                    (curve.run) ": lowest " (curve.value) " " (fixed(value, 3)) " at "
                    (curve.over) " " (over)
                }
            }
        }
    }
}

fn path(points: &[(f64, f64)], axes: &Axes) -> String {
    let mut path = String::new();
    for (index, (over, value)) in points.iter().enumerate() {
        let step = if index == 0 { 'M' } else { 'L' };
        write!(path, "{step}{} {}", axes.x(*over), axes.y(*value)).expect("strings take all text");
    }
    path
}

/// The splits with the height at which their lines end, kept apart.
fn labels<'a>(lines: &[Line<'a>], axes: &Axes) -> Vec<(&'a str, f64)> {
    let mut labels: Vec<(&str, f64)> = Vec::new();
    for line in lines {
        if labels.iter().all(|(split, _)| *split != line.split) {
            labels.push((line.split, axes.y(mean_end(lines, line.split))));
        }
    }
    labels.sort_by(|a, b| a.1.total_cmp(&b.1));
    for index in 1..labels.len() {
        let above = labels[index - 1].1;
        labels[index].1 = labels[index].1.max(above + LABEL_HEIGHT);
    }
    labels
}

/// Mean of the last values of a split.
fn mean_end(lines: &[Line<'_>], split: &str) -> f64 {
    let same = lines.iter().filter(|line| line.split == split);
    let ends: Vec<f64> = same
        .filter_map(|line| line.curve.points.last())
        .map(|(_, value)| *value)
        .collect();
    ends.iter().sum::<f64>() / ends.len() as f64
}

impl Axes {
    fn x(&self, over: f64) -> f64 {
        tenths(LEFT + self.over.place(over) * WIDTH)
    }

    fn y(&self, value: f64) -> f64 {
        tenths(TOP + (1.0 - self.value.place(value)) * HEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(run: &str, value: &str, values: &[f64]) -> Curve {
        let points = (1..)
            .zip(values)
            .map(|(epoch, value)| (f64::from(epoch), *value));
        Curve {
            run: run.to_owned(),
            value: value.to_owned(),
            over: "epoch".to_owned(),
            points: points.collect(),
        }
    }

    #[test]
    fn seeds_and_splits_of_an_arm_share_a_panel() {
        let curves = [
            curve("connect", "train loss", &[5.0]),
            curve("C3 seed 1", "train loss", &[3.0]),
            curve("C3 seed 1", "valid loss", &[3.5]),
            curve("C3 seed 2", "train loss", &[3.1]),
            curve("C1 seed 1", "train loss", &[2.0]),
        ];
        let panels = group(&curves);
        let found: Vec<(&str, usize)> = panels
            .iter()
            .map(|panel| (panel.subject, panel.lines.len()))
            .collect();
        assert_eq!(found, [("connect", 1), ("C3", 3), ("C1", 1)]);
    }

    #[test]
    fn decoders_share_an_axis_and_connect_has_its_own() {
        let curves = [
            curve("connect", "train loss", &[9.0, 8.0]),
            curve("C1 seed 1", "train loss", &[2.0, 1.0]),
            curve("C3 seed 1", "train loss", &[4.0, 3.0]),
        ];
        let panels = group(&curves);
        let axes: Vec<Axis> = panels
            .iter()
            .map(|panel| axes(panel, &panels).value)
            .collect();
        assert_eq!(axes[1], axes[2]);
        assert_eq!((axes[1].place(1.0), axes[1].place(4.0)), (0.0, 1.0));
        assert_eq!((axes[0].place(8.0), axes[0].place(9.0)), (0.0, 1.0));
    }

    #[test]
    fn the_dot_is_at_the_lowest_validation_loss() {
        let curves = [curve("C3 seed 1", "valid loss", &[3.0, 1.0, 2.0])];
        let page = panels(&curves).into_string();
        let middle = LEFT + WIDTH / 2.0;
        assert!(
            page.contains(&format!("cx=\"{middle}\" cy=\"{}\"", TOP + HEIGHT)),
            "{page}"
        );
        assert!(
            page.contains("C3 seed 1: lowest valid loss 1.000 at epoch 2"),
            "{page}"
        );
    }

    #[test]
    fn labels_of_lines_that_end_together_do_not_overlap() {
        let curves = [
            curve("connect", "train loss", &[5.0, 1.0]),
            curve("connect", "valid loss", &[5.0, 1.01]),
        ];
        let panels = group(&curves);
        let labels = labels(&panels[0].lines, &axes(&panels[0], &panels));
        assert_eq!([labels[0].0, labels[1].0], ["valid", "train"]);
        assert!(labels[1].1 - labels[0].1 >= LABEL_HEIGHT);
    }
}
