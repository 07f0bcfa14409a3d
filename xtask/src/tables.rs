//! Results as tables for a terminal.

use c3_artifacts::results::ArmResult;
use c3_artifacts::survey::ProbeSurvey;
use c3_artifacts::{Results, TransformRecord};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::bench::Row;
use crate::connect::AtTemperature;
use crate::measure::Geometry;
use crate::train::percent;
use crate::verify::{Finding, Outcome};

/// Metrics of the table of arms, in the order of papers.
pub(crate) const METRICS: [&str; 4] = ["BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr"];

/// The gap and retrieval, before and after Collapse.
pub(crate) fn geometry(geometry: &Geometry) -> Table {
    let mut table = table(&["", "before Collapse", "after Collapse"]);
    let (before, after) = (&geometry.before, &geometry.after);
    table.add_row(row("modality gap", [before.gap, after.gap], 3));
    table.add_row(row(
        "cosine of pairs",
        [before.pair_cosine, after.pair_cosine],
        3,
    ));
    if let (Some(a), Some(b)) = (before.caption_cosine, after.caption_cosine) {
        table.add_row(row("cosine of captions of one picture", [a, b], 3));
    }
    for (a, b) in before.recall.iter().zip(&after.recall) {
        let name = |way: &str| format!("R@{} {way}, %", a.k);
        let percent = |a: f64, b: f64| [a * 100.0, b * 100.0];
        let (to_text, to_image) = (name("image to text"), name("text to image"));
        table.add_row(row(&to_text, percent(a.image_to_text, b.image_to_text), 1));
        table.add_row(row(&to_image, percent(a.text_to_image, b.text_to_image), 1));
    }
    align(&mut table);
    table
}

/// The noise of every arm.
pub(crate) fn transforms(records: &[TransformRecord]) -> Table {
    let mut table = table(&["arm", "Collapse", "Corrupt, sigma"]);
    for record in records {
        let collapse = if record.means.is_empty() { "no" } else { "yes" };
        let sigma = if record.sigma > 0.0 {
            let directions = record.noise.as_ref().map(|noise| &noise.directions);
            let directions = directions.map_or_else(String::new, |name| format!(" {name}"));
            format!("{:.4}{directions}", record.sigma)
        } else {
            "no".to_owned()
        };
        table.add_row([record.arm.clone(), collapse.to_owned(), sigma]);
    }
    align(&mut table);
    table
}

/// Corruptions, the best first, by the words found in images.
pub(crate) fn probe(found: &ProbeSurvey) -> Table {
    let mut table = table(&["arm", "noise", "sigma", "mAP, %", "95 %", "penalty"]);
    for row in &found.rows {
        let [low, value, high] = row.mean_average_precision.map(|share| share * 100.0);
        table.add_row([
            row.arm.clone(),
            row.directions.clone().unwrap_or_default(),
            row.sigma
                .map_or_else(String::new, |sigma| format!("{sigma:.4}")),
            format!("{value:.1}"),
            format!("{low:.1} to {high:.1}"),
            row.penalty.to_string(),
        ]);
    }
    align(&mut table);
    table
}

/// Arms by metrics: mean ± standard deviation over seeds, and the share of the paired bound.
pub(crate) fn arms(results: &Results) -> Table {
    let mut header = vec!["arm", "sigma"];
    header.extend(METRICS);
    header.push("CIDEr, share of paired");
    let mut table = table(&header);
    for arm in &results.arms {
        let sigma = arm
            .sigma
            .map_or_else(String::new, |sigma| format!("{sigma:.4}"));
        let mut cells = vec![arm.arm.clone(), sigma];
        cells.extend(METRICS.iter().map(|metric| value(arm, metric)));
        let share = arm.share_of_paired.get("CIDEr");
        cells.push(share.map_or_else(String::new, |share| format!("{:.0} %", share * 100.0)));
        table.add_row(cells);
    }
    align(&mut table);
    table
}

/// CIDEr of the arms by the share of pairs that they went on with.
pub(crate) fn fine_tuned(results: &Results) -> Table {
    let shares = results.by_share();
    let mut header = vec!["CIDEr after pairs".to_owned()];
    header.extend(
        shares
            .iter()
            .map(|share| format!("{} %", percent(share.fraction))),
    );
    let mut table = table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let arms = shares.last().map(|share| &share.arms);
    for ArmResult { arm, .. } in arms.into_iter().flatten() {
        let mut cells = vec![arm.clone()];
        cells.extend(shares.iter().map(|share| {
            let found = share.arms.iter().find(|other| other.arm == *arm);
            found.map_or_else(String::new, |found| value(found, "CIDEr"))
        }));
        table.add_row(cells);
    }
    align(&mut table);
    table
}

/// What was held against a reference, and how it ended.
pub(crate) fn findings(findings: &[Finding]) -> Table {
    let mut table = table(&["model", "compared", "found", "borne", ""]);
    for Finding {
        model,
        what,
        outcome,
    } in findings
    {
        let [found, borne, verdict] = match outcome {
            Outcome::Difference { found, most } => {
                let verdict = if found <= most { "the same" } else { "DIFFERS" };
                [
                    format!("{found:.1e}"),
                    format!("{most:.0e}"),
                    verdict.into(),
                ]
            }
            Outcome::Same { same, all } => {
                let verdict = if same == all { "the same" } else { "DIFFERS" };
                [format!("{same} of {all}"), "all".into(), verdict.into()]
            }
            Outcome::NotRun(reason) => [String::new(), String::new(), format!("not run: {reason}")],
            Outcome::Failed(reason) => [String::new(), String::new(), format!("FAILED: {reason}")],
        };
        table.add_row([model.clone(), (*what).to_owned(), found, borne, verdict]);
    }
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// One metric of one arm, as in `30.4 ± 0.3`.
pub(crate) fn value(arm: &ArmResult, metric: &str) -> String {
    let Some(mean) = arm.mean.get(metric) else {
        return String::new();
    };
    match arm.sd.get(metric) {
        Some(sd) => format!("{mean:.1} ± {sd:.1}"),
        None => format!("{mean:.1}"),
    }
}

/// The gap that each temperature leaves.
pub(crate) fn temperatures(rows: &[AtTemperature]) -> Table {
    let header = [
        "temperature",
        "gap",
        "cosine of pairs, centred",
        "R@1 image to text, %",
        "R@1 text to image, %",
    ];
    let mut table = table(&header);
    for AtTemperature {
        temperature,
        geometry,
    } in rows
    {
        let first = &geometry.before.recall[0];
        table.add_row([
            temperature.to_string(),
            format!("{:.3}", geometry.before.gap),
            format!("{:.3}", geometry.after.pair_cosine),
            format!("{:.1}", first.image_to_text * 100.0),
            format!("{:.1}", first.text_to_image * 100.0),
        ]);
    }
    align(&mut table);
    table
}

/// Speeds beside their peers'.
pub(crate) fn speeds(rows: &[Row]) -> Table {
    let mut table = table(&["work", "unit", "C3", "peer", "C3 / peer"]);
    for Row {
        name,
        unit,
        ours,
        peer,
    } in rows
    {
        let number = |value: f64| format!("{value:.1}");
        let ratio = peer.map(|peer| format!("{:.2}", ours / peer));
        let cells = [number(*ours), peer.map_or_else(String::new, number)];
        let [ours, peer] = cells;
        table.add_row([
            (*name).to_owned(),
            (*unit).to_owned(),
            ours,
            peer,
            ratio.unwrap_or_default(),
        ]);
    }
    align(&mut table);
    table
}

/// Captions of pictures.
pub(crate) fn captions(rows: impl Iterator<Item = [String; 3]>) -> Table {
    let mut table = table(&["picture", "caption", "log p"]);
    rows.for_each(|row| {
        table.add_row(row);
    });
    table
}

fn row(name: &str, values: [f64; 2], digits: usize) -> [String; 3] {
    let [a, b] = values.map(|value| format!("{value:.digits$}"));
    [name.to_owned(), a, b]
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_header(header.iter().copied());
    table
}

/// Names to the left, numbers to the right.
fn align(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}
