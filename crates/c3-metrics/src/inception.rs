//! The Inception Score: pictures of one class each, and of many classes together.

use crate::{MetricError, features::Features, kernel_distance::Spread};

/// Scores generated pictures by the logits that a classifier gives them.
///
/// `exp(mean_x KL(p(y|x) || p(y)))` of each of `parts` consecutive parts
/// (Salimans et al. 2016, arXiv:1606.03498), 1 to the number of classes; mean and standard
/// deviation over the parts. Papers take the 1,008 logits of Inception v3 and 10 parts.
///
/// # Shapes
///
/// - `logits`: `[n, classes]`.
///
/// # Errors
///
/// [`MetricError::FewForParts`] if there is no part, or a part has no row.
///
/// # Examples
///
/// ```
/// # use c3_metrics::{Features, inception_score};
/// let sure = Features::new(&[99.0, 0.0, 0.0, 99.0], 2)?;
/// assert!((inception_score(&sure, 1)?.mean - 2.0).abs() < 1e-9);
/// # Ok::<_, c3_metrics::MetricError>(())
/// ```
pub fn inception_score(logits: &Features<'_>, parts: usize) -> Result<Spread, MetricError> {
    let rows = logits.len();
    if parts == 0 || parts > rows {
        return Err(MetricError::FewForParts { rows, parts });
    }
    let probabilities: Vec<Vec<f64>> = logits.rows().map(softmax).collect();
    let part = |part: usize| &probabilities[part * rows / parts..(part + 1) * rows / parts];
    let scores: Vec<f64> = (0..parts).map(|at| score(part(at))).collect();
    Ok(Spread::of(&scores))
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits
        .iter()
        .map(|&logit| (f64::from(logit) - f64::from(highest)).exp());
    let powers: Vec<f64> = powers.collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

fn score(probabilities: &[Vec<f64>]) -> f64 {
    let n = probabilities.len() as f64;
    let mut mean = vec![0.0; probabilities[0].len()];
    for row in probabilities {
        for (sum, p) in mean.iter_mut().zip(row) {
            *sum += p / n;
        }
    }
    let divergence = |row: &Vec<f64>| -> f64 {
        let pairs = row.iter().zip(&mean).filter(|&(&p, _)| p > 0.0);
        pairs.map(|(p, q)| p * (p / q).ln()).sum()
    };
    let divergences: f64 = probabilities.iter().map(divergence).sum();
    (divergences / n).exp()
}
