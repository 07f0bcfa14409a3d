//! Finding the partner of a point in the other modality.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::gap::{at_least, same_width};
use crate::{Embeddings, GeometryError};

/// Queries compared with all items at once: bounds the memory of a similarity block.
const QUERIES_PER_BLOCK: usize = 256;

/// Share of queries that find a partner among their nearest items, both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recall {
    /// How many of the nearest items were looked at.
    pub k: usize,
    /// Owners that find one of their items (image to text), in `[0, 1]`.
    pub owner_to_item: f64,
    /// Items that find their owner (text to image), in `[0, 1]`.
    pub item_to_owner: f64,
}

/// Measures recall at each `k`, by cosine, both ways.
///
/// A hit for an owner is *any* of its items among the `k` nearest, as papers
/// count it for pictures with five captions each. An item equally near counts
/// as nearer, so a collapsed space scores nothing by luck.
///
/// # Shapes
///
/// - `owners`: `[n, d]` (pictures), `items`: `[m, d]` (captions).
/// - `owner_of`: `[m]`, the row of `owners` each item belongs to.
/// - result: one [`Recall`] for each `k`, in the order asked for.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`] if an item
/// has no owner, [`GeometryError::UnknownOwner`], [`GeometryError::TooFewRows`]
/// without rows, [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, recall};
/// let pictures = Embeddings::new(vec![1.0, 0.0, 0.0, 1.0], 2)?;
/// let captions = Embeddings::new(vec![2.0, 0.1, 0.9, 1.0], 2)?;
/// let at_one = recall(&pictures, &captions, &[0, 1], &[1])?[0];
/// assert_eq!((at_one.owner_to_item, at_one.item_to_owner), (1.0, 1.0));
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn recall(
    owners: &Embeddings,
    items: &Embeddings,
    owner_of: &[usize],
    ks: &[usize],
) -> Result<Vec<Recall>, GeometryError> {
    check_owners(owners, items, owner_of)?;
    let (owners, items) = (owners.to_unit_length()?, items.to_unit_length()?);
    let owner_ranks = ranks(&owners, &items, |owner, item| owner_of[item] == owner);
    let item_ranks = ranks(&items, &owners, |item, owner| owner_of[item] == owner);
    let share = |ranks: &[usize], k| {
        ranks.iter().filter(|rank| **rank < k).count() as f64 / ranks.len() as f64
    };
    let at = |k: &usize| Recall {
        k: *k,
        owner_to_item: share(&owner_ranks, *k),
        item_to_owner: share(&item_ranks, *k),
    };
    Ok(ks.iter().map(at).collect())
}

/// Finds the row of `base` nearest to each row of `queries`, by cosine.
///
/// Of equally near rows the first is taken.
///
/// # Shapes
///
/// - `queries`: `[n, d]`, `base`: `[m, d]`.
/// - result: `[n]`, rows of `base`.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::TooFewRows`] without a
/// base, [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, nearest};
/// let base = Embeddings::new(vec![1.0, 0.0, 0.0, 1.0], 2)?;
/// let queries = Embeddings::new(vec![0.1, 3.0], 2)?;
/// assert_eq!(nearest(&queries, &base)?, [1]);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn nearest(queries: &Embeddings, base: &Embeddings) -> Result<Vec<usize>, GeometryError> {
    same_width(queries, base)?;
    at_least(1, base.len())?;
    let (queries, base) = (queries.to_unit_length()?, base.to_unit_length()?);
    Ok(by_query(&queries, &base, |_, near| {
        let mut best = 0;
        for (row, cosine) in near.iter().enumerate() {
            if *cosine > near[best] {
                best = row;
            }
        }
        best
    }))
}

fn check_owners(
    owners: &Embeddings,
    items: &Embeddings,
    owner_of: &[usize],
) -> Result<(), GeometryError> {
    same_width(owners, items)?;
    at_least(1, owners.len().min(items.len()))?;
    if items.len() != owner_of.len() {
        return Err(GeometryError::Unpaired {
            left: items.len(),
            right: owner_of.len(),
        });
    }
    let rows = owners.len();
    match owner_of.iter().position(|owner| *owner >= rows) {
        Some(item) => Err(GeometryError::UnknownOwner {
            item,
            owner: owner_of[item],
            rows,
        }),
        None => Ok(()),
    }
}

/// For each query, how many strangers are at least as near as its nearest partner.
fn ranks(
    queries: &Embeddings,
    base: &Embeddings,
    is_partner: impl Fn(usize, usize) -> bool + Sync,
) -> Vec<usize> {
    by_query(queries, base, |query, near| {
        let partner = |row: usize| is_partner(query, row);
        let best = (0..near.len())
            .filter(|row| partner(*row))
            .map(|row| near[row])
            .fold(f32::NEG_INFINITY, f32::max);
        if best == f32::NEG_INFINITY {
            return usize::MAX; // nothing to find
        }
        (0..near.len())
            .filter(|row| near[*row] >= best && !partner(*row))
            .count()
    })
}

/// Answers a question about the cosines of each query with the whole base, blocks in parallel.
fn by_query(
    queries: &Embeddings,
    base: &Embeddings,
    answer: impl Fn(usize, &[f32]) -> usize + Sync,
) -> Vec<usize> {
    let (queries, base) = (queries.view(), base.view());
    let blocks: Vec<_> = queries
        .axis_chunks_iter(Axis(0), QUERIES_PER_BLOCK)
        .collect();
    let answers: Vec<Vec<usize>> = blocks
        .par_iter()
        .enumerate()
        .map(|(block, rows)| {
            let cosines: Array2<f32> = rows.dot(&base.t()); // [queries, m]
            let first = block * QUERIES_PER_BLOCK;
            let row = |(offset, near): (usize, ndarray::ArrayView1<'_, f32>)| {
                answer(
                    first + offset,
                    near.as_slice().expect("a fresh product is contiguous"),
                )
            };
            cosines.outer_iter().enumerate().map(row).collect()
        })
        .collect();
    answers.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collapsed_space_scores_nothing() {
        let same = Embeddings::new(vec![1.0; 8], 2).unwrap();
        let found = recall(&same, &same, &[0, 1, 2, 3], &[1, 4]).unwrap();
        assert_eq!(found[0].owner_to_item, 0.0);
        assert_eq!(found[1].item_to_owner, 1.0);
    }

    #[test]
    fn an_item_of_nobody_is_refused() {
        let owners = Embeddings::new(vec![1.0, 0.0], 2).unwrap();
        let error = recall(&owners, &owners, &[3], &[1]).unwrap_err();
        assert_eq!(
            error,
            GeometryError::UnknownOwner {
                item: 0,
                owner: 3,
                rows: 1
            }
        );
    }

    #[test]
    fn blocks_keep_their_place() {
        let base = Embeddings::new((0..700).flat_map(|i| circle(i, 700)).collect(), 2).unwrap();
        let expected: Vec<usize> = (0..700).collect();
        assert_eq!(nearest(&base, &base).unwrap(), expected);
    }

    fn circle(step: usize, steps: usize) -> [f32; 2] {
        let angle = step as f32 / steps as f32 * std::f32::consts::TAU;
        [angle.cos(), angle.sin()]
    }
}
