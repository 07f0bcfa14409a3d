//! Will C3 help in this space, and with which noise? Answered from embeddings alone.
//!
//! Every threshold is a null computed on the data itself: pairs shuffled for the cosine,
//! modalities swapped within pairs for the gap. No constant is tuned to a space.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::cosine::cosine;
use crate::gap::at_least;
use crate::table::{apart, unit_pairs};
use crate::{Embeddings, GeometryError, relative_noise};

/// Share of draws on either side of an interval: 95 % lie inside.
const TAIL: f64 = 0.025;

/// An estimate with the interval that 95 % of the draws lie in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// The estimate, or the middle draw.
    pub estimate: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// From draws in any order; the estimate is the middle one unless given.
    pub(crate) fn of(mut draws: Vec<f64>, estimate: Option<f64>) -> Self {
        draws.sort_by(f64::total_cmp);
        let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
        Self {
            low: at(TAIL),
            estimate: estimate.unwrap_or_else(|| at(0.5)),
            high: at(1.0 - TAIL),
        }
    }
}

/// How many draws a verdict is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerdictSettings {
    /// Resamplings of the items, for the intervals.
    pub resamples: usize,
    /// Shuffles, for the nulls.
    pub shuffles: usize,
}

impl Default for VerdictSettings {
    fn default() -> Self {
        Self {
            resamples: 1000,
            shuffles: 200,
        }
    }
}

/// What C3 will do in a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Centred pairs are no nearer than shuffled ones: nothing to learn across modalities.
    NoSharedSignal,
    /// Pairs share a signal and there is no gap: Corrupt helps, Collapse has nothing to do.
    CorruptAlone,
    /// Pairs share a signal and a gap hides it: Collapse and Corrupt both help.
    CollapseAndCorrupt,
}

/// What embeddings say before anything is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Mean cosine of held-out pairs, each modality minus its mean: `c`.
    pub cosine: Interval,
    /// The same of shuffled pairs.
    pub shuffled: Interval,
    /// Distance of the two means at unit length.
    pub gap: f64,
    /// The same with the modalities of random pairs swapped.
    pub swapped: Interval,
    /// Noise per dimension that leaves a training embedding as far from its clean self as a
    /// real pair is apart: `sqrt((1 / c^2 - 1) E|y|^2 / d)`, with `y` centred. Infinite where `c`
    /// is not positive.
    pub sigma: Interval,
    /// What follows.
    pub outcome: Outcome,
}

/// Judges a space by its pairs.
///
/// Rows are brought to unit length; the means are estimated on one half of the items and
/// subtracted in the other, both ways; `c` is the mean cosine of the pairs then (see
/// [`Verdict`]). Items are resampled for the intervals (percentile bootstrap).
///
/// - No shared signal if the interval of `c` reaches below the upper end of the shuffled one.
/// - No gap if the distance of the means is within the interval of the swapped ones.
///
/// # Shapes
///
/// - `x`, `y`: `[n, d]`, row `i` matched with row `i`.
/// - `items`: `[n]`, the item of each row; without it every row is an item of its own.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`], [`GeometryError::ZeroRow`],
/// [`GeometryError::TooFewRows`] below four items or without draws.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, Outcome, VerdictSettings, verdict};
/// # use rand::SeedableRng;
/// let wave = |turn: f32| (0..80).map(move |i| (i as f32 * 1.7 + turn).sin());
/// let x = Embeddings::new(wave(0.0).collect(), 4)?;
/// let y = Embeddings::new(wave(0.3).map(|value| value + 2.0).collect(), 4)?;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let found = verdict(&x, &y, None, VerdictSettings::default(), &mut rng)?;
/// assert_eq!(found.outcome, Outcome::CollapseAndCorrupt);
/// assert!(found.sigma.low <= found.sigma.estimate && found.sigma.estimate <= found.sigma.high);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn verdict(
    x: &Embeddings,
    y: &Embeddings,
    items: Option<&[usize]>,
    settings: VerdictSettings,
    rng: &mut impl Rng,
) -> Result<Verdict, GeometryError> {
    let (x, y) = unit_pairs(x, y)?;
    let members = members(x.len(), items)?;
    at_least(4, members.len())?;
    at_least(1, settings.resamples.min(settings.shuffles))?;
    let centred = [
        centre_by_halves(&x, &members)?,
        centre_by_halves(&y, &members)?,
    ];
    let pairs: Vec<Pair> = members
        .iter()
        .map(|rows| Pair::of(&centred, rows))
        .collect();
    let (cosine, sigma) = bootstrap(&pairs, x.dim(), settings.resamples, rng);
    let shuffled = shuffled(&centred, &members, settings.shuffles, rng);
    let (gap, swapped) = gap(&x, &y, &members, settings.shuffles, rng);
    let outcome = if cosine.low <= shuffled.high {
        Outcome::NoSharedSignal
    } else if gap <= swapped.high {
        Outcome::CorruptAlone
    } else {
        Outcome::CollapseAndCorrupt
    };
    Ok(Verdict {
        cosine,
        shuffled,
        gap,
        swapped,
        sigma,
        outcome,
    })
}

/// The rows of each item, in the order in which items first come.
pub(crate) fn members(n: usize, items: Option<&[usize]>) -> Result<Vec<Vec<usize>>, GeometryError> {
    let Some(items) = items else {
        return Ok((0..n).map(|row| vec![row]).collect());
    };
    if items.len() != n {
        let (left, right) = (n, items.len());
        return Err(GeometryError::Unpaired { left, right });
    }
    let mut places = std::collections::HashMap::new();
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (row, item) in items.iter().enumerate() {
        let place = *places.entry(*item).or_insert(members.len());
        if place == members.len() {
            members.push(Vec::new());
        }
        members[place].push(row);
    }
    Ok(members)
}

/// A modality minus the mean of the items in the *other* half.
pub(crate) fn centre_by_halves(
    batch: &Embeddings,
    members: &[Vec<usize>],
) -> Result<Embeddings, GeometryError> {
    let mut half = vec![0; batch.len()];
    for (place, rows) in members.iter().enumerate() {
        rows.iter().for_each(|row| half[*row] = place % 2);
    }
    let means = [0, 1].map(|wanted| {
        let rows: Vec<usize> = (0..half.len()).filter(|row| half[*row] == wanted).collect();
        batch.select(&rows).mean()
    });
    let mut values = batch.view().to_owned();
    for (mut row, half) in values.outer_iter_mut().zip(&half) {
        row.iter_mut()
            .zip(&means[1 - half])
            .for_each(|(value, mean)| *value = (f64::from(*value) - mean) as f32);
    }
    Embeddings::from_array(values)
}

/// What the pairs of one item say.
pub(crate) struct Pair {
    pub(crate) cosine: f64,
    pub(crate) squared_length: f64,
}

impl Pair {
    fn of([x, y]: &[Embeddings; 2], rows: &[usize]) -> Self {
        let m = rows.len() as f64;
        let cosines = rows.iter().map(|row| likeness(x.row(*row), y.row(*row)));
        let squares = rows.iter().map(|row| dot(y.row(*row), y.row(*row)));
        Self {
            cosine: cosines.sum::<f64>() / m,
            squared_length: squares.sum::<f64>() / m,
        }
    }
}

/// Intervals of the mean cosine and of the noise that follows from it.
pub(crate) fn bootstrap(
    pairs: &[Pair],
    dim: usize,
    resamples: usize,
    rng: &mut impl Rng,
) -> (Interval, Interval) {
    let n = pairs.len();
    let mean = |chosen: &mut dyn Iterator<Item = usize>| {
        let (mut cosine, mut square) = (0.0, 0.0);
        for at in chosen {
            cosine += pairs[at].cosine;
            square += pairs[at].squared_length;
        }
        let (cosine, square) = (cosine / n as f64, square / n as f64);
        let sigma = relative_noise(cosine) * (square / dim as f64).sqrt();
        (cosine, sigma)
    };
    let (mut cosines, mut sigmas) = (Vec::new(), Vec::new());
    for _ in 0..resamples {
        let (cosine, sigma) = mean(&mut (0..n).map(|_| rng.random_range(0..n)));
        cosines.push(cosine);
        sigmas.push(sigma);
    }
    let (cosine, sigma) = mean(&mut (0..n));
    (
        Interval::of(cosines, Some(cosine)),
        Interval::of(sigmas, Some(sigma)),
    )
}

/// Mean cosines when every item of `x` gets the first row of another item of `y`.
fn shuffled(
    [x, y]: &[Embeddings; 2],
    members: &[Vec<usize>],
    shuffles: usize,
    rng: &mut impl Rng,
) -> Interval {
    let mut partners: Vec<usize> = (0..members.len()).collect();
    let draw = |_| {
        partners.shuffle(rng);
        let pairs = members.iter().zip(&partners);
        let total: f64 = pairs
            .map(|(own, other)| likeness(x.row(own[0]), y.row(members[*other][0])))
            .sum();
        total / members.len() as f64
    };
    Interval::of((0..shuffles).map(draw).collect(), None)
}

/// The distance of the means, and what it is when modalities are swapped at random.
fn gap(
    x: &Embeddings,
    y: &Embeddings,
    members: &[Vec<usize>],
    shuffles: usize,
    rng: &mut impl Rng,
) -> (f64, Interval) {
    let mut differences: Vec<Vec<f64>> = Vec::with_capacity(members.len());
    for rows in members {
        let mut sum = vec![0.0; x.dim()];
        for row in rows {
            let apart = apart(x.row(*row), y.row(*row));
            sum.iter_mut()
                .zip(apart)
                .for_each(|(sum, value)| *sum += value);
        }
        differences.push(sum);
    }
    let length = |signs: &mut dyn FnMut() -> f64| {
        let mut sum = vec![0.0; x.dim()];
        for difference in &differences {
            let sign = signs();
            sum.iter_mut()
                .zip(difference)
                .for_each(|(sum, value)| *sum += sign * value);
        }
        sum.iter().map(|value| value * value).sum::<f64>().sqrt() / x.len() as f64
    };
    let draws = (0..shuffles)
        .map(|_| length(&mut || if rng.random() { 1.0 } else { -1.0 }))
        .collect();
    (length(&mut || 1.0), Interval::of(draws, None))
}

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

/// Zero for a row that lies on its mean: it says nothing of its partner.
fn likeness(a: &[f32], b: &[f32]) -> f64 {
    cosine(a, b).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Pairs of `n` rows that share `signal`, `gap` apart.
    fn space(n: usize, signal: f32, gap: f32, seed: u64) -> (Embeddings, Embeddings) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
        let d = 16;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..n {
            for j in 0..d {
                let (shared, offset) = (draw() * signal, gap * f32::from(u8::from(j == 0)));
                x.push(shared + draw() + offset);
                y.push(shared + draw() - offset);
            }
        }
        let new = |values| Embeddings::new(values, d).unwrap();
        (new(x), new(y))
    }

    fn judge((x, y): &(Embeddings, Embeddings)) -> Verdict {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        verdict(x, y, None, VerdictSettings::default(), &mut rng).unwrap()
    }

    #[test]
    fn each_outcome_has_a_space() {
        let of = |signal, gap| judge(&space(400, signal, gap, 1)).outcome;
        assert_eq!(of(0.0, 3.0), Outcome::NoSharedSignal);
        assert_eq!(of(2.0, 0.0), Outcome::CorruptAlone);
        assert_eq!(of(2.0, 3.0), Outcome::CollapseAndCorrupt);
    }

    #[test]
    fn noise_alone_is_rarely_taken_for_a_signal() {
        let judged = (0..40).map(|seed| judge(&space(60, 0.0, 0.0, seed)).outcome);
        let wrong = judged
            .filter(|found| *found != Outcome::NoSharedSignal)
            .count();
        assert!(wrong <= 3, "{wrong} of 40");
    }

    #[test]
    fn the_captions_of_one_item_count_once() {
        let (x, y) = space(50, 1.0, 1.0, 3);
        let rows: Vec<usize> = (0..50).flat_map(|row| [row; 5]).collect();
        let (many_x, many_y) = (x.select(&rows), y.select(&rows));
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let settings = VerdictSettings::default();
        let many = verdict(&many_x, &many_y, Some(&rows), settings, &mut rng).unwrap();
        let once = judge(&(x, y));
        assert!((many.cosine.estimate - once.cosine.estimate).abs() < 1e-6);
        assert!((many.cosine.low - once.cosine.low).abs() < 1e-6);
        assert!((many.gap - once.gap).abs() < 1e-6);
    }

    #[test]
    fn too_few_items_are_refused() {
        let (x, y) = space(3, 1.0, 1.0, 3);
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let settings = VerdictSettings::default();
        let judged = verdict(&x, &y, None, settings, &mut rng);
        assert!(matches!(
            judged,
            Err(GeometryError::TooFewRows { needed: 4, .. })
        ));
        assert!(verdict(&x, &y, Some(&[1]), settings, &mut rng).is_err());
    }
}
