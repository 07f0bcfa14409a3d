//! Retrieval: how high the right targets rank for each query.

use rayon::prelude::*;
use serde::Serialize;

use crate::MetricError;

/// Retrieval scores over all queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retrieval {
    /// For each cut `k` asked for: the share of queries with a right target among the
    /// first `k`.
    pub recall: Vec<f64>,
    /// Median over queries of the rank of the first right target, from one.
    pub median_rank: f64,
    /// Mean over queries of the precision at each right target.
    pub mean_average_precision: f64,
}

/// Measures retrieval from similarities.
///
/// Targets are ranked by falling similarity; of equals, those that are not right come
/// first, so that a constant similarity earns nothing.
///
/// # Shapes
///
/// - `similarities`: one row for each query, one value for each target.
/// - `right`: the right targets of each query, at least one.
///
/// # Errors
///
/// - [`MetricError::NoItems`] if there is no query.
/// - [`MetricError::QueryMismatch`] if the two lists differ in length.
/// - [`MetricError::NoTarget`] if a query has no right target among its targets.
/// - [`MetricError::NotFinite`] if a similarity is NaN or infinite.
///
/// # Examples
///
/// ```
/// # use c3_metrics::retrieval;
/// let similarities = [vec![0.9, 0.1, 0.5], vec![0.2, 0.3, 0.7]];
/// let found = retrieval(&similarities, &[vec![0], vec![1]], &[1, 2])?;
/// assert_eq!(found.recall, [0.5, 1.0]);
/// assert_eq!(found.median_rank, 1.5);
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn retrieval(
    similarities: &[Vec<f32>],
    right: &[Vec<usize>],
    cuts: &[usize],
) -> Result<Retrieval, MetricError> {
    let ranks = ranks(similarities, right)?;
    let mean = |value: &dyn Fn(&Vec<usize>) -> f64| {
        ranks.iter().map(value).sum::<f64>() / ranks.len() as f64
    };
    Ok(Retrieval {
        recall: cuts
            .iter()
            .map(|&k| mean(&|ranks| f64::from(u8::from(ranks[0] <= k))))
            .collect(),
        median_rank: median(ranks.iter().map(|ranks| ranks[0]).collect()),
        mean_average_precision: mean(&|ranks| average_precision(ranks)),
    })
}

/// The average precision of each query, whose mean [`retrieval`] gives.
///
/// One value for each query, so that it can be resampled
/// ([`Bootstrap`](crate::bootstrap::Bootstrap)).
///
/// # Shapes, Errors
///
/// As [`retrieval`].
///
/// # Examples
///
/// ```
/// # use c3_metrics::average_precisions;
/// let found = average_precisions(&[vec![0.9, 0.1, 0.5]], &[vec![0, 1]])?;
/// assert_eq!(found, [(1.0 + 2.0 / 3.0) / 2.0]); // first and third
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn average_precisions(
    similarities: &[Vec<f32>],
    right: &[Vec<usize>],
) -> Result<Vec<f64>, MetricError> {
    let ranks = ranks(similarities, right)?;
    Ok(ranks.iter().map(|ranks| average_precision(ranks)).collect())
}

/// Ranks of the right targets of every query.
fn ranks(similarities: &[Vec<f32>], right: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, MetricError> {
    if similarities.len() != right.len() {
        let (queries, right) = (similarities.len(), right.len());
        return Err(MetricError::QueryMismatch { queries, right });
    }
    if similarities.is_empty() {
        return Err(MetricError::NoItems);
    }
    let queries = similarities.par_iter().zip(right).enumerate();
    let ranks = queries.map(|(query, (row, right))| right_ranks(query, row, right));
    ranks.collect()
}

/// Ranks of the right targets, from one, in ascending order.
fn right_ranks(query: usize, row: &[f32], right: &[usize]) -> Result<Vec<usize>, MetricError> {
    if let Some(column) = row.iter().position(|value| !value.is_finite()) {
        return Err(MetricError::NotFinite { row: query, column });
    }
    let none = || MetricError::NoTarget {
        query,
        targets: row.len(),
    };
    let mut is_right = vec![false; row.len()];
    for &target in right {
        *is_right.get_mut(target).ok_or_else(none)? = true;
    }
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| {
        row[b]
            .total_cmp(&row[a])
            .then(is_right[a].cmp(&is_right[b]))
    });
    let ranks = order
        .iter()
        .zip(1..)
        .filter(|&(&target, _)| is_right[target]);
    let ranks: Vec<usize> = ranks.map(|(_, rank)| rank).collect();
    if ranks.is_empty() {
        Err(none())
    } else {
        Ok(ranks)
    }
}

fn average_precision(ranks: &[usize]) -> f64 {
    let precisions = ranks
        .iter()
        .zip(1..)
        .map(|(&rank, found)| f64::from(found) / rank as f64);
    precisions.sum::<f64>() / ranks.len() as f64
}

fn median(mut ranks: Vec<usize>) -> f64 {
    ranks.sort_unstable();
    let middle = ranks.len() / 2;
    let upper = ranks[middle];
    let lower = if ranks.len().is_multiple_of(2) {
        ranks[middle - 1]
    } else {
        upper
    };
    (lower + upper) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_right_targets_share_the_precision() {
        let found = retrieval(&[vec![0.9, 0.8, 0.7, 0.6]], &[vec![0, 2]], &[1]).unwrap();
        let expected = f64::midpoint(1.0, 2.0 / 3.0);
        assert!((found.mean_average_precision - expected).abs() < 1e-12);
    }

    #[test]
    fn of_equal_similarities_the_right_one_comes_last() {
        let found = retrieval(&[vec![1.0; 4]], &[vec![0]], &[1, 3, 4]).unwrap();
        assert_eq!(found.recall, [0.0, 0.0, 1.0]);
        assert_eq!(found.median_rank, 4.0);
    }

    #[test]
    fn bad_input_names_the_query() {
        let said = |row: Vec<f32>, right: Vec<usize>| {
            retrieval(&[row], &[right], &[1]).unwrap_err().to_string()
        };
        assert_eq!(
            said(vec![0.1, f32::NAN], vec![0]),
            "value at row 0, column 1 is not finite"
        );
        assert_eq!(
            said(vec![0.1], vec![]),
            "query 0 has no right target among its 1 targets"
        );
        assert_eq!(
            said(vec![0.1], vec![3]),
            "query 0 has no right target among its 1 targets"
        );
    }
}
