//! CLIPScore and RefCLIPScore: how near a caption is to its picture in a common space.

use rayon::prelude::*;
use serde::Serialize;

use crate::{
    MetricError,
    features::{Features, dot},
};

/// What the cosine is stretched by, so that scores spread over 0 to 1.
const WEIGHT: f64 = 2.5;

/// CLIPScore of a set of captions, and of each of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClipScores {
    /// Mean CLIPScore, 0 to 2.5.
    pub clip_score: f64,
    /// Mean RefCLIPScore, if there were references.
    pub ref_clip_score: Option<f64>,
    /// CLIPScore of each caption.
    pub items: Vec<f64>,
    /// RefCLIPScore of each caption; empty without references.
    pub ref_items: Vec<f64>,
}

/// Scores captions by their embeddings (Hessel et al. 2021, arXiv:2104.08718).
///
/// `CLIPScore = 2.5 max(cos(c, v), 0)`, with `c` the embedding of the caption and `v` that of
/// the picture. RefCLIPScore is its harmonic mean with `max(max_r cos(c, r), 0)`, `r` the
/// references. The paper takes both from CLIP ViT-B/32 with "A photo depicts " before each
/// caption; scores of other encoders do not compare with it.
///
/// # Shapes
///
/// - `pictures`, `captions`: `[n, d]`, a row for each item. Rows need no unit length.
/// - `references`: for each item its rows `[m, d]`; an empty list if there are none at all.
///
/// # Errors
///
/// - [`MetricError::NotPaired`] if the lists differ in length.
/// - [`MetricError::WidthMismatch`] if they lie in spaces of different width.
///
/// # Examples
///
/// ```
/// # use c3_metrics::{Features, clip_scores};
/// let pictures = Features::new(&[1.0, 0.0, 0.0, 2.0], 2)?;
/// let captions = Features::new(&[3.0, 4.0, 1.0, 0.0], 2)?;
/// let scores = clip_scores(&pictures, &captions, &[])?;
/// assert_eq!(scores.items, [1.5, 0.0]);
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn clip_scores(
    pictures: &Features<'_>,
    captions: &Features<'_>,
    references: &[Features<'_>],
) -> Result<ClipScores, MetricError> {
    pictures.same_width(captions)?;
    paired(pictures.len(), captions.len())?;
    let rows: Vec<_> = pictures.rows().zip(captions.rows()).collect();
    let items: Vec<f64> = rows
        .par_iter()
        .map(|(picture, caption)| WEIGHT * cosine(picture, caption).max(0.0))
        .collect();
    let ref_items = if references.is_empty() {
        Vec::new()
    } else {
        paired(captions.len(), references.len())?;
        with_references(&items, captions, references)?
    };
    Ok(ClipScores {
        clip_score: mean(&items),
        ref_clip_score: (!ref_items.is_empty()).then(|| mean(&ref_items)),
        items,
        ref_items,
    })
}

fn with_references(
    items: &[f64],
    captions: &Features<'_>,
    references: &[Features<'_>],
) -> Result<Vec<f64>, MetricError> {
    let each = items.iter().zip(captions.rows()).zip(references);
    each.map(|((&score, caption), references)| {
        captions.same_width(references)?;
        let cosines = references.rows().map(|row| cosine(caption, row));
        Ok(harmonic(score, cosines.fold(0.0, f64::max)))
    })
    .collect()
}

fn paired(left: usize, right: usize) -> Result<(), MetricError> {
    if left == right {
        Ok(())
    } else {
        Err(MetricError::NotPaired { left, right })
    }
}

/// The cosine of two rows; zero if one has no length.
fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let lengths = (dot(left, left) * dot(right, right)).sqrt();
    if lengths == 0.0 {
        0.0
    } else {
        dot(left, right) / lengths
    }
}

fn harmonic(a: f64, b: f64) -> f64 {
    if a + b == 0.0 {
        0.0
    } else {
        2.0 * a * b / (a + b)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_reference_counts() {
        let pictures = Features::new(&[1.0, 0.0], 2).unwrap();
        let captions = Features::new(&[1.0, 0.0], 2).unwrap();
        let references = [Features::new(&[0.0, 1.0, 3.0, 4.0, -1.0, 0.0], 2).unwrap()];
        let scores = clip_scores(&pictures, &captions, &references).unwrap();
        let expected = 2.0 * 2.5 * 0.6 / (2.5 + 0.6);
        assert!((scores.ref_clip_score.unwrap() - expected).abs() < 1e-7);
    }

    #[test]
    fn a_row_without_length_scores_nothing() {
        let pictures = Features::new(&[0.0, 0.0], 2).unwrap();
        let scores = clip_scores(&pictures, &pictures, &[pictures]).unwrap();
        assert_eq!((scores.clip_score, scores.ref_clip_score), (0.0, Some(0.0)));
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let (one, two) = ([1.0, 0.0], [1.0, 0.0, 0.0, 1.0]);
        let one = Features::new(&one, 2).unwrap();
        let wide = Features::new(&two, 4).unwrap();
        let two = Features::new(&two, 2).unwrap();
        let said = |a: &Features<'_>, b: &Features<'_>, c: &[Features<'_>]| {
            clip_scores(a, b, c).unwrap_err().to_string()
        };
        assert_eq!(
            said(&one, &two, &[]),
            "cannot compare scores of 1 and of 2 captions"
        );
        assert_eq!(
            said(&one, &wide, &[]),
            "cannot compare features of width 2 and 4"
        );
        assert_eq!(
            said(&two, &two, &[one]),
            "cannot compare scores of 2 and of 1 captions"
        );
        assert_eq!(
            said(&one, &one, &[wide]),
            "cannot compare features of width 2 and 4"
        );
    }
}
