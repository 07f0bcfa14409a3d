//! The whole way of an embedding into a decoder: unit length, Collapse, Corrupt, unit length.

use c3_geometry::Embeddings;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Collapse, Corrupt, TransformError};

/// Shortest length a vector is divided by when it is normalised again, as in the original.
const LENGTH_FLOOR: f64 = 1e-12;

/// When an embedding is brought back to unit length (trap D1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renorm {
    /// Once, after everything: the main pipeline of the original.
    #[default]
    AfterAll,
    /// Never: the `ImageBind` branch, and stage 2 of the original.
    Never,
    /// After Collapse and again after Corrupt.
    AfterCentreAndAfterNoise,
}

/// What one arm does to the embeddings of one modality.
///
/// The order is exactly: unit length, subtract the mean, add noise, unit
/// length. [`Transform::train`] takes every step; [`Transform::test`] leaves
/// the noise out and is what the *other* modality goes through, with its own
/// mean (Zhang et al. 2024, arXiv:2401.08567, Algorithm 1 and released code).
///
/// # Examples
///
/// ```
/// # use c3_geometry::Embeddings;
/// # use c3_transforms::{Collapse, Renorm, Transform};
/// let images = Embeddings::new(vec![2.0, 0.0, 0.0, 1.0], 2)?;
/// let collapse = Some(Collapse::new(vec![0.5, 0.5]));
/// let transform = Transform { collapse, corrupt: None, renorm: Renorm::Never };
/// assert_eq!(transform.test(&images)?.row(0), [0.5, -0.5]); // [1, 0] - mean
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transform {
    /// Step 2, if this arm takes it.
    pub collapse: Option<Collapse>,
    /// Step 3, if this arm takes it.
    pub corrupt: Option<Corrupt>,
    /// When unit length is restored.
    pub renorm: Renorm,
}

impl Transform {
    /// Prepares training embeddings, `[n, d]`, with fresh noise.
    ///
    /// # Errors
    ///
    /// [`TransformError`] if a row has no direction or the mean another width.
    pub fn train(
        &self,
        batch: &Embeddings,
        rng: &mut impl Rng,
    ) -> Result<Embeddings, TransformError> {
        let centred = self.centre(batch)?;
        let noised = match &self.corrupt {
            Some(corrupt) => corrupt.apply(&centred, rng)?,
            None => centred,
        };
        self.finish(noised)
    }

    /// Prepares test embeddings, `[n, d]`: the same without noise.
    ///
    /// # Errors
    ///
    /// As [`Transform::train`].
    pub fn test(&self, batch: &Embeddings) -> Result<Embeddings, TransformError> {
        let centred = self.centre(batch)?;
        self.finish(centred)
    }

    /// Steps 1 and 2: the embeddings as they stand where noise is added, `[n, d]`.
    ///
    /// # Errors
    ///
    /// As [`Transform::train`].
    pub fn centre(&self, batch: &Embeddings) -> Result<Embeddings, TransformError> {
        let unit = batch.to_unit_length()?;
        let centred = match &self.collapse {
            Some(collapse) => collapse.apply(&unit)?,
            None => unit,
        };
        match self.renorm {
            Renorm::AfterCentreAndAfterNoise => renormalise(centred),
            Renorm::AfterAll | Renorm::Never => Ok(centred),
        }
    }

    fn finish(&self, batch: Embeddings) -> Result<Embeddings, TransformError> {
        match self.renorm {
            Renorm::Never => Ok(batch),
            Renorm::AfterAll | Renorm::AfterCentreAndAfterNoise => renormalise(batch),
        }
    }
}

/// Restores unit length; a vector shorter than the floor is divided by the floor.
fn renormalise(batch: Embeddings) -> Result<Embeddings, TransformError> {
    let mut rows = batch.into_array();
    for mut row in rows.outer_iter_mut() {
        let squares: f64 = row
            .iter()
            .map(|value| f64::from(*value) * f64::from(*value))
            .sum();
        let length = squares.sqrt().max(LENGTH_FLOOR);
        row.mapv_inplace(|value| (f64::from(value) / length) as f32);
    }
    Ok(Embeddings::from_array(rows)?)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn batch() -> Embeddings {
        Embeddings::new(vec![3.0, 4.0, 0.0, 5.0], 2).unwrap()
    }

    #[test]
    fn there_is_no_normalisation_between_centring_and_noise() {
        let collapse = Some(Collapse::new(vec![0.5, 0.0]));
        let transform = Transform {
            collapse,
            ..Transform::default()
        };
        let centred = transform.centre(&batch()).unwrap();
        assert_eq!(centred.row(0), [0.6 - 0.5, 0.8]);
        assert_eq!(
            transform.test(&batch()).unwrap().row(1),
            [-0.447_213_6, 0.894_427_2]
        );
    }

    #[test]
    fn a_row_on_the_mean_survives_by_the_floor() {
        let collapse = Some(Collapse::new(vec![0.6, 0.8]));
        let transform = Transform {
            collapse,
            ..Transform::default()
        };
        assert_eq!(transform.test(&batch()).unwrap().row(0), [0.0, 0.0]);
    }

    #[test]
    fn noise_is_for_training_alone() {
        let corrupt = Some(Corrupt::new(0.3).unwrap());
        let transform = Transform {
            corrupt,
            renorm: Renorm::Never,
            ..Transform::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        assert_eq!(
            transform.test(&batch()).unwrap(),
            batch().to_unit_length().unwrap()
        );
        assert_ne!(
            transform.train(&batch(), &mut rng).unwrap(),
            transform.test(&batch()).unwrap()
        );
    }

    #[test]
    fn the_rules_of_renormalisation_differ() {
        let results: Vec<Embeddings> = [
            Renorm::AfterAll,
            Renorm::Never,
            Renorm::AfterCentreAndAfterNoise,
        ]
        .into_iter()
        .map(|renorm| {
            let collapse = Some(Collapse::new(vec![0.3, 0.1]));
            let corrupt = Some(Corrupt::new(0.2).unwrap());
            let transform = Transform {
                collapse,
                corrupt,
                renorm,
            };
            transform
                .train(&batch(), &mut ChaCha8Rng::seed_from_u64(5))
                .unwrap()
        })
        .collect();
        assert_ne!(results[0], results[1]);
        assert_ne!(results[0], results[2]);
        assert!((results[2].mean_squared_length() - 1.0).abs() < 1e-6);
    }
}
