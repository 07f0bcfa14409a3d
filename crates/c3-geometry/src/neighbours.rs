//! Who lies next to whom: the own modality, and the few that lie next to everybody.

use ndarray::{ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::gap::{at_least, same_width};
use crate::{Embeddings, GeometryError};

/// Rows compared with all others at once: bounds the memory of a similarity block.
const ROWS_PER_BLOCK: usize = 256;

/// Share of rows whose nearest other row, by cosine, is of their own modality.
///
/// One in a space with a wide gap; about one half where the modalities mix. Partners count
/// as any other row of the other modality.
///
/// # Shapes
///
/// - `x`: `[n, d]`, `y`: `[m, d]`; result: in `[0, 1]`.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::TooFewRows`] if a modality has fewer
/// than two rows, [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, same_modality_share};
/// let x = Embeddings::new(vec![1.0, 0.1, 1.0, -0.1], 2)?;
/// let y = Embeddings::new(vec![-1.0, 0.1, -1.0, -0.1], 2)?;
/// assert_eq!(same_modality_share(&x, &y)?, 1.0);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn same_modality_share(x: &Embeddings, y: &Embeddings) -> Result<f64, GeometryError> {
    same_width(x, y)?;
    at_least(2, x.len().min(y.len()))?;
    let (x, y) = (x.to_unit_length()?, y.to_unit_length()?);
    let own = own_nearer(&x, &y) + own_nearer(&y, &x);
    Ok(own as f64 / (x.len() + y.len()) as f64)
}

/// Rows of `own` that have another row of `own` nearer than every row of `other`.
fn own_nearer(own: &Embeddings, other: &Embeddings) -> usize {
    let view = own.view();
    let blocks: Vec<_> = view
        .axis_chunks_iter(Axis(0), ROWS_PER_BLOCK)
        .enumerate()
        .collect();
    let count = |(at, rows): &(usize, ArrayView2<'_, f32>)| {
        let (near_own, near_other) = (rows.dot(&own.view().t()), rows.dot(&other.view().t()));
        let pairs = near_own
            .outer_iter()
            .zip(near_other.outer_iter())
            .enumerate();
        pairs
            .filter(|(offset, (own, other))| {
                let this = at * ROWS_PER_BLOCK + offset;
                largest(own, Some(this)) > largest(other, None)
            })
            .count()
    };
    blocks.par_iter().map(count).sum()
}

fn largest(values: &ArrayView1<'_, f32>, except: Option<usize>) -> f32 {
    let others = values
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != except);
    others.fold(f32::NEG_INFINITY, |most, (_, value)| most.max(*value))
}

/// Hubness: skewness of how often a row of `base` is among the `k` nearest of a query.
///
/// Near zero where every row is found about as often; large where a few rows are next to
/// everybody (Radovanović et al. 2010, JMLR 11).
///
/// # Shapes
///
/// - `queries`: `[n, d]`, `base`: `[m, d]`.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::TooFewRows`] if `base` has not more than
/// `k` rows, [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, hubness};
/// let queries = Embeddings::new(vec![1.0, 0.0, 0.9, 0.1, 0.8, 0.2, 0.7, 0.3], 2)?;
/// let base = Embeddings::new(vec![1.0, 0.0, 0.0, 1.0, 0.0, -1.0, -1.0, 0.0], 2)?;
/// assert!(hubness(&queries, &base, 1)? > 1.0); // everybody finds the first
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn hubness(queries: &Embeddings, base: &Embeddings, k: usize) -> Result<f64, GeometryError> {
    same_width(queries, base)?;
    at_least(k.saturating_add(1).max(2), base.len())?;
    let (queries, base) = (queries.to_unit_length()?, base.to_unit_length()?);
    let view = queries.view();
    let blocks: Vec<_> = view.axis_chunks_iter(Axis(0), ROWS_PER_BLOCK).collect();
    let found: Vec<Vec<usize>> = blocks
        .par_iter()
        .map(|rows| {
            let cosines = rows.dot(&base.view().t());
            cosines
                .outer_iter()
                .flat_map(|near| top(&near, k))
                .collect()
        })
        .collect();
    let mut counts = vec![0.0_f64; base.len()];
    for row in found.concat() {
        counts[row] += 1.0;
    }
    Ok(skewness(&counts))
}

/// The `k` largest; of equal values the first.
fn top(values: &ArrayView1<'_, f32>, k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let before = |a: &usize, b: &usize| values[*b].total_cmp(&values[*a]).then(a.cmp(b));
    if k > 0 && k < order.len() {
        order.select_nth_unstable_by(k - 1, before);
    }
    order.truncate(k);
    order
}

/// Third standardised moment; zero if all are equal.
fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power| values.iter().map(|v| (v - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if variance == 0.0 {
        return 0.0;
    }
    moment(3) / variance.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(n: usize, turn: f32) -> Embeddings {
        let angle = |i: usize| (i as f32 + turn) / n as f32 * std::f32::consts::TAU;
        let values = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]);
        Embeddings::new(values.collect(), 2).unwrap()
    }

    #[test]
    fn modalities_that_interleave_are_each_others_neighbours() {
        assert_eq!(
            same_modality_share(&circle(300, 0.0), &circle(300, 0.3)),
            Ok(0.0)
        );
    }

    #[test]
    fn rows_found_equally_often_are_no_hubs() {
        assert_eq!(hubness(&circle(300, 0.1), &circle(300, 0.0), 1), Ok(0.0));
        assert!(hubness(&circle(3, 0.0), &circle(3, 0.0), 3).is_err());
    }
}
