//! `geometry.html`: the survey as one page that needs nothing else.

use c3_artifacts::Survey;
use c3_artifacts::survey::{ProbeSurvey, ViewSurvey};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::bars;
use super::drawing::Drawing;
use crate::report::number::{count, fixed};
use crate::report::page::{Projection, head_matter};
use crate::report::scatter;

/// What the pictures here need beside the style of every report.
const CURVES: &str = "
svg { font-family: system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif; }
.curve { fill: none; stroke: var(--m, #0b6fb8); stroke-width: 1.5; stroke-linejoin: round; }
.null { --m: var(--nearest); }
.curve.null { stroke-dasharray: 4 3; }
line.mark { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 2; }
.charts { display: grid; gap: 1.5rem 2rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
.charts svg { width: 100%; }
.charts .legend { flex-wrap: wrap; row-gap: .25rem; }
.charts .legend span { white-space: nowrap; }
.charts .legend svg { width: 16px; }
.probe { max-width: 44rem; }
.probe svg { width: 100%; }
";

/// The whole page.
pub(crate) fn render(
    survey: &Survey,
    drawings: &[Drawing],
    projection: Option<&Projection>,
) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head_matter("Geometry"))
                style { (PreEscaped(CURVES)) }
            }
            body {
                (head(survey))
                main {
                    @if let Some(views) = &survey.views {
                        (section("Before and after Collapse", views_table(views)))
                    }
                    @if let Some(projection) = projection {
                        section { (scatter::panels(projection)) }
                    }
                    @if !survey.table.is_empty() {
                        (section("Table 1 of the paper", table(survey)))
                    }
                    (section("Variance", variance(survey)))
                    @if let Some(found) = &survey.probe {
                        (section("Which noise helps", probe(found)))
                    }
                    (section("Pictures", pictures(drawings)))
                }
            }
        }
    };
    page.into_string()
}

fn head(survey: &Survey) -> Markup {
    let (verdict, notes) = survey
        .sentences
        .split_first()
        .map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    html! {
        header {
            p.kind { "C3 geometry" }
            h1 { (survey.sources.join(", ")) }
            p.verdict { (verdict) }
            @for note in notes {
                p.note { (note) }
            }
            dl.summary {
                div { dt { "rows" } dd { (count(survey.rows)) } }
                div { dt { "width" } dd { (survey.dim) } }
                @if survey.sampled > 0 {
                    div { dt { "pairs looked at one by one" } dd { (count(survey.sampled as u64)) } }
                }
                @if let Some([low, high]) = survey.lengths {
                    div { dt { "lengths as read" } dd { (fixed(low, 3)) " to " (fixed(high, 3)) } }
                }
                div {
                    dt { "measured at" }
                    dd { @if survey.unit_length { "unit length" } @else { "the lengths read" } }
                }
                div { dt { "seed" } dd { (survey.seed) } }
            }
        }
    }
}

fn section(heading: &str, content: Markup) -> Markup {
    html! { section { h2 { (heading) } (content) } }
}

fn views_table([before, after]: &[ViewSurvey; 2]) -> Markup {
    let mut rows = vec![
        (
            "distance of the means".to_owned(),
            [before.gap, after.gap],
            3,
        ),
        (
            "cosine of pairs".to_owned(),
            [before.paired_cosine, after.paired_cosine],
            3,
        ),
        (
            "cosine of others".to_owned(),
            [before.unpaired_cosine, after.unpaired_cosine],
            3,
        ),
    ];
    let percent = |a: f64, b: f64| [a * 100.0, b * 100.0];
    for (k, share) in &before.recall_forth {
        let name = format!("R@{k} first to second, %");
        rows.push((name, percent(*share, after.recall_forth[k]), 1));
        let name = format!("R@{k} second to first, %");
        rows.push((
            name,
            percent(before.recall_back[k], after.recall_back[k]),
            1,
        ));
    }
    rows.extend([
        (
            "nearest neighbour of the same modality, %".to_owned(),
            percent(before.same_modality, after.same_modality),
            1,
        ),
        (
            "told apart by a straight cut, %".to_owned(),
            percent(before.separability, after.separability),
            1,
        ),
        ("hubness".to_owned(), [before.hubness, after.hubness], 2),
    ]);
    html! {
        div.scroll {
            table {
                caption { "Means fitted on one half of the items, measured on the other." }
                thead { tr { th {} th { "before" } th { "after" } } }
                tbody {
                    @for (name, values, decimals) in rows {
                        tr { th { (name) } @for value in values { td { (fixed(value, decimals)) } } }
                    }
                }
            }
        }
    }
}

fn table(survey: &Survey) -> Markup {
    html! {
        div.scroll {
            table {
                thead { tr { th {} th { "mean" } th { "standard deviation" } } }
                tbody {
                    @for (name, [mean, std]) in &survey.table {
                        tr { th { (name) } td { (fixed(*mean, 3)) } td { (fixed(*std, 3)) } }
                    }
                }
            }
        }
    }
}

fn variance(survey: &Survey) -> Markup {
    let names = ["first modality", "second modality"];
    let rows = survey
        .sides
        .iter()
        .zip(names)
        .map(|(side, name)| (name, side.variance, &side.effective_dimension));
    let noise = survey.noise.iter();
    let noise = noise.map(|noise| ("alignment noise", noise.trace, &noise.effective_dimension));
    html! {
        div.scroll {
            table {
                caption { "Directions that hold more than so much of the variance." }
                thead {
                    tr { th {} th { "variance" } th { "90 %" } th { "95 %" } th { "99 %" } }
                }
                tbody {
                    @for (name, variance, dimensions) in rows.chain(noise) {
                        tr {
                            th { (name) }
                            td { (fixed(variance, 4)) }
                            @for dimension in dimensions.values() { td { (dimension) } }
                        }
                    }
                }
            }
        }
        @if let Some(noise) = &survey.noise {
            p.note {
                "Alignment noise: " (fixed(noise.sigma, 4)) " per dimension; gap without it: "
                (fixed(noise.debiased_gap, 4)) "."
            }
        }
        @if let Some(likeness) = &survey.likeness {
            p.note {
                "The " (likeness.directions) " widest directions of the modalities overlap by "
                (fixed(likeness.overlap, 3)) " (chance: " (fixed(likeness.chance, 3)) ")"
                @if let Some(correlation) = likeness.spectral_correlation {
                    "; their spectra correlate by " (fixed(correlation, 3))
                }
                "."
            }
        }
    }
}

fn pictures(drawings: &[Drawing]) -> Markup {
    html! {
        div.charts {
            @for drawing in drawings {
                figure {
                    h3 { (drawing.heading) }
                    (drawing.svg)
                    (legend(drawing))
                }
            }
        }
    }
}

/// What each colour is; nothing for a single one.
fn legend(drawing: &Drawing) -> Markup {
    html! {
        @if drawing.legend.len() > 1 {
            p.legend {
                @for (class, name) in &drawing.legend {
                    span class=(class) {
                        svg width="16" height="10" aria-hidden="true" {
                            path class={ "curve " (class) } d="M0 5h16" {}
                        }
                        (name)
                    }
                }
            }
        }
    }
}

/// The corruptions that were tried, the best first.
fn probe(probe: &ProbeSurvey) -> Markup {
    html! {
        p.note {
            "Ridge regression from the corrupted embeddings of " (count(probe.captions as u64))
            " captions to " (count(probe.words as u64)) " words, shown "
            (count(probe.images as u64)) " images: the mean average precision of the words that \
             people used of each. `paired` was fitted to images instead of texts: the bound."
        }
        div.probe { (bars::probe(probe).svg) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_called_is_no_markup() {
        let survey = Survey {
            sources: vec!["<script>alert(1)</script>.npy".to_owned()],
            sentences: vec!["<img src=x>".to_owned()],
            ..Survey::default()
        };
        let page = render(&survey, &[], None);
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
    }
}
