//! What an isotropic Gaussian would look like with as few rows.

use faer::{Mat, Side};
use rand::Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use crate::gap::at_least;
use crate::{GeometryError, Spectrum};

/// Anisotropy of `draws` samples of `n` rows from an isotropic Gaussian in `d` dimensions.
///
/// The null of [`Spectrum::anisotropy`]: even of equal variances the largest *estimated*
/// eigenvalue is above the mean, the more so the fewer rows there are. Eigenvalues are drawn
/// by Bartlett's decomposition of a Wishart matrix (Bartlett 1933), so a draw costs the same
/// for a hundred rows and for a billion.
///
/// # Shapes
///
/// - result: `[draws]`, in rising order.
///
/// # Errors
///
/// [`GeometryError::TooFewRows`] below two rows or one dimension, [`GeometryError::NoSpectrum`].
pub fn isotropic_null(
    n: u64,
    d: usize,
    draws: usize,
    rng: &mut impl Rng,
) -> Result<Vec<f64>, GeometryError> {
    at_least(2, usize::try_from(n).unwrap_or(usize::MAX))?;
    at_least(1, d)?;
    let mut null = Vec::with_capacity(draws);
    for _ in 0..draws {
        null.push(draw(n - 1, d, rng)?.anisotropy());
    }
    null.sort_by(f64::total_cmp);
    Ok(null)
}

/// Eigenvalues of one Wishart matrix, up to scale, with those that rank leaves at zero.
fn draw(freedom: u64, d: usize, rng: &mut impl Rng) -> Result<Spectrum, GeometryError> {
    // The two Gram matrices of one Gaussian table share their eigenvalues: take the small one.
    let rank = usize::try_from(freedom).map_or(d, |rows| rows.min(d));
    let longer = freedom.max(d as u64) as f64;
    let mut root = Mat::<f64>::zeros(rank, rank);
    for i in 0..rank {
        for j in 0..i {
            root[(i, j)] = StandardNormal.sample(rng);
        }
        let square = ChiSquared::new(longer - i as f64).map_err(|_| GeometryError::NoSpectrum)?;
        root[(i, i)] = square.sample(rng).sqrt();
    }
    let wishart = &root * root.transpose();
    let mut values = wishart
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| GeometryError::NoSpectrum)?;
    values.resize(d, 0.0);
    Ok(Spectrum::from_values(values))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_null_lies_where_marchenko_and_pastur_put_it() {
        // The largest eigenvalue of n draws in d dimensions tends to (1 + sqrt(d / n))^2.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (n, d) in [(401, 100), (51, 200)] {
            let null = isotropic_null(n, d, 40, &mut rng).unwrap();
            let edge = (1.0 + (d as f64 / (n - 1) as f64).sqrt()).powi(2);
            let middle = null[20];
            assert!((middle / edge - 1.0).abs() < 0.06, "{middle} is not {edge}");
        }
    }

    #[test]
    fn more_rows_than_memory_holds_are_no_more_work() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let null = isotropic_null(1_000_000_000_000, 8, 4, &mut rng).unwrap();
        assert!(
            null.iter().all(|value| (value - 1.0).abs() < 1e-4),
            "{null:?}"
        );
        assert!(isotropic_null(1, 8, 4, &mut rng).is_err());
    }
}
