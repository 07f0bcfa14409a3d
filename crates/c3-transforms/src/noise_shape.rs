//! Noise of length `sigma sqrt(d)` in the directions that were fitted.

use ndarray::{Array2, ArrayView1};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::{Directions, TransformError};

/// [`Directions`] fitted to a space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoiseShape {
    directions: Directions,
    axes: Array2<f32>,
}

impl NoiseShape {
    /// Takes axes that were fitted before.
    ///
    /// # Shapes
    ///
    /// - `axes`: `[k, d]`. None for [`Directions::All`], the unit gap for
    ///   [`Directions::WithoutGap`], else the rows that a standard normal `z`, `[k]`, is
    ///   multiplied with; their squares sum to `d`.
    ///
    /// # Errors
    ///
    /// [`TransformError::NoDirection`] if there is no axis, or more than the gap.
    pub fn new(directions: Directions, axes: Array2<f32>) -> Result<Self, TransformError> {
        let good = match directions {
            Directions::All => axes.nrows() == 0,
            Directions::WithoutGap | Directions::GapOnly => axes.nrows() == 1,
            Directions::JointSpan | Directions::Residual => axes.nrows() > 0,
        };
        if good {
            Ok(Self { directions, axes })
        } else {
            let directions = directions.name();
            Err(TransformError::NoDirection { directions })
        }
    }

    /// Which directions these are.
    #[must_use]
    pub fn directions(&self) -> Directions {
        self.directions
    }

    /// What was fitted, `[k, d]`; no row for [`Directions::All`].
    #[must_use]
    pub fn axes(&self) -> &Array2<f32> {
        &self.axes
    }

    /// Refuses rows of another width than that of the space it was fitted to.
    pub(crate) fn check(&self, embeddings: usize) -> Result<(), TransformError> {
        let noise = self.axes.ncols();
        if self.directions == Directions::All || noise == embeddings {
            Ok(())
        } else {
            Err(TransformError::NoiseWidth { noise, embeddings })
        }
    }

    /// Adds `sigma` times the noise to every row, `[n, d]`.
    pub(crate) fn add(&self, rows: &mut Array2<f32>, sigma: f32, rng: &mut impl Rng) {
        match self.directions {
            Directions::All => {
                for value in rows {
                    let z: f32 = StandardNormal.sample(rng);
                    *value += sigma * z;
                }
            }
            Directions::WithoutGap => self.add_without(rows, sigma, rng),
            Directions::GapOnly | Directions::JointSpan | Directions::Residual => {
                let shape = (rows.nrows(), self.axes.nrows());
                let z: Array2<f32> =
                    Array2::from_shape_simple_fn(shape, || StandardNormal.sample(rng));
                rows.scaled_add(sigma, &z.dot(&self.axes));
            }
        }
    }

    fn add_without(&self, rows: &mut Array2<f32>, sigma: f32, rng: &mut impl Rng) {
        let gap = self.axes.row(0);
        let d = gap.len() as f64;
        let sigma = f64::from(sigma) * (d / (d - 1.0).max(1.0)).sqrt();
        for mut row in rows.outer_iter_mut() {
            let z: Vec<f64> = (0..gap.len()).map(|_| StandardNormal.sample(rng)).collect();
            let along = dot(&z, gap);
            for ((value, z), gap) in row.iter_mut().zip(&z).zip(gap) {
                *value += (sigma * (z - along * f64::from(*gap))) as f32;
            }
        }
    }
}

fn dot(z: &[f64], gap: ArrayView1<'_, f32>) -> f64 {
    z.iter().zip(gap).map(|(z, gap)| z * f64::from(*gap)).sum()
}
