//! CIDEr of every arm: a bar for the mean, dots for the seeds, a whisker for their spread.
//!
//! Places are percentages, so that the text keeps its size on any screen.

use maud::{Markup, html};

use c3_artifacts::Results;
use c3_artifacts::results::ArmResult;

use super::arms::{self, CIDER, cider};
use super::axis::Axis;
use super::number::fixed;
use crate::run::PAIRED;

const ROW: f64 = 34.0;
const BAR: f64 = 20.0;

/// The arms, one bar each.
pub(super) fn cider_bars(results: &Results) -> Markup {
    let axis = Axis::from_zero(values(results), 6);
    let bound = results
        .arms
        .iter()
        .find(|arm| arm.arm == PAIRED)
        .and_then(cider);
    let has_spread = results.arms.iter().any(|arm| arm.sd.contains_key(CIDER));
    html! {
        figure.bars {
            figcaption {
                b { "CIDEr by arm." }
                " Bars: mean; dots: single seeds"
                @if has_spread { "; whiskers: one standard deviation each way" }
                "."
                @if bound.is_some() { " Dashed: the decoder trained on pairs." }
            }
            div.rows role="img" aria-label=(spoken(results)) {
                @for arm in &results.arms {
                    @if let Some(mean) = cider(arm) {
                        div { (arms::label(&arm.arm)) }
                        (row(arm, mean, &axis, bound))
                        div.value { (value(arm, mean)) }
                    }
                }
                (ticks(&axis))
            }
        }
    }
}

/// Everything that is drawn.
fn values(results: &Results) -> impl Iterator<Item = f64> {
    results.arms.iter().flat_map(|arm| {
        let spread = arm.sd.get(CIDER).copied().unwrap_or_default();
        let seeds = arm
            .seeds
            .iter()
            .filter_map(|seed| seed.scores.get(CIDER).copied());
        seeds.chain(cider(arm).map(|mean| mean + spread))
    })
}

fn row(arm: &ArmResult, mean: f64, axis: &Axis, bound: Option<f64>) -> Markup {
    let middle = ROW / 2.0;
    let at = |value: f64| format!("{:.2}%", axis.place(value.max(0.0)) * 100.0);
    html! {
        svg class=(arms::colour(&arm.arm)) width="100%" height=(ROW) {
            @for (tick, _) in axis.ticks() {
                line.grid x1=(at(tick)) x2=(at(tick)) y1="0" y2=(ROW) {}
            }
            rect.bar x="0" y=(middle - BAR / 2.0) width=(at(mean)) height=(BAR) rx="2" {}
            @if let Some(bound) = bound {
                line.bound x1=(at(bound)) x2=(at(bound)) y1="0" y2=(ROW) {}
            }
            (dots(arm, axis))
            @if let Some(sd) = arm.sd.get(CIDER) {
                g.whisker {
                    line x1=(at(mean - sd)) x2=(at(mean + sd)) y1=(middle) y2=(middle) {}
                    @for end in [mean - sd, mean + sd] {
                        line x1=(at(end)) x2=(at(end)) y1=(middle - 4.0) y2=(middle + 4.0) {}
                    }
                }
            }
        }
    }
}

/// The seeds of an arm, a little apart so that equal ones can be told.
fn dots(arm: &ArmResult, axis: &Axis) -> Markup {
    let last = arm.seeds.len().saturating_sub(1) as f64;
    let step = if last > 0.0 { 12.0 / last } else { 0.0 };
    html! {
        @for (index, seed) in arm.seeds.iter().enumerate() {
            @if let Some(score) = seed.scores.get(CIDER) {
                circle.seed r="3.2" cx=(format!("{:.2}%", axis.place(*score) * 100.0))
                    cy=(format!("{:.1}", ROW / 2.0 + (index as f64 - last / 2.0) * step)) {
                    title { "seed " (seed.seed) ": " (fixed(*score, 1)) }
                }
            }
        }
    }
}

fn ticks(axis: &Axis) -> Markup {
    html! {
        svg.ticks width="100%" height="34" {
            @for (tick, label) in axis.ticks() {
                text y="14" x=(format!("{:.2}%", axis.place(tick) * 100.0))
                    text-anchor="middle" { (label) }
            }
            text.axis y="31" x="100%" text-anchor="end" { "CIDEr \u{d7} 100" }
        }
    }
}

fn value(arm: &ArmResult, mean: f64) -> Markup {
    html! {
        (fixed(mean, 1))
        @if let Some(sd) = arm.sd.get(CIDER) {
            small { " ± " (fixed(*sd, 1)) }
        }
    }
}

/// The chart for those who do not see it.
fn spoken(results: &Results) -> String {
    let means = results
        .arms
        .iter()
        .filter_map(|arm| Some((&arm.arm, cider(arm)?)));
    let said: Vec<String> = means
        .map(|(arm, mean)| format!("{arm} {}", fixed(mean, 1)))
        .collect();
    format!("Bar chart of CIDEr: {}", said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::results;

    #[test]
    fn a_bar_is_as_long_as_its_mean_and_every_seed_has_a_dot() {
        let results = results(&[("C1", &[40.0, 60.0]), ("paired", &[100.0])]);
        let chart = cider_bars(&results).into_string();
        let share = |value: f64| format!("{:.2}%", value / 1.03);
        assert!(
            chart.contains(&format!("width=\"{}\"", share(50.0))),
            "{chart}"
        );
        for seed in [40.0, 60.0, 100.0] {
            let dot = format!("<circle class=\"seed\" r=\"3.2\" cx=\"{}\"", share(seed));
            assert_eq!(chart.matches(&dot).count(), 1, "{chart}");
        }
    }

    #[test]
    fn those_who_do_not_see_the_chart_hear_its_numbers() {
        let spoken = spoken(&results(&[("C1", &[40.0, 60.0]), ("C3", &[71.26])]));
        assert_eq!(spoken, "Bar chart of CIDEr: C1 50.0, C3 71.3");
    }
}
