//! How near a picture lies to captions it was never paired with.

use std::collections::BTreeMap;

use crate::gap::same_width;
use crate::{Embeddings, GeometryError, mean_pair_cosine, nearest};

/// Estimates the cosine of matched pairs without one pair.
///
/// Each point of `x` (a picture) is led to the nearest row of `texts`, and is
/// then compared with the *other* members of that row's group (its mates: the
/// other captions of one thing), not with the row itself. The row was chosen
/// for being near, so its own cosine is too high; its mates were not chosen, and
/// describe about what a caption of `x` would describe. The pictures and the
/// texts must not belong together: take them from different halves of the data.
///
/// # Shapes
///
/// - `x`: `[n, d]`; `texts`: `[m, d]`; `groups`: `[m]`, any labels.
/// - result: in `[-1, 1]`; take both modalities centred, or both raw.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`] if a text has
/// no label, [`GeometryError::TooFewRows`] if no group has two members or `x` no
/// row, [`GeometryError::ZeroRow`].
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, mate_cosine};
/// let pictures = Embeddings::new(vec![1.0, 0.0], 2)?;
/// let captions = Embeddings::new(vec![0.9, 0.1, 0.6, 0.8, 0.0, 1.0, 0.0, 1.0], 2)?;
/// let cosine = mate_cosine(&pictures, &captions, &[0, 0, 1, 1])?;
/// assert!((cosine - 0.6).abs() < 1e-6); // led to row 0, compared with row 1
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn mate_cosine(
    x: &Embeddings,
    texts: &Embeddings,
    groups: &[usize],
) -> Result<f64, GeometryError> {
    same_width(x, texts)?;
    if texts.len() != groups.len() {
        return Err(GeometryError::Unpaired {
            left: texts.len(),
            right: groups.len(),
        });
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(row);
    }
    let social: Vec<usize> = (0..groups.len())
        .filter(|row| members[&groups[*row]].len() > 1)
        .collect();
    let (mut queries, mut mates) = (Vec::new(), Vec::new());
    for (query, found) in nearest(x, &texts.select(&social))?.into_iter().enumerate() {
        let row = social[found];
        for mate in members[&groups[row]].iter().filter(|mate| **mate != row) {
            queries.push(query);
            mates.push(*mate);
        }
    }
    mean_pair_cosine(&x.select(&queries), &texts.select(&mates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_mates_is_never_led_to() {
        let x = Embeddings::new(vec![1.0, 0.0], 2).unwrap();
        let texts = Embeddings::new(vec![1.0, 0.0, 0.6, 0.8, 0.8, 0.6], 2).unwrap();
        let cosine = mate_cosine(&x, &texts, &[5, 6, 6]).unwrap();
        assert!((cosine - 0.6).abs() < 1e-6, "{cosine}");
        let error = mate_cosine(&x, &texts, &[5, 6, 7]).unwrap_err();
        assert_eq!(
            error,
            GeometryError::TooFewRows {
                needed: 1,
                found: 0
            }
        );
    }
}
