//! The page that shows where systems differ most.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, html};

use super::measured::{Compared, HUNDREDTHS, MAIN, System, p_value};
use crate::report::{examples, page};

/// Items that are shown.
const SHOWN: usize = 24;

/// What the page is made of.
pub(super) struct Page<'a> {
    pub(super) systems: &'a [System],
    pub(super) compared: &'a [Compared],
    /// The picture of each image, as far as there is one.
    pub(super) pictures: Vec<Option<PathBuf>>,
    /// About references that stand in the training text.
    pub(super) note: Option<String>,
}

impl Page<'_> {
    /// The whole page as HTML that needs no other file.
    pub(super) fn render(&self) -> String {
        let title = self.title();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head { (page::head_matter(&title)) }
                body {
                    header {
                        p.kind { "C3 score" }
                        h1 { (title) }
                        p.verdict { (self.verdict()) }
                        @if let Some(note) = &self.note { p.note { (note) } }
                    }
                    main {
                        section { h2 { "Scores" } (self.scores()) }
                        section { h2 { "Where they differ most" } (self.cards()) }
                    }
                }
            }
        };
        page.into_string()
    }

    fn title(&self) -> String {
        let names: Vec<&str> = self
            .systems
            .iter()
            .map(|system| system.name.as_str())
            .collect();
        names.join(" against ")
    }

    /// Who is ahead in the main metric, and whether it can be told from chance.
    fn verdict(&self) -> String {
        let mut main = self
            .compared
            .iter()
            .filter(|compared| compared.name == MAIN);
        let Some(compared) = main.next() else {
            return "One system alone: there is nothing to compare it with.".to_owned();
        };
        let interval = compared.interval;
        let p = p_value(compared.p_value).replace("< ", "below ");
        let (better, worse) = if interval.value < 0.0 {
            (&compared.first, &compared.second)
        } else {
            (&compared.second, &compared.first)
        };
        let by = interval.value.abs() * HUNDREDTHS;
        if compared.p_value < 0.05 {
            format!("{better} is ahead of {worse} by {by:.1} {MAIN} (p {p}).")
        } else {
            format!(
                "{better} and {worse} differ by {by:.1} {MAIN}, which chance alone can do (p {p})."
            )
        }
    }

    fn scores(&self) -> Markup {
        let number = |value: f64| format!("{:.1}", value * HUNDREDTHS);
        let first = &self.systems[0];
        html! {
            p.note { "Over " (first.paired.images.len()) " images, in hundredths; 95 % intervals by the bootstrap." }
            div.scroll {
                table.scores {
                    thead {
                        tr {
                            th { "metric" }
                            @for system in self.systems { th { (system.name) } }
                            @for compared in self.of_metric(first.metrics[0].name) {
                                th { "difference" @if self.systems.len() > 2 { " of " (compared.second) } }
                            }
                        }
                    }
                    tbody {
                        @for metric in &first.metrics {
                            tr {
                                th { (metric.name) }
                                @for system in self.systems {
                                    td {
                                        @if let Some(metric) = system.metric(metric.name) {
                                            (number(metric.interval.value)) " "
                                            small { (number(metric.interval.low)) " to " (number(metric.interval.high)) }
                                        }
                                    }
                                }
                                @for compared in self.of_metric(metric.name) {
                                    td {
                                        (signed(compared.interval.value)) " "
                                        small { "p " (p_value(compared.p_value)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn of_metric(&self, name: &str) -> impl Iterator<Item = &Compared> {
        let name = name.to_owned();
        self.compared
            .iter()
            .filter(move |compared| compared.name == name)
    }

    fn cards(&self) -> Markup {
        html! {
            p.note {
                "The images whose captions differ most in " (MAIN) ", a reference in bold. What also \
                 stands in a reference is " mark { "marked" } "."
            }
            div class="grid named" { @for item in self.most_different() { (self.card(item)) } }
        }
    }

    /// Items by falling distance of the best system to the worst.
    fn most_different(&self) -> Vec<usize> {
        let spread = |item: usize| {
            let values = self.systems.iter().map(|system| main_score(system, item));
            let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
            high - low
        };
        let items = 0..self.systems[0].paired.images.len();
        let mut items: Vec<(usize, f64)> = items.map(|item| (item, spread(item))).collect();
        items.sort_by(|a, b| b.1.total_cmp(&a.1));
        items
            .into_iter()
            .take(SHOWN)
            .map(|(item, _)| item)
            .collect()
    }

    fn card(&self, item: usize) -> Markup {
        let paired = &self.systems[0].paired;
        let references = &paired.references[item];
        let known = examples::known(references);
        let picture = self.pictures.get(item).and_then(Option::as_deref);
        html! {
            figure.card {
                @if let Some(source) = picture.and_then(source) {
                    div class="mat photo" { img src=(source) alt=(references[0]) loading="lazy"; }
                }
                figcaption {
                    (examples::references(references))
                    dl {
                        @for system in self.systems {
                            dt { (system.name) " " b { (hundredths(main_score(system, item))) } }
                            dd dir="auto" { (examples::marked(&system.paired.captions[item], &known)) }
                        }
                    }
                    p.file { (paired.images[item].to_string().trim_matches('`')) }
                }
            }
        }
    }
}

fn main_score(system: &System, item: usize) -> f64 {
    system.metric(MAIN).map_or(0.0, |metric| metric.items[item])
}

fn hundredths(value: f64) -> String {
    format!("{:.0}", value * HUNDREDTHS)
}

fn signed(value: f64) -> String {
    format!("{:+.1}", value * HUNDREDTHS).replace('-', "\u{2212}")
}

/// The picture itself, so that the page needs no other file; nothing if it cannot be read.
fn source(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let media_type = match bytes.as_slice() {
        [0xFF, 0xD8, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', ..] => "image/webp",
        _ => return None,
    };
    Some(format!(
        "data:{media_type};base64,{}",
        STANDARD.encode(&bytes)
    ))
}
