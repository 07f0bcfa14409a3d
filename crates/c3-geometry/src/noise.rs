//! The alignment noise without rounding or grouping: what pairs differ by, beside the gap.

use ndarray::Array2;

use crate::{GeometryError, Moments, Side, Spectrum};

/// The C3 model of a space, `x - y = c + noise`, estimated from all pairs at once.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignmentNoise {
    /// Length of the mean difference, which the noise of the mean makes a little too long.
    pub gap_length: f64,
    /// Length of `c` with that taken off: `sqrt(|mean|^2 - trace / n)`, or 0.
    pub debiased_gap_length: f64,
    /// Trace of the covariance of the noise: `E|noise|^2`.
    pub trace: f64,
    /// Standard deviation of the noise per dimension, `sqrt(trace / d)`.
    pub sigma: f64,
    /// Covariance of the noise, `[d, d]`.
    pub covariance: Array2<f64>,
    /// Its spectrum.
    pub spectrum: Spectrum,
}

/// Estimates gap and alignment noise from moments of pairs.
///
/// `c = mean(x) - mean(y)`; noise covariance `cov(x) + cov(y) - cov(x, y) - cov(y, x)`. Of
/// group means of `G` pairs, `E|mean|^2 = |c|^2 + trace / G`, which is why the lengths of
/// Table 1 are a little above `|c|` (Zhang et al. 2024, arXiv:2401.08567, Proposition 1).
///
/// # Errors
///
/// [`GeometryError::TooFewRows`] below two pairs or if the moments are of one modality.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, Moments, alignment_noise};
/// let x = Embeddings::new(vec![1.0, 0.5, 1.0, -0.5], 2)?;
/// let y = Embeddings::new(vec![0.0, 0.5, 0.0, -0.5], 2)?;
/// let mut moments = Moments::paired(2);
/// moments.add_pairs(&x, &y)?;
/// let noise = alignment_noise(&moments)?;
/// assert!((noise.gap_length - 1.0).abs() < 1e-9 && noise.sigma < 1e-5);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn alignment_noise(moments: &Moments) -> Result<AlignmentNoise, GeometryError> {
    let covariance = moments.residual_covariance()?;
    let spectrum = Spectrum::of(&covariance)?;
    let (x, y) = (moments.mean(Side::X)?, moments.mean(Side::Y)?);
    let squared: f64 = x.iter().zip(&y).map(|(a, b)| (a - b) * (a - b)).sum();
    let trace = spectrum.total();
    Ok(AlignmentNoise {
        gap_length: squared.sqrt(),
        debiased_gap_length: (squared - trace / moments.rows() as f64).max(0.0).sqrt(),
        trace,
        sigma: (trace / moments.dim() as f64).sqrt(),
        covariance,
        spectrum,
    })
}
