//! The synthetic optimisation: contrastive training closes the gap only where it can.

use faer::Mat;
use ndarray::Array2;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::GeometryError;
use crate::gap::at_least;
use crate::infonce::{array, symmetric};

/// Two modalities that vary in a block of dimensions each, and are constant elsewhere.
///
/// §3.4 of the method: the first `d_x` dimensions vary in `x`, the next `d_y` in `y`, and the
/// rest in neither. The defaults are those of the paper's notebook.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SyntheticSettings {
    /// Pairs.
    pub pairs: usize,
    /// Width, `d`.
    pub dim: usize,
    /// Dimensions in which `x` varies.
    pub d_x: usize,
    /// Dimensions in which `y` varies.
    pub d_y: usize,
    /// Learning rate of plain gradient descent.
    pub learning_rate: f64,
    /// Temperature, fixed.
    pub temperature: f64,
}

impl Default for SyntheticSettings {
    fn default() -> Self {
        Self {
            pairs: 500,
            dim: 512,
            d_x: 25,
            d_y: 230,
            learning_rate: 0.1,
            temperature: (-2.6593_f64).exp(),
        }
    }
}

/// Embeddings that are themselves the parameters of a contrastive training.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{SyntheticSettings, SyntheticSpace};
/// # use rand::SeedableRng;
/// let settings = SyntheticSettings { pairs: 16, dim: 16, d_x: 2, d_y: 6, ..Default::default() };
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let mut space = SyntheticSpace::draw(settings, &mut rng)?;
/// let before = space.gap();
/// let first = space.step();
/// for _ in 0..100 {
///     space.step();
/// }
/// assert!(space.step() < first); // the loss falls
/// assert!((space.ineffective_gap() / before) > 0.3); // and the gap stays
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SyntheticSpace {
    settings: SyntheticSettings,
    sides: [Mat<f64>; 2],
}

impl SyntheticSpace {
    /// Draws both modalities: standard normal where they vary, a standard normal constant
    /// elsewhere.
    ///
    /// # Errors
    ///
    /// [`GeometryError::TooFewRows`] below two pairs or if the blocks are wider than the space,
    /// [`GeometryError::BadTemperature`].
    pub fn draw(settings: SyntheticSettings, rng: &mut impl Rng) -> Result<Self, GeometryError> {
        at_least(2, settings.pairs)?;
        at_least(settings.d_x + settings.d_y, settings.dim)?;
        let temperature = settings.temperature;
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(GeometryError::BadTemperature { temperature });
        }
        let blocks = [0..settings.d_x, settings.d_x..settings.d_x + settings.d_y];
        let sides = blocks.map(|varying| drawn(settings, &varying, rng));
        Ok(Self { settings, sides })
    }

    /// One step of gradient descent on the symmetric loss; the loss before it, in nats.
    pub fn step(&mut self) -> f64 {
        let lengths = self.sides.each_ref().map(lengths);
        let units = self.units(&lengths);
        let (loss, by_x, by_y) = symmetric(&units[0], &units[1], self.settings.temperature);
        let gradients = [by_x, by_y];
        for side in 0..2 {
            let (unit, gradient) = (&units[side], &gradients[side]);
            let along = row_products(unit, gradient);
            let pace: Vec<f64> = lengths[side]
                .iter()
                .map(|length| self.settings.learning_rate / length)
                .collect();
            descend(&mut self.sides[side], unit, gradient, (&along, &pace));
        }
        loss
    }

    /// Both modalities at unit length, `[pairs, d]` each.
    #[must_use]
    pub fn embeddings(&self) -> [Array2<f64>; 2] {
        let lengths = self.sides.each_ref().map(lengths);
        self.units(&lengths).each_ref().map(array)
    }

    /// Length of the gap.
    #[must_use]
    pub fn gap(&self) -> f64 {
        self.gap_from(0)
    }

    /// Length of the gap in the dimensions that neither modality varies in.
    #[must_use]
    pub fn ineffective_gap(&self) -> f64 {
        self.gap_from(self.settings.d_x + self.settings.d_y)
    }

    /// Variance of each modality in each dimension, `[d]`.
    #[must_use]
    pub fn variances(&self) -> [Vec<f64>; 2] {
        self.embeddings()
            .map(|side| side.var_axis(ndarray::Axis(0), 0.0).to_vec())
    }

    fn gap_from(&self, first: usize) -> f64 {
        let [x, y] = self.embeddings().map(|side| {
            side.mean_axis(ndarray::Axis(0))
                .expect("there are at least two pairs")
        });
        let gap = x - y;
        let squared: f64 = gap.iter().skip(first).map(|value| value * value).sum();
        squared.sqrt()
    }

    fn units(&self, lengths: &[Vec<f64>; 2]) -> [Mat<f64>; 2] {
        [0, 1].map(|side| {
            let mut unit = self.sides[side].clone();
            unit.par_col_iter_mut().for_each(|column| {
                let pairs = column.iter_mut().zip(&lengths[side]);
                pairs.for_each(|(value, length)| *value /= length);
            });
            unit
        })
    }
}

/// Moves raw embeddings against the gradient by their unit ones.
///
/// What lies along an embedding itself is lost in its normalisation.
fn descend(
    raw: &mut Mat<f64>,
    unit: &Mat<f64>,
    gradient: &Mat<f64>,
    (along, pace): (&[f64], &[f64]),
) {
    raw.par_col_iter_mut().enumerate().for_each(|(j, column)| {
        let rows = column.iter_mut().zip(unit.col(j).iter());
        let rows = rows.zip(gradient.col(j).iter()).zip(along.iter().zip(pace));
        for (((raw, unit), gradient), (along, pace)) in rows {
            *raw -= pace * (gradient - along * unit);
        }
    });
}

/// One modality: normal in the dimensions that vary, a normal constant in the others.
fn drawn(
    settings: SyntheticSettings,
    varying: &std::ops::Range<usize>,
    rng: &mut impl Rng,
) -> Mat<f64> {
    let mut side = Mat::zeros(settings.pairs, settings.dim);
    for j in 0..settings.dim {
        let constant: f64 = StandardNormal.sample(rng);
        let varies = varying.contains(&j);
        for value in side.col_mut(j).iter_mut() {
            *value = if varies {
                StandardNormal.sample(rng)
            } else {
                constant
            };
        }
    }
    side
}

fn lengths(side: &Mat<f64>) -> Vec<f64> {
    row_products(side, side)
        .iter()
        .map(|square| square.sqrt())
        .collect()
}

/// Scalar product of each row of `a` with that of `b`.
fn row_products(a: &Mat<f64>, b: &Mat<f64>) -> Vec<f64> {
    let mut products = vec![0.0; a.nrows()];
    for j in 0..a.ncols() {
        let pairs = a.col(j).iter().zip(b.col(j).iter());
        for (product, (a, b)) in products.iter_mut().zip(pairs) {
            *product += a * b;
        }
    }
    products
}

/// Length of the gap between two untrained modalities, as theory has it.
///
/// `sqrt((d_x + d_y + 2 d_ie) / d)` with `d_ie = d - d_x - d_y` dimensions that are constant in
/// both: `1.2255` for the paper's sizes.
#[must_use]
pub fn initial_gap(settings: &SyntheticSettings) -> f64 {
    let varying = (settings.d_x + settings.d_y) as f64;
    let constant = settings.dim as f64 - varying;
    ((varying + 2.0 * constant) / settings.dim as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{symmetric_contrast, through_normalisation};

    const SMALL: SyntheticSettings = SyntheticSettings {
        pairs: 64,
        dim: 64,
        d_x: 4,
        d_y: 28,
        learning_rate: 0.1,
        temperature: 0.07,
    };

    #[test]
    fn the_gap_is_as_theory_has_it() {
        assert!((initial_gap(&SyntheticSettings::default()) - 1.2255).abs() < 1e-4);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let space = SyntheticSpace::draw(SyntheticSettings::default(), &mut rng).unwrap();
        // d constants are drawn once each: the relative error is about 1 / sqrt(d).
        assert!((space.gap() / 1.2255 - 1.0).abs() < 0.1, "{}", space.gap());
    }

    #[test]
    fn training_spreads_over_both_blocks_and_leaves_the_rest() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut space = SyntheticSpace::draw(SMALL, &mut rng).unwrap();
        let (gap, before) = (space.ineffective_gap(), space.variances());
        let first = space.step();
        let last = (0..3000).map(|_| space.step()).last().unwrap();
        let after = space.variances();
        assert!(last < first / 2.0, "{first} {last}");
        let mean = |variances: &[f64], block: std::ops::Range<usize>| {
            variances[block.clone()].iter().sum::<f64>() / block.len() as f64
        };
        // `x` learns to vary where `y` does, and not where neither does.
        let (other, neither) = (mean(&after[0], 4..32), mean(&after[0], 32..64));
        let grown = other / mean(&before[0], 4..32);
        assert!(grown > 100.0, "{grown}");
        assert!(other > 20.0 * neither, "{other} {neither}");
        let stayed = neither / mean(&before[0], 32..64);
        assert!(stayed < grown / 20.0, "{stayed} {grown}");
        let left = space.ineffective_gap() / gap;
        assert!((left - 1.0).abs() < 0.1, "{left}");
    }

    /// Golden tests hold those pieces against PyTorch.
    #[test]
    fn a_step_is_the_gradient_through_the_normalisation() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut space = SyntheticSpace::draw(SMALL, &mut rng).unwrap();
        for _ in 0..20 {
            space.step(); // off the start, where half of the dimensions are constant
        }
        let raw = space.sides.each_ref().map(array);
        let [x, y] = space.embeddings();
        let contrast = symmetric_contrast(&x, &y, SMALL.temperature).unwrap();
        assert!((space.step() - contrast.loss).abs() < 1e-12);
        let gradients = [contrast.by_x, contrast.by_y];
        for ((raw, gradient), stepped) in raw.iter().zip(&gradients).zip(&space.sides) {
            let gradient = through_normalisation(raw, gradient).unwrap();
            let moved = gradient.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
            let expected = raw - &(gradient * SMALL.learning_rate);
            assert!(moved > 1e-3, "{moved}");
            let pairs = expected.iter().zip(array(stepped));
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} is not {b}"));
        }
    }

    #[test]
    fn blocks_wider_than_the_space_are_refused() {
        let settings = SyntheticSettings { d_x: 60, ..SMALL };
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        assert!(SyntheticSpace::draw(settings, &mut rng).is_err());
    }
}
