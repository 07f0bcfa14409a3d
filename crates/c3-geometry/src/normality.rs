//! Is it Gaussian? Skewness, kurtosis, and the test that D'Agostino made of them.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::GeometryError;
use crate::gap::at_least;

/// Fewest values that the test's approximations hold for.
const FEWEST: usize = 20;

/// The shape of a sample, and whether a Gaussian has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normality {
    /// Third standardised moment; 0 for a Gaussian.
    pub skewness: f64,
    /// Fourth standardised moment less 3; 0 for a Gaussian.
    pub excess_kurtosis: f64,
    /// `K^2`, chi-squared with two degrees of freedom under a Gaussian.
    pub statistic: f64,
    /// Chance of as large a statistic under a Gaussian.
    pub p_value: f64,
}

/// Tests a sample for normality by its skewness and kurtosis.
///
/// `K^2 = Z(skewness)^2 + Z(kurtosis)^2` (D'Agostino and Pearson 1973; the transforms of
/// D'Agostino 1970 and of Anscombe and Glynn 1983), as `scipy.stats.normaltest`.
///
/// # Shapes
///
/// - `values`: `[n]`, any unit: the answer has none.
///
/// # Errors
///
/// [`GeometryError::TooFewRows`] below 20 values, [`GeometryError::Constant`] if all are equal.
///
/// # Examples
///
/// ```
/// # use c3_geometry::normality;
/// let squares: Vec<f64> = (0..100).map(|i| f64::from(i * i)).collect();
/// let found = normality(&squares)?;
/// assert!(found.skewness > 0.6 && found.p_value < 0.01);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn normality(values: &[f64]) -> Result<Normality, GeometryError> {
    at_least(FEWEST, values.len())?;
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let (mut second, mut third, mut fourth) = (0.0, 0.0, 0.0);
    for value in values {
        let from_mean = value - mean;
        let square = from_mean * from_mean;
        second += square;
        third += square * from_mean;
        fourth += square * square;
    }
    let (second, third, fourth) = (second / n, third / n, fourth / n);
    let largest = values
        .iter()
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    // What rounding leaves of a constant is no shape.
    if second <= (f64::EPSILON * largest).powi(2) * n {
        return Err(GeometryError::Constant);
    }
    let skewness = third / second.powf(1.5);
    let kurtosis = fourth / (second * second);
    let statistic = skewness_score(skewness, n).powi(2) + kurtosis_score(kurtosis, n).powi(2);
    let chi = ChiSquared::new(2.0).expect("two degrees of freedom are allowed");
    Ok(Normality {
        skewness,
        excess_kurtosis: kurtosis - 3.0,
        statistic,
        p_value: chi.sf(statistic),
    })
}

/// D'Agostino 1970: a skewness as a standard normal score.
fn skewness_score(skewness: f64, n: f64) -> f64 {
    let y = skewness * ((n + 1.0) * (n + 3.0) / (6.0 * (n - 2.0))).sqrt();
    let beta = 3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0)
        / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w2 = (2.0 * (beta - 1.0)).sqrt() - 1.0;
    let delta = 1.0 / (0.5 * w2.ln()).sqrt();
    let alpha = (2.0 / (w2 - 1.0)).sqrt();
    delta * (y / alpha).asinh()
}

/// Anscombe and Glynn 1983: a kurtosis as a standard normal score.
fn kurtosis_score(kurtosis: f64, n: f64) -> f64 {
    let expected = 3.0 * (n - 1.0) / (n + 1.0);
    let variance =
        24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) * (n + 1.0) * (n + 3.0) * (n + 5.0));
    let x = (kurtosis - expected) / variance.sqrt();
    let beta = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * (6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / beta * (2.0 / beta + (1.0 + 4.0 / (beta * beta)).sqrt());
    let mean = 1.0 - 2.0 / (9.0 * a);
    let ratio = (1.0 - 2.0 / a) / (1.0 + x * (2.0 / (a - 4.0)).sqrt());
    (mean - ratio.signum() * ratio.abs().cbrt()) / (2.0 / (9.0 * a)).sqrt()
}

/// Adjusts p-values of many tests, so that those below a level hold at most that share of
/// false alarms.
///
/// Benjamini and Hochberg 1995, as `scipy.stats.false_discovery_control`.
///
/// # Shapes
///
/// - `p_values`: `[m]`, in `[0, 1]`; result: `[m]`, in the same order.
///
/// # Examples
///
/// ```
/// # use c3_geometry::adjust_for_many;
/// assert_eq!(adjust_for_many(&[0.01, 0.5]), [0.02, 0.5]);
/// ```
#[must_use]
pub fn adjust_for_many(p_values: &[f64]) -> Vec<f64> {
    let m = p_values.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut adjusted = vec![1.0; m];
    let mut least = 1.0_f64;
    for (from_last, at) in order.into_iter().enumerate() {
        least = least.min(p_values[at] * m as f64 / (m - from_last) as f64);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_has_no_shape() {
        assert_eq!(normality(&[0.1; 30]), Err(GeometryError::Constant));
        let error = GeometryError::TooFewRows {
            needed: 20,
            found: 3,
        };
        assert_eq!(normality(&[0.1, 0.2, 0.3]), Err(error));
    }

    #[test]
    fn adjusted_values_never_fall_below_a_smaller_one() {
        let adjusted = adjust_for_many(&[0.04, 0.03, 0.02, 0.01]);
        assert_eq!(adjusted, [0.04; 4]);
        assert!(adjust_for_many(&[]).is_empty());
    }

    #[test]
    fn a_mirrored_sample_has_the_opposite_skewness() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i).exp2().ln_1p()).collect();
        let mirrored: Vec<f64> = values.iter().map(|value| -value).collect();
        let (one, other) = (normality(&values).unwrap(), normality(&mirrored).unwrap());
        assert!((one.skewness + other.skewness).abs() < 1e-12);
        assert!((one.p_value - other.p_value).abs() < 1e-12);
    }
}
