//! Corrupt: Gaussian noise on training embeddings, in place of alignment noise.

use c3_geometry::{Embeddings, relative_noise};
use rand::Rng;

use crate::{NoiseShape, TransformError};

/// The noise of the paper, and of `CapDec`: variance 0.016, per dimension.
pub const PAPER_SIGMA: f32 = 0.126_491_11;

/// Adds Gaussian noise, of one standard deviation in every direction unless shaped otherwise.
///
/// Step 3 of C3 (Zhang et al. 2024, arXiv:2401.08567): `e <- e + sigma * z`
/// with `z ~ N(0, I)`, drawn afresh at every visit, while training only. [`Directions`](crate::Directions) says what other noise there is.
///
/// # Examples
///
/// ```
/// # use c3_geometry::Embeddings;
/// # use c3_transforms::Corrupt;
/// # use rand::SeedableRng;
/// # use rand_chacha::ChaCha8Rng;
/// let clean = Embeddings::new(vec![1.0, 0.0], 2)?;
/// let corrupt = Corrupt::new(0.1)?;
/// let mut rng = ChaCha8Rng::seed_from_u64(7);
/// let (first, second) = (corrupt.apply(&clean, &mut rng)?, corrupt.apply(&clean, &mut rng)?);
/// assert_ne!(first, second);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Corrupt {
    sigma: f32,
    shape: NoiseShape,
}

impl Corrupt {
    /// Noise of standard deviation `sigma` per dimension.
    ///
    /// # Errors
    ///
    /// [`TransformError::BadSigma`] if it is negative or not finite.
    pub fn new(sigma: f32) -> Result<Self, TransformError> {
        if sigma.is_finite() && sigma >= 0.0 {
            let shape = NoiseShape::default();
            Ok(Self { sigma, shape })
        } else {
            Err(TransformError::BadSigma { sigma })
        }
    }

    /// Noise that leaves `batch` at mean cosine `cosine` with its clean self.
    ///
    /// `sigma^2 = (1 / cosine^2 - 1) * E||e||^2 / d`, so arms whose embeddings
    /// differ in length (centring shortens them) get the same *relative* noise.
    ///
    /// # Shapes
    ///
    /// - `batch`: `[n, d]`, as it stands where noise is added (after Collapse).
    /// - `cosine`: in `(0, 1]`.
    ///
    /// # Errors
    ///
    /// [`TransformError::BadSigma`] if the cosine is 0 or below: no noise is that strong.
    pub fn matching(batch: &Embeddings, cosine: f64) -> Result<Self, TransformError> {
        let per_dimension = (batch.mean_squared_length() / batch.dim() as f64).sqrt();
        Self::new((relative_noise(cosine) * per_dimension) as f32)
    }

    /// The same length of noise in the directions of `shape`.
    #[must_use]
    pub fn shaped(self, shape: NoiseShape) -> Self {
        Self { shape, ..self }
    }

    /// The standard deviation per dimension, in the unit of the embeddings.
    ///
    /// Of shaped noise it is the root mean square over dimensions.
    #[must_use]
    pub fn sigma(&self) -> f32 {
        self.sigma
    }

    /// Adds fresh noise to every row, `[n, d]`.
    ///
    /// # Errors
    ///
    /// [`TransformError::NoiseWidth`], [`TransformError::Geometry`] if a value overflows.
    pub fn apply(
        &self,
        batch: &Embeddings,
        rng: &mut impl Rng,
    ) -> Result<Embeddings, TransformError> {
        self.shape.check(batch.dim())?;
        let mut rows = batch.view().to_owned();
        self.shape.add(&mut rows, self.sigma, rng);
        Ok(Embeddings::from_array(rows)?)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_negative_sigma_is_refused() {
        assert_eq!(
            Corrupt::new(-0.1),
            Err(TransformError::BadSigma { sigma: -0.1 })
        );
        assert!(Corrupt::new(f32::NAN).is_err());
    }

    #[test]
    fn noise_has_the_length_it_promises() {
        let (n, d, sigma) = (400, 256, 0.126_491_1);
        let zero = Embeddings::new(vec![0.0; n * d], d).unwrap();
        let noise = Corrupt::new(sigma).unwrap();
        let noised = noise
            .apply(&zero, &mut ChaCha8Rng::seed_from_u64(1))
            .unwrap();
        let per_dimension = (noised.mean_squared_length() / d as f64).sqrt();
        // The relative error of a standard deviation from n * d draws is 1 / sqrt(2 n d) = 0.2 %.
        assert!(
            (per_dimension / f64::from(sigma) - 1.0).abs() < 0.01,
            "{per_dimension}"
        );
    }

    #[test]
    fn matching_noise_leaves_the_cosine_asked_for() {
        let values: Vec<f32> = (0..512 * 100).map(|i| (i as f32 * 0.7).cos()).collect();
        let clean = Embeddings::new(values, 512).unwrap();
        let noise = Corrupt::matching(&clean, 0.4).unwrap();
        let noised = noise
            .apply(&clean, &mut ChaCha8Rng::seed_from_u64(2))
            .unwrap();
        let cosine = c3_geometry::mean_pair_cosine(&clean, &noised).unwrap();
        assert!((cosine - 0.4).abs() < 0.01, "{cosine}");
    }

    #[test]
    fn the_same_seed_draws_the_same_noise() {
        let clean = Embeddings::new(vec![0.5; 6], 3).unwrap();
        let draw = |seed| {
            Corrupt::new(0.1)
                .unwrap()
                .apply(&clean, &mut ChaCha8Rng::seed_from_u64(seed))
                .unwrap()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
