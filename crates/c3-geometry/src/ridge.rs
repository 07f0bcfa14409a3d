//! What can be read off embeddings along straight lines: ridge regression onto tags.

use ndarray::{Array1, Array2, Axis};

use crate::gap::at_least;
use crate::{Embeddings, GeometryError, Moments, PrincipalAxes, Side};

/// Sums from which a [`Ridge`] is fitted; rows come in batches, and as often as one likes.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, RidgeSums};
/// let texts = Embeddings::new(vec![1.0, 0.1, 0.9, -0.1, -1.0, 0.0], 2)?;
/// let mut sums = RidgeSums::new(2, 2);
/// sums.add(&texts, &[vec![0], vec![0], vec![1]])?; // two dogs, one cat
/// let ridge = &sums.fit(&[0.1])?[0];
/// let image = Embeddings::new(vec![0.8, 0.3], 2)?;
/// let scores = ridge.predict(&image)?; // [1, 2]
/// assert!(scores[[0, 0]] > scores[[0, 1]]);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RidgeSums {
    moments: Moments,
    /// Sum of the embeddings that have each tag, `[tags, d]`.
    sums: Array2<f64>,
    /// How many have it, `[tags]`.
    counts: Array1<f64>,
}

impl RidgeSums {
    /// Sums of no rows of width `dim`, for tags `0..n_tags`.
    #[must_use]
    pub fn new(dim: usize, n_tags: usize) -> Self {
        Self {
            moments: Moments::unpaired(dim),
            sums: Array2::zeros((n_tags, dim)),
            counts: Array1::zeros(n_tags),
        }
    }

    /// Adds rows, each with the tags that it has.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, d]`; `tags`: `[n]` lists without repetitions.
    ///
    /// # Errors
    ///
    /// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`].
    ///
    /// # Panics
    ///
    /// If a tag is not below `n_tags`.
    pub fn add(&mut self, x: &Embeddings, tags: &[Vec<usize>]) -> Result<(), GeometryError> {
        let (left, right) = (x.len(), tags.len());
        if left != right {
            return Err(GeometryError::Unpaired { left, right });
        }
        self.moments.add(x)?;
        for (row, tags) in x.rows().zip(tags) {
            for tag in tags {
                self.counts[*tag] += 1.0;
                let mut sum = self.sums.row_mut(*tag);
                sum.iter_mut()
                    .zip(row)
                    .for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        Ok(())
    }

    /// The ridge regressions of the tags onto the embeddings, one for each penalty.
    ///
    /// `w = (cov(x) + p m I)^-1 cov(x, t)` with `m` the mean eigenvalue of `cov(x)`, so that a
    /// penalty `p` means the same in every space; the intercept is not penalised. Noise of
    /// variance `s^2` in every dimension of `x` does in expectation what `p = s^2 / m` does
    /// (Bishop 1995, Training with noise is equivalent to Tikhonov regularization).
    ///
    /// # Errors
    ///
    /// [`GeometryError::TooFewRows`] below two rows, [`GeometryError::Constant`] if all rows are
    /// the same.
    pub fn fit(&self, penalties: &[f64]) -> Result<Vec<Ridge>, GeometryError> {
        at_least(2, self.moments.rows() as usize)?;
        let n = self.moments.rows() as f64;
        let axes = PrincipalAxes::of(&self.moments.covariance(Side::X)?)?;
        let mean_eigenvalue = axes.spectrum.total() / self.moments.dim() as f64;
        if mean_eigenvalue <= 0.0 {
            return Err(GeometryError::Constant);
        }
        let center = Array1::from(self.moments.mean(Side::X)?);
        let shares = &self.counts / n;
        let mut shared = self.sums.clone();
        for (mut row, count) in shared.outer_iter_mut().zip(&self.counts) {
            row.scaled_add(-count, &center);
        }
        shared /= n - 1.0; // as the covariance
        let turned = shared.dot(&axes.directions.t()); // [tags, d]
        let of = |penalty: &f64| {
            let eigenvalues = axes.spectrum.values().iter();
            let divisors: Array1<f64> = eigenvalues
                .map(|value| value + penalty * mean_eigenvalue)
                .collect();
            let weights = (&turned / &divisors).dot(&axes.directions);
            Ridge {
                intercept: &shares - weights.dot(&center),
                weights,
            }
        };
        Ok(penalties.iter().map(of).collect())
    }
}

/// A straight line for each tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Ridge {
    weights: Array2<f64>,
    intercept: Array1<f64>,
}

impl Ridge {
    /// What a tag's score gains per unit of each dimension, `[tags, d]`.
    #[must_use]
    pub fn weights(&self) -> &Array2<f64> {
        &self.weights
    }

    /// The score of each tag at the origin, `[tags]`.
    #[must_use]
    pub fn intercept(&self) -> &Array1<f64> {
        &self.intercept
    }

    /// The score of every tag for each row; of training rows, about the chance that it has it.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, d]`; result: `[n, tags]`.
    ///
    /// # Errors
    ///
    /// [`GeometryError::WidthMismatch`].
    pub fn predict(&self, x: &Embeddings) -> Result<Array2<f32>, GeometryError> {
        let (left, right) = (x.dim(), self.weights.ncols());
        if left != right {
            return Err(GeometryError::WidthMismatch { left, right });
        }
        let weights = self.weights.mapv(|weight| weight as f32);
        let mut scores = x.view().dot(&weights.t());
        scores += &self.intercept.mapv(|value| value as f32);
        Ok(scores)
    }

    /// Mean over rows of the squared distance between scores and tags.
    ///
    /// # Errors
    ///
    /// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`],
    /// [`GeometryError::TooFewRows`] without rows.
    pub fn squared_error(&self, x: &Embeddings, tags: &[Vec<usize>]) -> Result<f64, GeometryError> {
        let (left, right) = (x.len(), tags.len());
        if left != right {
            return Err(GeometryError::Unpaired { left, right });
        }
        at_least(1, left)?;
        let mut total = 0.0;
        for (scores, tags) in self.predict(x)?.axis_iter(Axis(0)).zip(tags) {
            let squares: f64 = scores.iter().map(|score| f64::from(*score).powi(2)).sum();
            let own: f64 = tags
                .iter()
                .map(|tag| 1.0 - 2.0 * f64::from(scores[*tag]))
                .sum();
            total += squares + own;
        }
        Ok(total / left as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: usize = 3;

    fn rows() -> (Embeddings, Vec<Vec<usize>>) {
        let values = (0..60).map(|i| (i as f32 * 1.3).sin() + 0.1 * (i % 5) as f32);
        let x = Embeddings::new(values.collect(), 5).unwrap();
        let tags = (0..12).map(|i| (0..TAGS).filter(|tag| (i * 7 + tag) % 3 == 0).collect());
        (x, tags.collect())
    }

    fn fitted(penalty: f64) -> Ridge {
        let (x, tags) = rows();
        let mut sums = RidgeSums::new(5, TAGS);
        // In two batches, as rows may come.
        let (first, rest): (Vec<usize>, Vec<usize>) = (0..12).partition(|row| *row < 5);
        for part in [first, rest] {
            let own: Vec<Vec<usize>> = part.iter().map(|row| tags[*row].clone()).collect();
            sums.add(&x.select(&part), &own).unwrap();
        }
        sums.fit(&[penalty]).unwrap().remove(0)
    }

    /// What ridge regression makes as small as can be, for lines moved a little.
    fn loss(penalty: f64, at: Option<([usize; 2], f64)>) -> f64 {
        let (x, tags) = rows();
        let mut ridge = fitted(penalty);
        if let Some((place, step)) = at {
            ridge.weights[place] += step;
        }
        let mut error = 0.0;
        for (row, tags) in x.rows().zip(&tags) {
            for tag in 0..TAGS {
                let line: f64 = row
                    .iter()
                    .zip(ridge.weights.row(tag))
                    .map(|(value, weight)| f64::from(*value) * weight)
                    .sum();
                let wanted = f64::from(u8::from(tags.contains(&tag)));
                error += (line + ridge.intercept[tag] - wanted).powi(2);
            }
        }
        let mut moments = Moments::unpaired(5);
        moments.add(&x).unwrap();
        let mean = moments.covariance(Side::X).unwrap().diag().sum() / 5.0;
        let lengths: f64 = ridge.weights.iter().map(|weight| weight * weight).sum();
        error / 11.0 + penalty * mean * lengths
    }

    #[test]
    fn no_other_line_has_a_smaller_loss() {
        for penalty in [0.01, 1.0] {
            for place in [[0, 0], [1, 3], [2, 4]] {
                let [up, down] = [1e-4, -1e-4].map(|step| loss(penalty, Some((place, step))));
                let slope = (up - down) / 2e-4;
                let curve = (up + down - 2.0 * loss(penalty, None)) / 1e-8;
                assert!(
                    slope.abs() < 1e-3 * curve,
                    "{penalty} {place:?} {slope} {curve}"
                );
            }
        }
    }

    #[test]
    fn a_heavy_penalty_leaves_the_share_of_each_tag() {
        let (x, tags) = rows();
        let scores = fitted(1e9).predict(&x).unwrap();
        for tag in 0..TAGS {
            let share = tags.iter().filter(|tags| tags.contains(&tag)).count() as f32 / 12.0;
            assert!((scores[[3, tag]] - share).abs() < 1e-6);
        }
    }

    #[test]
    fn the_error_is_that_of_every_score_and_tag() {
        let (x, tags) = rows();
        let ridge = fitted(0.1);
        let scores = ridge.predict(&x).unwrap();
        let mut total = 0.0;
        for ((row, tag), score) in scores.indexed_iter() {
            let wanted = f32::from(u8::from(tags[row].contains(&tag)));
            total += f64::from(score - wanted).powi(2);
        }
        let found = ridge.squared_error(&x, &tags).unwrap();
        assert!((found - total / 12.0).abs() < 1e-5, "{found} {total}");
        assert!(ridge.squared_error(&x, &tags[1..]).is_err());
    }

    #[test]
    fn rows_that_are_all_the_same_have_no_line() {
        let mut sums = RidgeSums::new(2, 1);
        assert!(sums.fit(&[0.1]).is_err());
        let same = Embeddings::new(vec![1.0; 6], 2).unwrap();
        sums.add(&same, &[vec![], vec![0], vec![]]).unwrap();
        assert_eq!(sums.fit(&[0.1]), Err(GeometryError::Constant));
        assert!(sums.add(&same, &[vec![]]).is_err());
    }
}
