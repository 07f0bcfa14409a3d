//! Scores as a table, JSON, Markdown or rows of LaTeX.

use c3_metrics::coco::ImageId;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::leak::Leak;
use super::measured::{Compared, HUNDREDTHS, Metric, System, p_value};

/// How scores are printed.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For a terminal, in hundredths, with intervals.
    Table,
    /// Everything, with the scores of each image, in the toolkit's own scale.
    Json,
    /// A table for a page in Markdown, in hundredths.
    Markdown,
    /// A row of a LaTeX table for each system, in hundredths.
    Latex,
}

/// Everything that is printed.
pub(super) struct Report<'a> {
    pub(super) systems: &'a [System],
    pub(super) compared: &'a [Compared],
    pub(super) leak: Option<&'a Leak>,
}

impl Report<'_> {
    pub(super) fn print(&self, format: Format) -> anyhow::Result<String> {
        Ok(match format {
            Format::Table => self.table(),
            Format::Json => serde_json::to_string(&self.json())?,
            Format::Markdown => self.markdown(),
            Format::Latex => self.latex(),
        })
    }

    fn table(&self) -> String {
        let mut header = vec!["metric".to_owned()];
        header.extend(self.systems.iter().map(|system| system.name.clone()));
        let mut table = styled(header);
        for metric in &self.systems[0].metrics {
            let of_systems = self.systems.iter().map(|system| system.metric(metric.name));
            let cells = of_systems.map(|metric| metric.map_or_else(String::new, with_interval));
            table.add_row([metric.name.to_owned()].into_iter().chain(cells));
        }
        right(&mut table);
        let images = self.systems[0].paired.images.len();
        let mut text = format!("{table}\nover {images} images, in hundredths, with 95 % intervals");
        if !self.compared.is_empty() {
            text += &format!("\n\n{}", self.differences());
        }
        text
    }

    fn differences(&self) -> String {
        let header = ["difference", "metric", "", "95 % interval", "p"];
        let mut table = styled(header.map(str::to_owned).to_vec());
        for compared in self.compared {
            let interval = compared.interval;
            let [value, low, high] = [interval.value, interval.low, interval.high]
                .map(|value| format!("{:+.2}", value * HUNDREDTHS));
            table.add_row([
                format!("{} - {}", compared.second, compared.first),
                compared.name.to_owned(),
                value,
                format!("{low} to {high}"),
                p_value(compared.p_value),
            ]);
        }
        right(&mut table);
        table.to_string()
    }

    fn markdown(&self) -> String {
        let metrics = &self.systems[0].metrics;
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
        let rule = "| --- |".to_owned() + &" ---: |".repeat(names.len());
        let mut lines = vec![format!("| system | {} |", names.join(" | ")), rule];
        for system in self.systems {
            let name = system.name.replace('|', "\\|");
            lines.push(format!("| {name} | {} |", numbers(system).join(" | ")));
        }
        lines.join("\n")
    }

    fn latex(&self) -> String {
        let metrics = &self.systems[0].metrics;
        let names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
        let mut lines = vec![format!("% system & {} \\\\", names.join(" & "))];
        for system in self.systems {
            let cells = numbers(system).join(" & ");
            lines.push(format!("{} & {cells} \\\\", escaped(&system.name)));
        }
        lines.join("\n")
    }

    fn json(&self) -> Value {
        let systems: Vec<Value> = self.systems.iter().map(of_system).collect();
        json!({
            "images": self.systems[0].paired.images.len(),
            "systems": systems,
            "differences": self.compared,
            "references_seen_in_training": self.leak,
        })
    }
}

fn of_system(system: &System) -> Value {
    #[derive(Serialize)]
    struct Item<'a> {
        image_id: &'a ImageId,
        caption: &'a str,
        #[serde(flatten)]
        scores: Map<String, Value>,
    }
    let paired = &system.paired;
    let items = paired.images.iter().zip(&paired.captions).enumerate();
    let items = items.map(|(item, (image_id, caption))| {
        let scores = system.metrics.iter();
        let scores = scores.map(|metric| (metric.name.to_owned(), json!(metric.items[item])));
        let scores = scores.collect();
        Item {
            image_id,
            caption,
            scores,
        }
    });
    json!({
        "name": system.name,
        "metrics": system.metrics,
        "items": items.collect::<Vec<_>>(),
    })
}

fn numbers(system: &System) -> Vec<String> {
    let values = system.metrics.iter().map(|metric| metric.interval.value);
    values
        .map(|value| format!("{:.1}", value * HUNDREDTHS))
        .collect()
}

/// As in `30.41 (29.12 to 31.80)`.
fn with_interval(metric: &Metric) -> String {
    let interval = metric.interval;
    let [value, low, high] = [interval.value, interval.low, interval.high]
        .map(|value| format!("{:.2}", value * HUNDREDTHS));
    format!("{value} ({low} to {high})")
}

/// A name in which LaTeX sees no commands.
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, sign| {
        match sign {
            '\\' => text += "\\textbackslash{}",
            '~' => text += "\\textasciitilde{}",
            '^' => text += "\\textasciicircum{}",
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => text.extend(['\\', sign]),
            other => text.push(other),
        }
        text
    })
}

fn styled(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    table
}

/// Numbers to the right.
fn right(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_command_of_latex() {
        assert_eq!(escaped("C3_a&b 50%"), "C3\\_a\\&b 50\\%");
        assert_eq!(escaped("a\\b~"), "a\\textbackslash{}b\\textasciitilde{}");
    }
}
