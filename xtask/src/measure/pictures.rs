//! Which pictures a survey has.

use c3_artifacts::Survey;
use c3_geometry::{Embeddings, Summary};
use c3_transforms::PAPER_SIGMA;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::charts::{Chart, Series, Style, histograms};
use super::stable;
use super::survey::Drawn;

/// Draws of the isotropic null.
const NULL_DRAWS: usize = 2000;
/// Values below this share of the largest are rounding, and would stretch the axis.
const FLOOR: f64 = 1e-12;

/// Every picture that there are numbers for.
pub(crate) fn charts(survey: &Survey, drawn: &Drawn) -> anyhow::Result<Vec<Chart>> {
    let mut charts = table(drawn);
    charts.push(spectra(survey));
    charts.push(variances(survey));
    charts.extend(sigma(survey));
    if let [x, y] = &drawn.sides[..] {
        charts.extend(stable::region(x, y)?);
    }
    Ok(charts)
}

/// Histograms of Table 1, each with what chance gives.
fn table(drawn: &Drawn) -> Vec<Chart> {
    let (Some(table), Some(null)) = (&drawn.table, &drawn.null) else {
        return Vec::new();
    };
    let of = |name: &str, heading: &str, across: &str, parts: &[(&str, Style, &Summary)]| {
        let parts = parts.iter();
        let parts = parts
            .map(|(name, style, summary)| ((*name).to_owned(), *style, &summary.values[..]))
            .collect();
        Chart {
            name: name.to_owned(),
            heading: heading.to_owned(),
            across: across.to_owned(),
            up: "share".to_owned(),
            series: histograms(parts),
            marks: Vec::new(),
        }
    };
    let swapped = "modalities swapped";
    let isotropic = isotropic(drawn);
    vec![
        of(
            "gap-length",
            "Length of the gap, group by group",
            "length",
            &[
                ("pairs", Style::First, &table.length),
                (swapped, Style::Null, &null.length),
            ],
        ),
        of(
            "gap-direction",
            "Direction of the gap, group against group",
            "cosine",
            &[
                ("pairs", Style::First, &table.direction),
                (swapped, Style::Null, &null.direction),
            ],
        ),
        of(
            "orthogonality",
            "Differences within a modality, against the gap",
            "cosine",
            &[
                ("first", Style::First, &table.orthogonality[0]),
                ("second", Style::Second, &table.orthogonality[1]),
                (swapped, Style::Null, &null.orthogonality[0]),
            ],
        ),
        of(
            "noise-direction",
            "Alignment noise, pair against pair",
            "cosine",
            &[
                ("pairs", Style::First, &table.noise_direction),
                ("isotropic noise", Style::Null, &isotropic),
            ],
        ),
    ]
}

/// Cosines of pairs of isotropic directions: nearly normal, with variance `1 / d`.
fn isotropic(drawn: &Drawn) -> Summary {
    let d = drawn.sides.first().map_or(1, Embeddings::dim) as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let normal = StandardNormal.sample_iter(&mut rng);
    let values = normal.map(|value: f64| value / d.sqrt());
    Summary {
        values: values.take(NULL_DRAWS).collect(),
    }
}

fn spectra(survey: &Survey) -> Chart {
    // So few rows vary in no more directions; what is left there is rounding.
    let rank = usize::try_from(survey.rows.saturating_sub(1)).unwrap_or(usize::MAX);
    let held = |spectrum: &[f64]| spectrum[..spectrum.len().min(rank)].to_vec();
    let styles = [Style::First, Style::Second];
    let names = ["first modality", "second modality"];
    let mut series: Vec<Series> = survey
        .sides
        .iter()
        .zip(names.into_iter().zip(styles))
        .map(|(side, (name, style))| falling(name, style, &held(&side.spectrum)))
        .collect();
    if let Some(noise) = &survey.noise {
        series.push(falling(
            "alignment noise",
            Style::Null,
            &held(&noise.spectrum),
        ));
    }
    Chart {
        name: "spectra".to_owned(),
        heading: "Variance by direction, the widest first".to_owned(),
        across: "direction".to_owned(),
        up: "log\u{2081}\u{2080} of the variance".to_owned(),
        series,
        marks: Vec::new(),
    }
}

/// Logarithms of values, by their place.
fn falling(name: &str, style: Style, values: &[f64]) -> Series {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let shown = values
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > largest * FLOOR);
    Series {
        name: name.to_owned(),
        style,
        points: shown
            .map(|(at, value)| [at as f64 + 1.0, value.log10()])
            .collect(),
    }
}

fn variances(survey: &Survey) -> Chart {
    let names = [
        ("first modality", Style::First),
        ("second modality", Style::Second),
    ];
    let sides = survey.sides.iter().zip(names);
    Chart {
        name: "variances".to_owned(),
        heading: "Variance of each dimension".to_owned(),
        across: "dimension".to_owned(),
        up: "log\u{2081}\u{2080} of the variance".to_owned(),
        series: sides
            .map(|(side, (name, style))| falling(name, style, &side.variances))
            .collect(),
        marks: Vec::new(),
    }
}

/// How far noise of each strength takes an embedding from itself.
fn sigma(survey: &Survey) -> Option<Chart> {
    let verdict = survey.verdict.as_ref()?;
    let ([_, cosine, _], [_, sigma, _]) = (verdict.cosine, verdict.sigma?);
    let per_dimension = sigma * sigma / (1.0 / (cosine * cosine) - 1.0);
    let paper = f64::from(PAPER_SIGMA);
    let longest = 1.6 * sigma.max(paper);
    let kept = |sigma: f64| 1.0 / (1.0 + sigma * sigma / per_dimension).sqrt();
    let line = |name: &str, style, points| Series {
        name: name.to_owned(),
        style,
        points,
    };
    let steps = (0..=100).map(|step| f64::from(step) / 100.0 * longest);
    Some(Chart {
        name: "sigma".to_owned(),
        heading: "Noise, and what is left of an embedding".to_owned(),
        across: "sigma".to_owned(),
        up: "cosine with its clean self".to_owned(),
        series: vec![
            line(
                "with noise",
                Style::First,
                steps.map(|s| [s, kept(s)]).collect(),
            ),
            line(
                "real pairs",
                Style::Null,
                vec![[0.0, cosine], [longest, cosine]],
            ),
        ],
        marks: vec![(sigma, "here".to_owned()), (paper, "paper".to_owned())],
    })
}

#[cfg(test)]
mod tests {
    use c3_artifacts::survey::SideSurvey;

    use super::*;

    #[test]
    fn a_spectrum_ends_where_rows_do() {
        let side = SideSurvey {
            spectrum: vec![1.0, 0.5, 1e-11, 1e-11],
            ..SideSurvey::default()
        };
        let survey = |rows| Survey {
            rows,
            sides: vec![side.clone()],
            ..Survey::default()
        };
        let shown = |rows| spectra(&survey(rows)).series[0].points.len();
        assert_eq!((shown(3), shown(100)), (2, 4));
    }
}
