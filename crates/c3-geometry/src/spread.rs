//! How strong Corrupt must be at least, by captions alone: no picture is looked at.

use rand::Rng;

use crate::gap::at_least;
use crate::verdict::{Pair, bootstrap, centre_by_halves, dot, members};
use crate::{Embeddings, GeometryError, Interval};

/// How far several captions of one item stand apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaptionSpread {
    /// Items with at least two captions.
    pub items: usize,
    /// Mean cosine of two captions of one item, each minus the mean caption.
    pub cosine: Interval,
    /// The noise per dimension that leaves a caption as far from its clean self:
    /// `sqrt((1 / cosine^2 - 1) E|y|^2 / d)`, a lower bound of the verdict's.
    pub sigma: Interval,
}

/// Bounds the noise of Corrupt from below by the spread of several captions of one item.
///
/// Two captions of a picture differ in what people chose to say. A picture differs from its
/// caption in that too, and in what nobody said; so its cosine with a caption is lower than
/// that of two captions, and the noise that stands in for it is stronger. (If `y_k = s + e_k`
/// and `x = s + n` with independent parts, `cos(x, y) < cos(y_1, y_2)` exactly where
/// `E|n|^2 > E|e|^2`.) The spread of captions is the noise of the rule `caption_spread` of the
/// recipes, and what `CapDec` (Nukrai et al. 2022, arXiv:2211.00575) takes for the whole noise.
///
/// Rows are brought to unit length, and the mean of one half of the items is subtracted in the
/// other, both ways. Every item counts once; items are resampled for the intervals.
///
/// # Shapes
///
/// - `texts`: `[n, d]`; `items`: `[n]`, the item of each row.
///
/// # Errors
///
/// [`GeometryError::Unpaired`] if a row has no item, [`GeometryError::ZeroRow`],
/// [`GeometryError::TooFewRows`] below four items, without two items of several captions, or
/// without resamples.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Embeddings, caption_spread};
/// # use rand::SeedableRng;
/// let captions = vec![
///     2.0, 0.1, 2.0, -0.1, 0.2, 2.0, -0.1, 2.0, -2.0, 0.0, -2.0, 0.3, 0.0, -2.0, 0.1, -2.0,
/// ];
/// let captions = Embeddings::new(captions, 2)?; // two of each of four items
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let spread = caption_spread(&captions, &[0, 0, 1, 1, 2, 2, 3, 3], 100, &mut rng)?;
/// assert!(spread.cosine.estimate > 0.9 && spread.sigma.estimate < 0.5);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn caption_spread(
    texts: &Embeddings,
    items: &[usize],
    resamples: usize,
    rng: &mut impl Rng,
) -> Result<CaptionSpread, GeometryError> {
    let members = members(texts.len(), Some(items))?;
    at_least(4, members.len())?;
    at_least(1, resamples)?;
    let centred = centre_by_halves(&texts.to_unit_length()?, &members)?;
    let several = members.iter().filter(|rows| rows.len() > 1);
    let pairs: Vec<Pair> = several.map(|rows| mates(&centred, rows)).collect();
    at_least(2, pairs.len())?;
    let (cosine, sigma) = bootstrap(&pairs, texts.dim(), resamples, rng);
    Ok(CaptionSpread {
        items: pairs.len(),
        cosine,
        sigma,
    })
}

/// Mean cosine of any two of some rows, and their mean squared length.
fn mates(batch: &Embeddings, rows: &[usize]) -> Pair {
    let m = rows.len() as f64;
    let mut sum = vec![0.0; batch.dim()];
    let (mut squares, mut directed) = (0.0, 0.0);
    for row in rows {
        let square = dot(batch.row(*row), batch.row(*row));
        squares += square;
        if square == 0.0 {
            continue; // on the mean: it says nothing of its mates
        }
        directed += 1.0;
        let length = square.sqrt();
        sum.iter_mut()
            .zip(batch.row(*row))
            .for_each(|(sum, value)| *sum += f64::from(*value) / length);
    }
    // Of |sum u|^2 the unit rows themselves are m, and every pair is counted twice.
    let total: f64 = sum.iter().map(|value| value * value).sum();
    Pair {
        cosine: (total - directed) / (m * (m - 1.0)),
        squared_length: squares / m,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::{VerdictSettings, mean_pair_cosine, verdict};

    const D: usize = 24;

    /// Pictures with three captions each: a shared signal, and noise of both.
    fn space(of_picture: f32, of_caption: f32, seed: u64) -> ([Embeddings; 2], Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
        let (mut x, mut y, mut items) = (Vec::new(), Vec::new(), Vec::new());
        for item in 0..300 {
            let signal: Vec<f32> = (0..D).map(|_| draw()).collect();
            let picture: Vec<f32> = signal.iter().map(|s| s + of_picture * draw()).collect();
            for _ in 0..3 {
                x.extend(&picture);
                y.extend(signal.iter().map(|s| s + of_caption * draw()));
                items.push(item);
            }
        }
        (
            [x, y].map(|values| Embeddings::new(values, D).unwrap()),
            items,
        )
    }

    #[test]
    fn the_bound_lies_below_the_noise_of_pairs_where_pictures_differ_by_more() {
        for seed in 0..20 {
            let ([x, y], items) = space(1.0, 0.5, seed);
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let bound = caption_spread(&y, &items, 200, &mut rng).unwrap();
            let settings = VerdictSettings::default();
            let judged = verdict(&x, &y, Some(&items), settings, &mut rng).unwrap();
            assert!(bound.sigma.high < judged.sigma.low, "{bound:?} {judged:?}");
        }
    }

    #[test]
    fn the_cosine_is_that_of_the_planted_noise() {
        let ([_, y], items) = space(1.0, 0.5, 7);
        let spread = caption_spread(&y, &items, 200, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        // cos = 1 / (1 + 0.25), a little less in 24 dimensions for its own scatter.
        assert!((spread.cosine.estimate - 0.8).abs() < 0.01, "{spread:?}");
        assert!(spread.cosine.low < 0.8 && spread.items == 300);
        // Noise of that sigma on a unit row of length 1 leaves the same cosine.
        let kept = 1.0 / (1.0 + D as f64 * spread.sigma.estimate.powi(2)).sqrt();
        assert!((kept - spread.cosine.estimate).abs() < 0.005, "{kept}");
    }

    #[test]
    fn two_captions_have_the_cosine_of_the_pair() {
        let batch = Embeddings::new(vec![1.0, 0.2, 0.6, 0.8, 0.3, -0.4], 2).unwrap();
        let pair = mates(&batch, &[0, 2]);
        let expected = mean_pair_cosine(&batch.select(&[0]), &batch.select(&[2])).unwrap();
        assert!((pair.cosine - expected).abs() < 1e-7);
        let all = mates(&batch, &[0, 1, 2]);
        let of = |a, b| mates(&batch, &[a, b]).cosine;
        let expected = (of(0, 1) + of(0, 2) + of(1, 2)) / 3.0;
        assert!((all.cosine - expected).abs() < 1e-12);
    }

    #[test]
    fn single_captions_bound_nothing() {
        let ([_, y], _) = space(1.0, 0.5, 7);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let own: Vec<usize> = (0..y.len()).collect();
        assert!(caption_spread(&y, &own, 10, &mut rng).is_err());
        assert!(caption_spread(&y, &[0, 0], 10, &mut rng).is_err());
    }
}
