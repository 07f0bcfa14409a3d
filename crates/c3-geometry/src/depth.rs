//! Depth alone narrows a space: effective dimensions of untrained networks (§3.5 of the method).

use ndarray::Array2;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::gap::at_least;
use crate::{Embeddings, GeometryError, Moments, Side, Spectrum};

/// Effective dimensions of a random network, layer by layer: how depth alone narrows a space.
///
/// `layers` linear maps of width `d` with Xavier-uniform weights and ReLU between them, applied
/// to `n` standard normal rows; Definition 1 at `gamma`.
///
/// # Shapes
///
/// - result: `[layers + 1]`, the input first, then what each layer gives before its activation.
///
/// # Errors
///
/// [`GeometryError::TooFewRows`] below two rows, [`GeometryError::NoSpectrum`].
pub fn depth_dimensions(
    n: usize,
    d: usize,
    layers: usize,
    gamma: f64,
    rng: &mut impl Rng,
) -> Result<Vec<usize>, GeometryError> {
    let features = Array2::from_shape_simple_fn((n, d), || StandardNormal.sample(rng));
    let bound = (6.0 / (2 * d) as f32).sqrt();
    let draw = |_| Array2::from_shape_simple_fn((d, d), || rng.random_range(-bound..bound));
    layer_dimensions(features, (0..layers).map(draw), gamma)
}

/// Effective dimensions of what each layer of a network gives: Definition 1 at `gamma`.
///
/// Linear maps without bias, and ReLU between them.
///
/// # Shapes
///
/// - `features`: `[n, d]`; each of `weights`: `[d_in, d_out]`.
/// - result: the input first, then what each layer gives before its activation.
///
/// # Errors
///
/// [`GeometryError::TooFewRows`] below two rows, [`GeometryError::WidthMismatch`] if a layer does
/// not take what the one before it gives, [`GeometryError::NotFinite`],
/// [`GeometryError::NoSpectrum`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{PAPER_GAMMA, layer_dimensions};
/// # use ndarray::array;
/// let corners = array![[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
/// let sum = array![[1.0, 1.0], [1.0, 1.0]]; // both outputs are the same
/// assert_eq!(layer_dimensions(corners, [sum], PAPER_GAMMA)?, [2, 1]);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn layer_dimensions(
    mut features: Array2<f32>,
    weights: impl IntoIterator<Item = Array2<f32>>,
    gamma: f64,
) -> Result<Vec<usize>, GeometryError> {
    at_least(2, features.nrows())?;
    let mut dimensions = vec![dimension(&features, gamma)?];
    for (layer, weights) in weights.into_iter().enumerate() {
        let (left, right) = (features.ncols(), weights.nrows());
        if left != right {
            return Err(GeometryError::WidthMismatch { left, right });
        }
        if layer > 0 {
            features.mapv_inplace(|value: f32| value.max(0.0));
        }
        features = features.dot(&weights);
        dimensions.push(dimension(&features, gamma)?);
    }
    Ok(dimensions)
}

fn dimension(features: &Array2<f32>, gamma: f64) -> Result<usize, GeometryError> {
    let mut moments = Moments::unpaired(features.ncols());
    moments.add(&Embeddings::from_array(features.clone())?)?;
    let spectrum = Spectrum::of(&moments.covariance(Side::X)?)?;
    Ok(spectrum.effective_dimension(gamma))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_layer_takes_what_the_one_before_gives() {
        let features = Array2::from_shape_fn((5, 3), |(i, j)| ((i * 3 + j) as f32).sin());
        let narrow = Array2::from_elem((2, 2), 1.0);
        let refused = layer_dimensions(features.clone(), [narrow], 0.99);
        let (left, right) = (3, 2);
        assert_eq!(refused, Err(GeometryError::WidthMismatch { left, right }));
        assert_eq!(layer_dimensions(features, [], 0.99).unwrap().len(), 1);
        assert!(layer_dimensions(Array2::zeros((1, 3)), [], 0.99).is_err());
    }

    #[test]
    fn depth_narrows_a_space() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let dimensions = depth_dimensions(500, 32, 12, 0.99, &mut rng).unwrap();
        assert_eq!(dimensions.len(), 13);
        assert!(dimensions[0] >= 31, "{dimensions:?}"); // 500 normal rows, nearly round
        assert!(
            dimensions[12] < dimensions[4] && dimensions[4] < 30,
            "{dimensions:?}"
        );
    }
}
