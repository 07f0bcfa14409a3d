//! Which pictures a survey has.

use c3_artifacts::Survey;
use c3_geometry::{Embeddings, Summary, stable_margin};
use c3_transforms::PAPER_SIGMA;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::charts::{Chart, Series, Style, histograms};
use super::survey::{Drawn, median};

/// Loss below which a pair counts as learned, in nats.
const DELTA: f64 = 0.1;
/// Rows that the stable region is taken from.
const QUERIES: usize = 200;
/// Values below this share of the largest are rounding, and would stretch the axis.
const FLOOR: f64 = 1e-12;

/// Every picture that there are numbers for.
pub(crate) fn charts(survey: &Survey, drawn: &Drawn) -> anyhow::Result<Vec<Chart>> {
    let mut charts = table(drawn);
    charts.push(spectra(survey));
    charts.push(variances(survey));
    charts.extend(sigma(survey));
    if let [x, y] = &drawn.sides[..] {
        charts.push(stable_region(x, y)?);
    }
    Ok(charts)
}

/// Histograms of Table 1, each with what chance gives.
fn table(drawn: &Drawn) -> Vec<Chart> {
    let (Some(table), Some(null)) = (&drawn.table, &drawn.null) else {
        return Vec::new();
    };
    let of = |name: &str, heading: &str, across: &str, parts: [(&str, &Summary); 2]| {
        let style = [Style::First, Style::Null];
        let parts = parts.into_iter().zip(style);
        let parts = parts.map(|((name, summary), style)| (name.to_owned(), style, summary));
        let parts: Vec<_> = parts
            .map(|(name, style, summary)| (name, style, &summary.values[..]))
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
    let mut orthogonality = of(
        "orthogonality",
        "Differences within a modality, against the gap",
        "cosine",
        [
            ("first", &table.orthogonality[0]),
            ("second", &table.orthogonality[1]),
        ],
    );
    orthogonality.series[1].style = Style::Second;
    vec![
        of(
            "gap-length",
            "Length of the gap, group by group",
            "length",
            [("pairs", &table.length), (swapped, &null.length)],
        ),
        of(
            "gap-direction",
            "Direction of the gap, group against group",
            "cosine",
            [("pairs", &table.direction), (swapped, &null.direction)],
        ),
        orthogonality,
        of(
            "noise-direction",
            "Alignment noise, pair against pair",
            "cosine",
            [
                ("pairs", &table.noise_direction),
                ("isotropic noise", &isotropic),
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
        values: values.take(QUERIES * 10).collect(),
    }
}

fn spectra(survey: &Survey) -> Chart {
    let styles = [Style::First, Style::Second];
    let names = ["first modality", "second modality"];
    let mut series: Vec<Series> = survey
        .sides
        .iter()
        .zip(names.into_iter().zip(styles))
        .map(|(side, (name, style))| falling(name, style, &side.spectrum))
        .collect();
    if let Some(noise) = &survey.noise {
        series.push(falling("alignment noise", Style::Null, &noise.spectrum));
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

/// The margin that a pair needs, by temperature.
fn stable_region(x: &Embeddings, y: &Embeddings) -> anyhow::Result<Chart> {
    let (x, y) = (x.to_unit_length()?, y.to_unit_length()?);
    let queries = QUERIES.min(x.len());
    let mut rows = Vec::new();
    for query in 0..queries {
        let at = query * x.len() / queries;
        let cosines = y.view().dot(&x.view().row(at)).mapv(f64::from);
        let negatives: Vec<f64> = cosines
            .iter()
            .enumerate()
            .filter(|(row, _)| *row != at)
            .map(|pair| *pair.1)
            .collect();
        rows.push((cosines[at], negatives));
    }
    let margins = rows.iter().map(|(positive, negatives)| {
        positive - negatives.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    });
    let margin = median(margins);
    let temperatures: Vec<f64> = (0..=24)
        .map(|at| 10_f64.powf(-2.5 + f64::from(at) / 12.0))
        .collect();
    let mut needed = Vec::new();
    for temperature in &temperatures {
        let thresholds: Result<Vec<f64>, _> = rows
            .iter()
            .map(|(_, negatives)| stable_margin(negatives, *temperature, DELTA))
            .collect();
        needed.push([temperature.log10(), median(thresholds?.into_iter())]);
    }
    let ends = [temperatures[0].log10(), temperatures[24].log10()];
    Ok(Chart {
        name: "stable-region".to_owned(),
        heading: format!("Margin that keeps a loss of {DELTA} nats"),
        across: "log\u{2081}\u{2080} of the temperature".to_owned(),
        up: "margin".to_owned(),
        series: vec![
            Series {
                name: "needed (Lemma 2)".to_owned(),
                style: Style::First,
                points: needed,
            },
            Series {
                name: "median of the pairs".to_owned(),
                style: Style::Null,
                points: ends.map(|end| [end, margin]).to_vec(),
            },
        ],
        marks: vec![(0.07_f64.log10(), "0.07".to_owned())],
    })
}
