//! The tables of the page.

use maud::{Markup, html};

use c3_artifacts::Results;
use c3_artifacts::results::{ArmResult, Retrieval, Timing};

use super::arms::{self, CIDER, Role};
use super::number::{count, data, duration, fixed, percent};
use crate::tables::METRICS;

/// The arms by metric, those without pairs first.
pub(super) fn arms(results: &Results) -> Markup {
    let best = arms::best_text_only(results).map(|best| best.arm.as_str());
    let of = |role: fn(Role) -> bool| {
        results
            .arms
            .iter()
            .filter(move |arm| role(Role::of(&arm.arm)))
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table of arms" {
            table.arms {
                caption { (about(results)) }
                thead {
                    tr {
                        th scope="col" { "arm" }
                        th.wide scope="col" { "σ" }
                        @for metric in METRICS {
                            th scope="col" { (metric) }
                        }
                        th scope="col" { "share of paired" }
                    }
                }
                tbody {
                    @for arm in of(|role| role == Role::TextOnly) {
                        (arm_row(arm, best == Some(arm.arm.as_str())))
                    }
                }
                tbody {
                    @for arm in of(|role| role != Role::TextOnly) {
                        (arm_row(arm, false))
                    }
                }
            }
        }
    }
}

fn about(results: &Results) -> Markup {
    let trained = results
        .arms
        .iter()
        .filter(|arm| Role::of(&arm.arm) != Role::Baseline);
    let seeds = trained.map(|arm| arm.seeds.len()).max().unwrap_or_default();
    html! {
        b { "Caption metrics" } " on split " code { (results.split) } ", × 100. "
        @match seeds {
            0 | 1 => "One decoder seed. ",
            _ => { "Mean ± standard deviation over " (seeds) " decoder seeds. " },
        }
        "Share of paired: of the CIDEr of the decoder trained on pairs. "
        "σ: training noise per dimension."
    }
}

fn arm_row(arm: &ArmResult, best: bool) -> Markup {
    let class = best.then_some("best");
    html! {
        tr class=[class] {
            th scope="row" {
                (arms::label(&arm.arm))
                @if best { " " span.badge { "best" span.wide { " without pairs" } } }
                small.wide { (arms::deed(&arm.arm)) }
                @if let Some(sigma) = arm.sigma { small.narrow { "σ " (fixed(sigma, 4)) } }
            }
            td.wide { @if let Some(sigma) = arm.sigma { (data(sigma, 4)) } @else { "–" } }
            @for metric in METRICS {
                td { (score(arm, metric)) }
            }
            td {
                @match arm.share_of_paired.get(CIDER) {
                    Some(share) => data value=(share) { (percent(*share)) },
                    None => "–",
                }
            }
        }
    }
}

fn score(arm: &ArmResult, metric: &str) -> Markup {
    html! {
        @match arm.mean.get(metric) {
            Some(mean) => (data(*mean, 1)),
            None => "–",
        }
        @if let Some(sd) = arm.sd.get(metric) {
            " " small { "± " (data(*sd, 1)) }
        }
    }
}

/// What Collapse did to the space.
pub(super) fn geometry(rows: &[(String, f64, f64)]) -> Markup {
    html! {
        table.geometry {
            caption {
                b { "The space before and after Collapse," }
                " which takes each modality's own mean away."
            }
            thead {
                tr {
                    th scope="col" { "quantity" }
                    th scope="col" { "before" }
                    th scope="col" { "after" }
                }
            }
            tbody {
                @for (name, before, after) in rows {
                    @let decimals = if name.ends_with('%') { 1 } else { 3 };
                    tr {
                        th scope="row" { (name) }
                        td { (data(*before, decimals)) }
                        td { (data(*after, decimals)) }
                    }
                }
            }
        }
    }
}

/// How often the right partner is among the first.
pub(super) fn retrieval(found: &[Retrieval]) -> Markup {
    let mut ranks: Vec<usize> = found
        .iter()
        .flat_map(|way| way.recall.keys().copied())
        .collect();
    ranks.sort_unstable();
    ranks.dedup();
    html! {
        table.retrieval {
            caption {
                b { "Retrieval" }
                " in the connected space: queries that find a right partner among the first k, %."
            }
            thead {
                tr {
                    th scope="col" { "way" }
                    @for rank in &ranks { th scope="col" { "R@" (rank) } }
                }
            }
            tbody {
                @for way in found {
                    tr {
                        th scope="row" { (way.direction.replace('_', " ")) small { (size(way)) } }
                        @for rank in &ranks { (recall(way.recall.get(rank))) }
                    }
                }
            }
        }
    }
}

fn size(way: &Retrieval) -> String {
    let (queries, candidates) = (count(way.queries as u64), count(way.candidates as u64));
    format!("{}: {queries} in {candidates}", way.split)
}

fn recall(share: Option<&f64>) -> Markup {
    html! {
        @match share {
            Some(share) => td {
                data value=(share) { (fixed(share * 100.0, 1)) }
                (meter(*share))
            },
            None => td { "–" },
        }
    }
}

/// A thin bar, full for a share of one.
fn meter(share: f64) -> Markup {
    let width = format!("width:{:.1}%", share.clamp(0.0, 1.0) * 100.0);
    html! { span.meter { span style=(width) {} } }
}

/// How long what took, and how fast it went.
pub(super) fn timings(timings: &[Timing]) -> Markup {
    let total: f64 = timings.iter().map(|timing| timing.seconds).sum();
    let whole = if total > 0.0 { total } else { 1.0 };
    let counted = timings.iter().any(|timing| timing.items.is_some());
    html! {
        table.timings {
            caption { b { "Wall-clock time" } " by stage." }
            thead {
                tr {
                    th scope="col" { "stage" }
                    th scope="col" { "time" }
                    @if counted { th scope="col" { "rate" } }
                }
            }
            tbody {
                @for timing in timings {
                    tr {
                        th scope="row" { (timing.stage) }
                        td {
                            data value=(timing.seconds) { (duration(timing.seconds)) }
                            (meter(timing.seconds / whole))
                        }
                        @if counted { td { (rate(timing)) } }
                    }
                }
            }
            tfoot {
                tr { th scope="row" { "all" } td { (duration(total)) } @if counted { td {} } }
            }
        }
    }
}

fn rate(timing: &Timing) -> String {
    match timing.items {
        Some(items) if timing.seconds > 0.0 => {
            format!(
                "{} /s",
                count((items as f64 / timing.seconds).round() as u64)
            )
        }
        _ => "–".to_owned(),
    }
}
