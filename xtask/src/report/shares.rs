//! The second stage: what a share of the pairs makes of every arm (Figure 6 of the paper).

use std::fmt::Write;

use maud::{Markup, html};

use c3_artifacts::results::{ArmResult, FineTuned};

use super::arms::{self, CIDER};
use super::axis::Axis;
use super::number::{data, tenths};
use crate::train::percent;

const WIDTH: f64 = 216.0;
const HEIGHT: f64 = 132.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 36.0;

/// Least height of an axis: below it, differences are only those of rounding.
const LEAST: f64 = 0.5;

/// Metrics of the second stage, in the order of the paper's panels.
const METRICS: [&str; 2] = ["BLEU-4", CIDER];

/// A table and a panel for each metric.
pub(super) fn section(shares: &[FineTuned]) -> Markup {
    html! {
        div.panels {
            @for metric in METRICS {
                div.scroll tabindex="0" role="region" aria-label=(format!("Table of {metric}")) {
                    (table(shares, metric))
                }
            }
        }
        figure.curves {
            figcaption {
                b { "By the share of pairs," } " means over the seeds. Shares stand at even distances."
            }
            div.panels {
                @for metric in METRICS { div { (panel(shares, metric)) } }
            }
        }
    }
}

/// The arms, in the order of the last share: at the first, without pairs, not all are there.
fn names(shares: &[FineTuned]) -> impl Iterator<Item = &str> {
    let arms = shares.last().map(|share| &share.arms);
    arms.into_iter().flatten().map(|arm| arm.arm.as_str())
}

fn of<'a>(share: &'a FineTuned, arm: &str) -> Option<&'a ArmResult> {
    share.arms.iter().find(|result| result.arm == arm)
}

fn table(shares: &[FineTuned], metric: &str) -> Markup {
    html! {
        table.geometry {
            caption {
                b { (metric) " after going on with pairs," }
                " a share of those of the training split. Mean ± standard deviation over seeds."
            }
            thead {
                tr {
                    th scope="col" { "arm" }
                    @for share in shares { th scope="col" { (percent(share.fraction)) " %" } }
                }
            }
            tbody {
                @for arm in names(shares) {
                    tr {
                        th scope="row" { (arms::label(arm)) }
                        @for share in shares { td { (cell(of(share, arm), metric)) } }
                    }
                }
            }
        }
    }
}

fn cell(arm: Option<&ArmResult>, metric: &str) -> Markup {
    let mean = arm.and_then(|arm| arm.mean.get(metric));
    let sd = arm.and_then(|arm| arm.sd.get(metric));
    html! {
        @match mean { Some(mean) => (data(*mean, 1)), None => "–" }
        @if let Some(sd) = sd { " " small { "± " (data(*sd, 1)) } }
    }
}

/// The means of a metric; shares are chosen by factors, so they stand at even distances.
fn panel(shares: &[FineTuned], metric: &str) -> Markup {
    let (width, height) = (LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let arms = shares.iter().flat_map(|share| &share.arms);
    let values: Vec<f64> = arms
        .filter_map(|arm| arm.mean.get(metric).copied())
        .collect();
    let highest = values.iter().copied().fold(0.0, f64::max);
    let lowest = values.iter().copied().fold(highest, f64::min);
    let up = Axis::covering(values.into_iter().chain([lowest + LEAST]), 4);
    let x = |at: usize| tenths(LEFT + WIDTH * (at as f64 + 0.5) / shares.len() as f64);
    let y = |value: f64| tenths(TOP + (1.0 - up.place(value)) * HEIGHT);
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) role="img"
            aria-label=(format!("{metric} of every arm by the share of pairs")) {
            @for (tick, label) in up.ticks() {
                line.grid x1=(LEFT) x2=(LEFT + WIDTH) y1=(y(tick)) y2=(y(tick)) {}
                text x=(LEFT - 6.0) y=(y(tick)) dy="0.35em" text-anchor="end" { (label) }
            }
            @for (at, share) in shares.iter().enumerate() {
                text x=(x(at)) y=(TOP + HEIGHT + 16.0) text-anchor="middle" {
                    (percent(share.fraction)) " %"
                }
            }
            text.axis x="0" y="11" { (metric) }
            text.axis x=(LEFT + WIDTH / 2.0) y=(height - 3.0) text-anchor="middle" {
                "share of the pairs"
            }
            @for arm in names(shares) {
                @let points = points(shares, arm, metric);
                g class=(arms::colour(arm)) {
                    path.line d=(path(&points, x, y)) {}
                    @for (at, value) in points {
                        circle.seed r="3.2" cx=(x(at)) cy=(y(value)) { title { (arm) } }
                    }
                }
            }
        }
    }
}

fn points(shares: &[FineTuned], arm: &str, metric: &str) -> Vec<(usize, f64)> {
    let values = shares.iter().enumerate();
    let values = values.filter_map(|(at, share)| Some((at, *of(share, arm)?.mean.get(metric)?)));
    values.collect()
}

fn path(points: &[(usize, f64)], x: impl Fn(usize) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for (index, (at, value)) in points.iter().enumerate() {
        let step = if index == 0 { 'M' } else { 'L' };
        write!(path, "{step}{} {}", x(*at), y(*value)).expect("strings take all text");
    }
    path
}
