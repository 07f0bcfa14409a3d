//! The contrastive loss in closed form: what its gradient can move, and where it stops.
//!
//! Lemma 1 and Lemma 2 of Zhang et al. 2024 (arXiv:2401.08567), with similarities
//! `s_ij = x_i . y_j` of embeddings of unit length.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::Array2;
use rayon::prelude::*;

use crate::GeometryError;

/// A loss, and its gradient for both modalities as if their embeddings were free.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// Mean over the batch, in nats.
    pub loss: f64,
    /// Gradient of the mean loss by `x`, `[n, d]`.
    pub by_x: Array2<f64>,
    /// Gradient of the mean loss by `y`, `[n, d]`.
    pub by_y: Array2<f64>,
}

/// Loss and gradient of the one-sided term: each `x_i` looks for its `y_i`.
///
/// `L_i = -log p_ii` with `p_ij = softmax_j(s_ij / t)`, so
/// `dL_i / dx_i = (1 / t) (sum_j p_ij y_j - y_i)` (Lemma 1): a combination of *differences*
/// of `y`. Where `y` is constant this is zero, so training cannot move `x` there and a
/// constant offset between the modalities stays.
///
/// # Shapes
///
/// - `x`, `y`: `[n, d]`, row `i` matched with row `i`.
///
/// # Errors
///
/// [`GeometryError::BadTemperature`], [`GeometryError::Unpaired`],
/// [`GeometryError::WidthMismatch`], [`GeometryError::TooFewRows`] without rows.
///
/// # Examples
///
/// ```
/// # use c3_geometry::one_sided_contrast;
/// # use ndarray::array;
/// let x = array![[0.6, 0.8, 0.0], [0.0, 0.8, 0.6]];
/// let y = array![[0.8, 0.0, 0.6], [0.0, 0.8, 0.6]]; // the last dimension is constant
/// let contrast = one_sided_contrast(&x, &y, 0.07)?;
/// assert!(contrast.by_x.column(2).iter().all(|value| value.abs() < 1e-15));
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn one_sided_contrast(
    x: &Array2<f64>,
    y: &Array2<f64>,
    temperature: f64,
) -> Result<Contrast, GeometryError> {
    check(x, y, temperature)?;
    let (x, y) = (matrix(x), matrix(y));
    let (loss, weights) = term(similarities(&y, &x, temperature));
    Ok(Contrast {
        loss,
        by_x: array(&gradient(weights.transpose(), &y, temperature)),
        by_y: array(&gradient(weights.as_ref(), &x, temperature)),
    })
}

/// Loss and gradient of the symmetric loss of CLIP: the mean of both directions.
///
/// The second direction adds `(1 / t) (sum_j q_ij y_j - y_i)` with `q_ij = softmax_i(s_ij / t)`,
/// whose weights over `j` do not sum to one. On a dimension where `y` is constant the gradient
/// of a single `x_i` is therefore *not* zero; summed over the batch it is, so the mean gap is
/// what survives, not each sample's place.
///
/// # Shapes, Errors
///
/// As [`one_sided_contrast`].
pub fn symmetric_contrast(
    x: &Array2<f64>,
    y: &Array2<f64>,
    temperature: f64,
) -> Result<Contrast, GeometryError> {
    check(x, y, temperature)?;
    let (x, y) = (matrix(x), matrix(y));
    let (loss, by_x, by_y) = symmetric(&x, &y, temperature);
    Ok(Contrast {
        loss,
        by_x: array(&by_x),
        by_y: array(&by_y),
    })
}

/// [`symmetric_contrast`] on matrices.
pub(crate) fn symmetric(x: &Mat<f64>, y: &Mat<f64>, temperature: f64) -> (f64, Mat<f64>, Mat<f64>) {
    let scores = similarities(x, y, temperature);
    let (forth, other) = term(scores.transpose().to_owned());
    let (back, mut weights) = term(scores);
    let columns = weights.par_col_iter_mut().enumerate();
    columns.for_each(|(j, column)| {
        let pairs = column.iter_mut().zip(other.row(j).iter());
        pairs.for_each(|(weight, other)| *weight = (*weight + other) / 2.0);
    });
    let by_x = gradient(weights.as_ref(), y, temperature);
    let by_y = gradient(weights.transpose(), x, temperature);
    ((forth + back) / 2.0, by_x, by_y)
}

/// Carries a gradient by unit embeddings back through their normalisation.
///
/// With `e = v / |v|`, `dL/dv = (1 / |v|) (I - e e^T) dL/de`. The projection mixes dimensions,
/// and so slowly moves even a dimension on which `dL/de` is zero.
///
/// # Shapes
///
/// - `raw`: `[n, d]`, before normalisation; `gradient`: `[n, d]`, by `raw` at unit length.
///
/// # Errors
///
/// [`GeometryError::Unpaired`] or [`GeometryError::WidthMismatch`] if the shapes differ,
/// [`GeometryError::ZeroRow`].
pub fn through_normalisation(
    raw: &Array2<f64>,
    gradient: &Array2<f64>,
) -> Result<Array2<f64>, GeometryError> {
    same_shape(raw, gradient)?;
    let mut result = gradient.clone();
    for (row, (mut out, raw)) in result.outer_iter_mut().zip(raw.outer_iter()).enumerate() {
        let squared = raw.dot(&raw);
        if squared == 0.0 {
            return Err(GeometryError::ZeroRow { row });
        }
        let along = raw.dot(&out) / squared;
        let length = squared.sqrt();
        out.zip_mut_with(&raw, |out, raw| *out = (*out - along * raw) / length);
    }
    Ok(result)
}

/// The loss of one query with a positive and its negatives: `log(1 + o(t) exp(-r / t))`.
///
/// `r = s+ - max s-` is the margin and `o(t) = sum exp((s- - max s-) / t)` over the negatives.
/// Zero without negatives.
///
/// # Errors
///
/// [`GeometryError::BadTemperature`].
pub fn query_loss(
    positive: f64,
    negatives: &[f64],
    temperature: f64,
) -> Result<f64, GeometryError> {
    check_temperature(temperature)?;
    let (hardest, crowd) = crowd(negatives, temperature);
    Ok((crowd * ((hardest - positive) / temperature).exp()).ln_1p())
}

/// The margin from which on a query's loss is at most `delta`: the edge of the stable region.
///
/// `L <= delta` exactly where `r >= t log(o(t) / (e^delta - 1))` (Lemma 2), `r` and `o` as in
/// [`query_loss`]. The threshold rises with the temperature wherever it is positive, so a low
/// temperature leaves a *larger* region in which the loss no longer pulls, and the alignment
/// noise in it stays. Minus infinity without negatives.
///
/// # Errors
///
/// [`GeometryError::BadTemperature`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{query_loss, stable_margin};
/// let negatives = [0.1, 0.3, 0.2];
/// let margin = stable_margin(&negatives, 0.07, 0.01)?;
/// let loss = query_loss(0.3 + margin, &negatives, 0.07)?;
/// assert!((loss - 0.01).abs() < 1e-12);
/// assert!(stable_margin(&negatives, 0.01, 0.01)? < margin);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn stable_margin(
    negatives: &[f64],
    temperature: f64,
    delta: f64,
) -> Result<f64, GeometryError> {
    check_temperature(temperature)?;
    let (_, crowd) = crowd(negatives, temperature);
    Ok(temperature * (crowd / delta.exp_m1()).ln())
}

/// The hardest negative, and how many count as much as it, from one to all of them.
fn crowd(negatives: &[f64], temperature: f64) -> (f64, f64) {
    let hardest = negatives.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weight = |negative: &f64| ((negative - hardest) / temperature).exp();
    (hardest, negatives.iter().map(weight).sum())
}

fn check(x: &Array2<f64>, y: &Array2<f64>, temperature: f64) -> Result<(), GeometryError> {
    check_temperature(temperature)?;
    same_shape(x, y)?;
    crate::gap::at_least(1, x.nrows())
}

fn same_shape(x: &Array2<f64>, y: &Array2<f64>) -> Result<(), GeometryError> {
    let (left, right) = (x.ncols(), y.ncols());
    if left != right {
        return Err(GeometryError::WidthMismatch { left, right });
    }
    let (left, right) = (x.nrows(), y.nrows());
    if left != right {
        return Err(GeometryError::Unpaired { left, right });
    }
    Ok(())
}

fn check_temperature(temperature: f64) -> Result<(), GeometryError> {
    if temperature.is_finite() && temperature > 0.0 {
        Ok(())
    } else {
        Err(GeometryError::BadTemperature { temperature })
    }
}

/// `x y^T / t`, `[n, n]`.
fn similarities(x: &Mat<f64>, y: &Mat<f64>, temperature: f64) -> Mat<f64> {
    let mut scores = Mat::zeros(x.nrows(), y.nrows());
    let (x, y, factor) = (x.as_ref(), y.transpose(), 1.0 / temperature);
    matmul(scores.as_mut(), Accum::Replace, x, y, factor, Par::rayon(0));
    scores
}

/// Mean cross-entropy of the columns with their diagonal, and `(softmax - identity) / n`.
///
/// By columns, for a matrix lies in memory so.
fn term(mut scores: Mat<f64>) -> (f64, Mat<f64>) {
    let n = scores.nrows() as f64;
    let columns = scores.par_col_iter_mut().enumerate();
    let losses: Vec<f64> = columns
        .map(|(j, column)| {
            let column = column
                .try_as_col_major_mut()
                .expect("a whole matrix")
                .as_slice_mut();
            let positive = column[j];
            let largest = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mut total = 0.0;
            for score in column.iter_mut() {
                *score = (*score - largest).exp();
                total += *score;
            }
            column.iter_mut().for_each(|share| *share /= total * n);
            column[j] -= 1.0 / n;
            total.ln() + largest - positive
        })
        .collect();
    (losses.iter().sum::<f64>() / n, scores)
}

fn gradient(weights: MatRef<'_, f64>, other: &Mat<f64>, temperature: f64) -> Mat<f64> {
    let mut result = Mat::zeros(other.nrows(), other.ncols());
    let (other, factor) = (other.as_ref(), 1.0 / temperature);
    matmul(
        result.as_mut(),
        Accum::Replace,
        weights,
        other,
        factor,
        Par::rayon(0),
    );
    result
}

pub(crate) fn matrix(values: &Array2<f64>) -> Mat<f64> {
    Mat::from_fn(values.nrows(), values.ncols(), |i, j| values[[i, j]])
}

pub(crate) fn array(values: &Mat<f64>) -> Array2<f64> {
    Array2::from_shape_fn((values.nrows(), values.ncols()), |(i, j)| values[(i, j)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit rows of 6 x 5, with the last dimension of `y` constant before normalisation.
    fn pair() -> (Array2<f64>, Array2<f64>) {
        let wave = |step: f64| {
            let mut rows = Array2::from_shape_fn((6, 5), |(i, j)| {
                ((i * 5 + j) as f64 * step).sin() + 0.1 * j as f64
            });
            rows.outer_iter_mut().for_each(|mut row| {
                let length = row.dot(&row).sqrt();
                row.mapv_inplace(|value| value / length);
            });
            rows
        };
        let (x, mut y) = (wave(0.7), wave(1.3));
        y.column_mut(4).fill(0.25);
        (x, y)
    }

    type Of = fn(&Array2<f64>, &Array2<f64>, f64) -> Result<Contrast, GeometryError>;

    /// Slope of a loss by one value of one side, by central differences.
    fn slope(of: Of, sides: [&Array2<f64>; 2], side: usize, at: [usize; 2]) -> f64 {
        let step = 1e-6;
        let moved = |by: f64| {
            let mut sides = sides.map(Array2::clone);
            sides[side][at] += by;
            of(&sides[0], &sides[1], 0.2).unwrap().loss
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    }

    #[test]
    fn the_closed_form_is_the_slope_of_the_loss() {
        let (x, y) = pair();
        for of in [one_sided_contrast as Of, symmetric_contrast] {
            let contrast = of(&x, &y, 0.2).unwrap();
            for at in [[0, 0], [3, 2], [5, 4]] {
                assert!((contrast.by_x[at] - slope(of, [&x, &y], 0, at)).abs() < 1e-8);
                assert!((contrast.by_y[at] - slope(of, [&x, &y], 1, at)).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn one_sided_a_constant_dimension_does_not_move() {
        let (x, y) = pair();
        let contrast = one_sided_contrast(&x, &y, 0.07).unwrap();
        assert!(contrast.by_x.column(4).iter().all(|v| v.abs() < 1e-15));
        assert!(contrast.by_x.column(0).iter().any(|v| v.abs() > 1e-3));
    }

    #[test]
    fn both_sided_only_the_batch_does_not_move() {
        let (x, y) = pair();
        let contrast = symmetric_contrast(&x, &y, 0.07).unwrap();
        let column = contrast.by_x.column(4);
        assert!(column.iter().any(|v| v.abs() > 1e-3), "{column}");
        assert!(column.sum().abs() < 1e-15, "{column}");
    }

    #[test]
    fn normalisation_moves_even_a_dimension_without_gradient() {
        let (x, y) = pair();
        let gradient = one_sided_contrast(&x, &y, 0.07).unwrap().by_x;
        let raw = through_normalisation(&x, &gradient).unwrap();
        assert!(raw.column(4).iter().any(|v| v.abs() > 1e-3));
        // What is left never changes a length to first order.
        for (row, moved) in x.outer_iter().zip(raw.outer_iter()) {
            assert!(row.dot(&moved).abs() < 1e-12);
        }
    }

    #[test]
    fn the_stable_region_shrinks_as_the_temperature_rises() {
        let negatives: Vec<f64> = (0..100)
            .map(|i| (f64::from(i) * 0.37).sin() * 0.3)
            .collect();
        let temperatures = [0.01, 0.03, 0.07, 0.2, 1.0];
        let margins =
            temperatures.map(|temperature| stable_margin(&negatives, temperature, 0.1).unwrap());
        assert!(
            margins.windows(2).all(|pair| pair[0] < pair[1]),
            "{margins:?}"
        );
        for (temperature, margin) in temperatures.into_iter().zip(margins) {
            let hardest = negatives.iter().copied().fold(f64::MIN, f64::max);
            let loss = |margin: f64| query_loss(hardest + margin, &negatives, temperature).unwrap();
            assert!((loss(margin) - 0.1).abs() < 1e-12);
            assert!(loss(margin + 1e-6) < 0.1 && loss(margin - 1e-6) > 0.1);
        }
    }

    #[test]
    fn a_temperature_is_positive_and_a_loss_needs_negatives() {
        assert!(query_loss(0.5, &[0.1], 0.0).is_err());
        assert!(stable_margin(&[0.1], f64::NAN, 0.1).is_err());
        assert_eq!(stable_margin(&[], 0.1, 0.1), Ok(f64::NEG_INFINITY));
        assert_eq!(query_loss(0.5, &[], 0.1), Ok(0.0));
    }
}
