//! Both modalities on paper: along the gap, and along their widest other direction.

use c3_geometry::{Embeddings, modality_gap};

use crate::report::page::{Cloud, Projection};

/// Points drawn of each modality.
const POINTS: usize = 400;
/// Rounds of the power method; the picture needs no more digits.
const ROUNDS: usize = 30;

/// Projects both modalities, as they are and with their own means subtracted.
pub(crate) fn project(
    images: &Embeddings,
    texts: &Embeddings,
    centred: [&Embeddings; 2],
    names: [&'static str; 2],
) -> anyhow::Result<Projection> {
    let along = unit(modality_gap(images, texts)?.vector);
    let across = widest(centred[1], &along);
    let cloud = |images: &Embeddings, texts: &Embeddings| Cloud {
        images: points(images, &along, &across),
        texts: points(texts, &along, &across),
    };
    Ok(Projection {
        names,
        axes: [
            "along the gap".to_owned(),
            format!("widest other direction of the {}", names[1]),
        ],
        before: cloud(images, texts),
        after: cloud(centred[0], centred[1]),
    })
}

/// The direction of the largest variance that is orthogonal to `along`, by the power method.
fn widest(batch: &Embeddings, along: &[f64]) -> Vec<f64> {
    let mut direction = unit((0..along.len()).map(|at| 1.0 + (at % 7) as f64).collect());
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; along.len()];
        for row in batch.rows() {
            let weight = dot(row, &direction);
            next.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += weight * f64::from(*value));
        }
        let overlap: f64 = next.iter().zip(along).map(|(a, b)| a * b).sum();
        next.iter_mut()
            .zip(along)
            .for_each(|(value, along)| *value -= overlap * along);
        direction = unit(next);
    }
    direction
}

fn points(batch: &Embeddings, along: &[f64], across: &[f64]) -> Vec<[f32; 2]> {
    let step = batch.len().div_ceil(POINTS).max(1);
    let rows = batch.rows().step_by(step);
    rows.map(|row| [dot(row, along) as f32, dot(row, across) as f32])
        .collect()
}

fn dot(row: &[f32], direction: &[f64]) -> f64 {
    row.iter()
        .zip(direction)
        .map(|(a, b)| f64::from(*a) * b)
        .sum()
}

/// The direction of a vector; a vector of length zero stays.
fn unit(vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length == 0.0 {
        vector
    } else {
        vector.iter().map(|value| value / length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_lies_along_the_first_axis_and_is_gone_after_collapse() {
        let images = Embeddings::new(vec![2.0, 1.0, 0.0, 2.0, -1.0, 0.0], 3).unwrap();
        let texts = Embeddings::new(vec![0.0, 3.0, 0.0, 0.0, -3.0, 0.0], 3).unwrap();
        let centred = Embeddings::new(vec![0.0, 1.0, 0.0, 0.0, -1.0, 0.0], 3).unwrap();
        let names = ["images", "texts"];
        let drawn = project(&images, &texts, [&centred, &texts], names).unwrap();
        assert_eq!(drawn.before.images[0][0], 2.0);
        assert_eq!(drawn.after.images[0][0], 0.0);
        assert!(
            (drawn.before.texts[0][1].abs() - 3.0).abs() < 1e-6,
            "{:?}",
            drawn.before.texts
        );
    }
}
