//! Everything that is measured of a space, in one pass over all rows and a few over some.

use std::collections::{BTreeMap, HashSet};

use anyhow::ensure;
use c3_artifacts::survey::{
    Likeness, NoiseSurvey, NormalitySurvey, SideSurvey, SpreadSurvey, Survey, VerdictSurvey,
};
use c3_geometry::{
    AlignmentNoise, Embeddings, GapTable, GeometryError, Interval, Moments, Normality, Outcome,
    Spectrum, TableSettings, Verdict, VerdictSettings, adjust_for_many, alignment_noise,
    caption_spread, gap_table, isotropic_null, normality, spectral_correlation, subspace_overlap,
    verdict,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::views;

/// Shares of the variance that effective dimensions are given for.
const GAMMAS: [f64; 3] = [0.9, 0.95, 0.99];
/// Draws of the isotropic null.
const NULL_DRAWS: usize = 40;
/// Random directions that the noise is tested on.
const PROJECTIONS: usize = 100;
/// False alarms allowed among the samples that are called not Gaussian.
const FALSE_ALARMS: f64 = 0.05;
/// Groups of Table 1 where there are not enough pairs for the paper's hundred in each.
const GROUPS: usize = 10;

/// What the user may choose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) group: Option<usize>,
    pub(crate) as_they_are: bool,
    pub(crate) unpaired: bool,
    pub(crate) portable: bool,
}

/// The rows that single-row questions are asked of, of one modality or two.
pub(crate) struct Sample {
    pub(crate) sides: Vec<Embeddings>,
    /// The item of each row, where several rows are of one.
    pub(crate) items: Option<Vec<usize>>,
}

/// What a survey draws, beside what it says.
#[derive(Default)]
pub(crate) struct Drawn {
    pub(crate) table: Option<GapTable>,
    /// Table 1 with the modalities of random pairs swapped.
    pub(crate) null: Option<GapTable>,
    pub(crate) sides: Vec<Embeddings>,
}

/// What the moments alone say.
pub(crate) fn of_moments(moments: &[Moments], seed: u64) -> anyhow::Result<Survey> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut survey = Survey {
        rows: moments.iter().map(Moments::rows).min().unwrap_or_default(),
        dim: moments[0].dim(),
        paired: moments[0].is_paired(),
        seed,
        ..Survey::default()
    };
    let mut found = Vec::new();
    for moments in moments {
        found.push((moments, c3_geometry::Side::X));
        if moments.is_paired() {
            found.push((moments, c3_geometry::Side::Y));
        }
    }
    let (mut means, mut covariances, mut spectra) = (Vec::new(), Vec::new(), Vec::new());
    for (moments, side) in found {
        let (mean, covariance) = (moments.mean(side)?, moments.covariance(side)?);
        let spectrum = Spectrum::of(&covariance)?;
        survey.sides.push(SideSurvey {
            mean_length: length(&mean),
            variance: spectrum.total(),
            effective_dimension: dimensions(&spectrum),
            spectrum: spectrum.values().to_vec(),
            variances: covariance.diag().to_vec(),
        });
        means.push(mean);
        covariances.push(covariance);
        spectra.push(spectrum);
    }
    if let ([mean_x, mean_y], [x, y]) = (&means[..], &covariances[..]) {
        let gap: Vec<f64> = mean_x.iter().zip(mean_y).map(|(a, b)| a - b).collect();
        survey.gap = Some(length(&gap));
        let gap = ndarray::Array1::from(gap);
        let between =
            ndarray::Array2::from_shape_fn((gap.len(), gap.len()), |(i, j)| gap[i] * gap[j] / 4.0);
        // As many rows of each, so the joint variance is the mean one and that of the two means.
        let joint = (x + y) / 2.0 + between;
        survey.joint_effective_dimension = dimensions(&Spectrum::of(&joint)?);
        let directions = survey
            .sides
            .iter()
            .map(|side| side.effective_dimension["0.9"])
            .min();
        let directions = directions.unwrap_or(1).max(1);
        survey.likeness = Some(Likeness {
            directions,
            overlap: subspace_overlap(x, y, directions)?,
            chance: directions as f64 / gap.len() as f64,
            spectral_correlation: spectral_correlation(&spectra[0], &spectra[1]),
        });
    }
    if survey.paired {
        survey.noise = Some(noise(
            &alignment_noise(&moments[0])?,
            moments[0].rows(),
            &mut rng,
        )?);
    }
    Ok(survey)
}

fn noise(noise: &AlignmentNoise, rows: u64, rng: &mut impl Rng) -> anyhow::Result<NoiseSurvey> {
    let d = noise.covariance.nrows();
    let null = isotropic_null(rows, d, NULL_DRAWS, rng)?;
    Ok(NoiseSurvey {
        debiased_gap: noise.debiased_gap_length,
        trace: noise.trace,
        sigma: noise.sigma,
        anisotropy: noise.spectrum.anisotropy(),
        isotropic: [
            null[NULL_DRAWS / 40],
            null[NULL_DRAWS - 1 - NULL_DRAWS / 40],
        ],
        effective_dimension: dimensions(&noise.spectrum),
        spectrum: noise.spectrum.values().to_vec(),
        dimensions: None,
        projections: None,
    })
}

/// Adds what only single pairs can say.
pub(crate) fn of_pairs(
    survey: &mut Survey,
    sample: &Sample,
    settings: Settings,
) -> anyhow::Result<Drawn> {
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed ^ 1);
    let ([x, y], items) = (&sample.sides[..], sample.items.as_deref()) else {
        return Ok(Drawn::default());
    };
    survey.sampled = x.len();
    let judged = verdict(x, y, items, VerdictSettings::default(), &mut rng)?;
    survey.verdict = Some(said(&judged));
    survey.views = views::views(x, y, items)?;
    let group = settings
        .group
        .unwrap_or_else(|| (x.len() / GROUPS).clamp(1, 100));
    ensure!(
        group >= 1 && 2 * group <= x.len(),
        "two groups of {group} are more than the {} pairs there are; choose another `--group`",
        x.len()
    );
    let table_settings = TableSettings {
        group,
        ..TableSettings::default()
    };
    let table = gap_table(x, y, items, table_settings, &mut rng)?;
    let (left, right) = swapped(x, y, &mut rng)?;
    let null = gap_table(&left, &right, items, table_settings, &mut rng)?;
    survey.table = rows(&table, group);
    if let Some(noise) = &mut survey.noise {
        let (dimensions, projections) = normal(x, y, &mut rng)?;
        noise.dimensions = dimensions;
        noise.projections = projections;
    }
    Ok(Drawn {
        table: Some(table),
        null: Some(null),
        sides: sample.sides.clone(),
    })
}

/// Adds how far several captions of one item stand apart, where items have several.
pub(crate) fn of_items(
    survey: &mut Survey,
    texts: &Embeddings,
    items: &[usize],
    seed: u64,
) -> anyhow::Result<()> {
    let n_items = items.iter().collect::<HashSet<_>>().len();
    if n_items < 4 || items.len() < n_items + 2 {
        return Ok(()); // nothing to compare
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 2);
    let resamples = VerdictSettings::default().resamples;
    let found = match caption_spread(texts, items, resamples, &mut rng) {
        Ok(found) => found,
        Err(GeometryError::TooFewRows { .. }) => return Ok(()), // only one item has several
        Err(error) => return Err(error.into()),
    };
    survey.spread = Some(SpreadSurvey {
        items: found.items,
        cosine: ends(&found.cosine),
        sigma: finite(ends(&found.sigma)),
    });
    Ok(())
}

/// Pairs with their modalities swapped at random: a space without a gap.
fn swapped(
    x: &Embeddings,
    y: &Embeddings,
    rng: &mut impl Rng,
) -> anyhow::Result<(Embeddings, Embeddings)> {
    let (mut left, mut right) = (x.view().to_owned(), y.view().to_owned());
    let pairs = left.outer_iter_mut().zip(right.outer_iter_mut());
    for (mut a, mut b) in pairs {
        if rng.random() {
            a.iter_mut()
                .zip(&mut b)
                .for_each(|(a, b)| std::mem::swap(a, b));
        }
    }
    Ok((
        Embeddings::from_array(left)?,
        Embeddings::from_array(right)?,
    ))
}

fn rows(table: &GapTable, group: usize) -> BTreeMap<String, [f64; 2]> {
    let [x, y] = &table.orthogonality;
    let rows = [
        (format!("gap length, groups of {group}"), &table.length),
        (
            format!("gap direction, groups of {group}"),
            &table.direction,
        ),
        ("orthogonality, first modality".to_owned(), x),
        ("orthogonality, second modality".to_owned(), y),
        ("noise mean".to_owned(), &table.noise_mean),
        ("noise direction".to_owned(), &table.noise_direction),
    ];
    rows.into_iter()
        .map(|(name, summary)| (name, [summary.mean(), summary.std()]))
        .collect()
}

type Tested = (Option<NormalitySurvey>, Option<NormalitySurvey>);

/// Tests the residual in every dimension and on random directions.
fn normal(x: &Embeddings, y: &Embeddings, rng: &mut impl Rng) -> anyhow::Result<Tested> {
    let residual =
        x.to_unit_length()?.view().mapv(f64::from) - y.to_unit_length()?.view().mapv(f64::from);
    let dimensions = residual
        .columns()
        .into_iter()
        .map(|column| normality(&column.to_vec()));
    let directions = ndarray::Array2::from_shape_simple_fn((x.dim(), PROJECTIONS), || {
        let value: f64 = StandardNormal.sample(rng);
        value
    });
    let projected = residual.dot(&directions);
    let projections = projected
        .columns()
        .into_iter()
        .map(|column| normality(&column.to_vec()));
    Ok((tested(dimensions), tested(projections)))
}

/// What many tests say together; those without an answer (constant, too few rows) count not.
fn tested(
    found: impl Iterator<Item = Result<Normality, GeometryError>>,
) -> Option<NormalitySurvey> {
    let found: Vec<Normality> = found.filter_map(Result::ok).collect();
    let p_values: Vec<f64> = found.iter().map(|found| found.p_value).collect();
    let rejected = adjust_for_many(&p_values);
    (!found.is_empty()).then(|| NormalitySurvey {
        tested: found.len(),
        rejected: rejected.iter().filter(|p| **p < FALSE_ALARMS).count(),
        skewness: median(found.iter().map(|found| found.skewness.abs())),
        excess_kurtosis: median(found.iter().map(|found| found.excess_kurtosis)),
    })
}

/// The middle value; the upper one of two.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn ends(interval: &Interval) -> [f64; 3] {
    [interval.low, interval.estimate, interval.high]
}

/// JSON has no infinity, and an infinite sigma is no noise that anybody could add.
fn finite(ends: [f64; 3]) -> Option<[f64; 3]> {
    ends.iter().all(|end| end.is_finite()).then_some(ends)
}

fn said(verdict: &Verdict) -> VerdictSurvey {
    let outcome = match verdict.outcome {
        Outcome::NoSharedSignal => "no_shared_signal",
        Outcome::CorruptAlone => "corrupt_alone",
        Outcome::CollapseAndCorrupt => "collapse_and_corrupt",
    };
    VerdictSurvey {
        outcome: outcome.to_owned(),
        cosine: ends(&verdict.cosine),
        shuffled: ends(&verdict.shuffled),
        gap: Some(verdict.gap),
        swapped: ends(&verdict.swapped),
        sigma: finite(ends(&verdict.sigma)),
    }
}

fn dimensions(spectrum: &Spectrum) -> BTreeMap<String, usize> {
    GAMMAS
        .iter()
        .map(|gamma| (gamma.to_string(), spectrum.effective_dimension(*gamma)))
        .collect()
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}
