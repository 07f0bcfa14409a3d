//! How near matched points lie to each other.

use crate::gap::{at_least, same_width};
use crate::{Embeddings, GeometryError};

/// Mean cosine between the rows of `x` and their partners in `y`.
///
/// With both sides centred this is the `c` of the alignment-noise estimate
/// `sigma^2 = (1 / c^2 - 1) * E||y||^2 / d`; see [`relative_noise`].
///
/// # Shapes
///
/// - `x`, `y`: `[n, d]`, row `i` matched with row `i`. Lengths are free.
/// - result: in `[-1, 1]`.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`],
/// [`GeometryError::TooFewRows`] without rows, [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, mean_pair_cosine};
/// let images = Embeddings::new(vec![1.0, 0.0, 0.0, 2.0], 2)?;
/// let texts = Embeddings::new(vec![3.0, 0.0, 1.0, 0.0], 2)?;
/// assert_eq!(mean_pair_cosine(&images, &texts)?, 0.5);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn mean_pair_cosine(x: &Embeddings, y: &Embeddings) -> Result<f64, GeometryError> {
    same_width(x, y)?;
    if x.len() != y.len() {
        return Err(GeometryError::Unpaired {
            left: x.len(),
            right: y.len(),
        });
    }
    at_least(1, x.len())?;
    let mut total = 0.0;
    for (row, (a, b)) in x.rows().zip(y.rows()).enumerate() {
        total += cosine(a, b).ok_or(GeometryError::ZeroRow { row })?;
    }
    Ok(total / x.len() as f64)
}

/// Mean cosine between the rows of `x` and all rows of `y` but their partners.
///
/// `(sum u(x) . sum u(y) - sum of the pairs) / (n (n - 1))`, so it costs no more than the pairs.
///
/// # Shapes
///
/// - `x`, `y`: `[n, d]`, row `i` matched with row `i`. Lengths are free.
/// - result: in `[-1, 1]`.
///
/// # Errors
///
/// As [`mean_pair_cosine`], and [`GeometryError::TooFewRows`] below two pairs.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, mean_unpaired_cosine};
/// let x = Embeddings::new(vec![1.0, 0.0, 0.0, 2.0], 2)?;
/// assert_eq!(mean_unpaired_cosine(&x, &x)?, 0.0);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn mean_unpaired_cosine(x: &Embeddings, y: &Embeddings) -> Result<f64, GeometryError> {
    let paired = mean_pair_cosine(x, y)?;
    at_least(2, x.len())?;
    let (sum_x, sum_y) = (sum_of_directions(x), sum_of_directions(y));
    let all: f64 = sum_x.iter().zip(&sum_y).map(|(a, b)| a * b).sum();
    let n = x.len() as f64;
    Ok((all / n - paired) / (n - 1.0))
}

/// Mean cosine between two different members of the same group, as captions of one picture.
///
/// Needs one modality only: the spread of several captions of one thing is the
/// part of the alignment noise that can be seen without a single cross-modal
/// pair. Groups of one member count for nothing; every other group counts once.
///
/// # Shapes
///
/// - `batch`: `[n, d]`; `groups`: `[n]`, any labels.
/// - result: in `[-1, 1]`.
///
/// # Errors
///
/// [`GeometryError::Unpaired`] if a row has no label,
/// [`GeometryError::TooFewRows`] if no group has two members,
/// [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, mean_group_cosine};
/// let captions = Embeddings::new(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2)?;
/// assert_eq!(mean_group_cosine(&captions, &[7, 7, 8])?, 1.0);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn mean_group_cosine(batch: &Embeddings, groups: &[usize]) -> Result<f64, GeometryError> {
    if batch.len() != groups.len() {
        return Err(GeometryError::Unpaired {
            left: batch.len(),
            right: groups.len(),
        });
    }
    let unit = batch.to_unit_length()?;
    let mut members: std::collections::BTreeMap<usize, Vec<usize>> = Default::default();
    for (row, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(row);
    }
    let means: Vec<f64> = members
        .values()
        .filter(|rows| rows.len() > 1)
        .map(|rows| within(&unit, rows))
        .collect();
    at_least(
        2,
        if means.is_empty() {
            members.len().min(1)
        } else {
            2
        },
    )?;
    Ok(means.iter().sum::<f64>() / means.len() as f64)
}

/// Noise that turns a point as far from itself as a partner of cosine `c` stands: `sqrt(1/c^2 - 1)`.
///
/// A clean embedding `e` and `e + sigma * z` with `z ~ N(0, I)` have cosine `c`
/// on average when `sigma * sqrt(d) / ||e||` equals this ratio (to first order
/// in `1 / d`). Multiply by `sqrt(E||e||^2 / d)` for `sigma`.
///
/// # Shapes
///
/// - `cosine`: in `(0, 1]`.
/// - result: length of the noise over length of the embedding, from 0.
///   Infinite at a cosine of zero or below: no noise is strong enough.
#[must_use]
pub fn relative_noise(cosine: f64) -> f64 {
    if cosine <= 0.0 {
        return f64::INFINITY;
    }
    (1.0 / (cosine * cosine) - 1.0).max(0.0).sqrt()
}

/// Sum of the rows at unit length, in f64; none of them has length zero.
fn sum_of_directions(batch: &Embeddings) -> Vec<f64> {
    let mut sum = vec![0.0; batch.dim()];
    for row in batch.rows() {
        let squares: f64 = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        let length = squares.sqrt();
        sum.iter_mut()
            .zip(row)
            .for_each(|(total, value)| *total += f64::from(*value) / length);
    }
    sum
}

/// Cosine of two rows in f64, or nothing if one has length zero.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> Option<f64> {
    let (mut dot, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        aa += a * a;
        bb += b * b;
    }
    (aa > 0.0 && bb > 0.0).then(|| dot / (aa * bb).sqrt())
}

/// Mean cosine over the pairs of one group: `(||sum of directions||^2 - m) / (m^2 - m)`.
fn within(batch: &Embeddings, rows: &[usize]) -> f64 {
    let m = rows.len() as f64;
    // Unit rows in f32 have a length of nearly one, and `m` wants exactly one.
    let sum = sum_of_directions(&batch.select(rows));
    (sum.iter().map(|v| v * v).sum::<f64>() - m) / (m * m - m)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmatched_rows_are_refused() {
        let x = Embeddings::new(vec![1.0; 4], 2).unwrap();
        let y = Embeddings::new(vec![1.0; 2], 2).unwrap();
        assert_eq!(
            mean_pair_cosine(&x, &y),
            Err(GeometryError::Unpaired { left: 2, right: 1 })
        );
    }

    #[test]
    fn a_group_of_three_averages_its_three_pairs() {
        let batch = Embeddings::new(vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0], 2).unwrap();
        let mean = mean_group_cosine(&batch, &[0, 0, 0]).unwrap();
        assert!((mean - 1.0 / 3.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn groups_of_one_have_no_spread() {
        let batch = Embeddings::new(vec![1.0, 0.0, 0.0, 1.0], 2).unwrap();
        let error = mean_group_cosine(&batch, &[0, 1]).unwrap_err();
        assert_eq!(
            error,
            GeometryError::TooFewRows {
                needed: 2,
                found: 1
            }
        );
    }

    #[test]
    fn half_a_cosine_asks_for_noise_longer_than_the_signal() {
        assert!((relative_noise(0.5) - 3.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(relative_noise(1.0), 0.0);
        assert_eq!(relative_noise(0.0), f64::INFINITY);
    }
}
