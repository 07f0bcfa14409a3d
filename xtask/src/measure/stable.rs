//! Figure 5: the margin that pairs need and the loss they have, by temperature.

use c3_geometry::{Embeddings, query_loss, stable_margin};

use super::charts::{Chart, Series, Style};
use super::survey::median;

/// Loss below which a pair counts as learned, in nats.
const DELTA: f64 = 0.1;
/// Rows that are looked at, at even distances.
const QUERIES: usize = 200;
/// Temperatures, from `10^-2.5` in steps of a twelfth of the logarithm.
const TEMPERATURES: i32 = 25;
/// The temperature of the paper's experiments.
const PAPER_TEMPERATURE: f64 = 0.07;

/// A row's cosine with its partner, and with all others.
struct Query {
    positive: f64,
    negatives: Vec<f64>,
}

impl Query {
    /// The margin by which the partner is nearer than any other.
    fn margin(&self) -> f64 {
        let hardest = self.negatives.iter().copied();
        self.positive - hardest.fold(f64::NEG_INFINITY, f64::max)
    }
}

/// The stable region of Lemma 2, and the loss itself.
pub(super) fn region(x: &Embeddings, y: &Embeddings) -> anyhow::Result<Vec<Chart>> {
    let queries = queries(x, y)?;
    if queries.is_empty() {
        return Ok(Vec::new()); // all rows of one modality are the same
    }
    let margin = median(queries.iter().map(Query::margin));
    let (mut needed, mut losses) = (Vec::new(), Vec::new());
    for at in 0..TEMPERATURES {
        let power = -2.5 + f64::from(at) / 12.0;
        let temperature = 10_f64.powf(power);
        let (mut thresholds, mut found) = (Vec::new(), Vec::new());
        for Query {
            positive,
            negatives,
        } in &queries
        {
            thresholds.push(stable_margin(negatives, temperature, DELTA)?);
            found.push(query_loss(*positive, negatives, temperature)?);
        }
        needed.push([power, median(thresholds.into_iter())]);
        losses.push([power, median(found.into_iter())]);
    }
    let ends = [needed[0][0], needed[needed.len() - 1][0]];
    let level = |value: f64| ends.map(|end| [end, value]).to_vec();
    Ok(vec![
        chart(
            "stable-region",
            &format!("Margin that keeps a loss of {DELTA} nats"),
            "margin",
            [
                ("needed (Lemma 2)", needed),
                ("median of the pairs", level(margin)),
            ],
        ),
        chart(
            "loss-by-temperature",
            "Loss of the pairs as they are",
            "median loss, nats",
            [("one-sided loss", losses), ("learned", level(DELTA))],
        ),
    ])
}

fn queries(x: &Embeddings, y: &Embeddings) -> anyhow::Result<Vec<Query>> {
    let (x, y) = (x.to_unit_length()?, y.to_unit_length()?);
    let n = QUERIES.min(x.len());
    let of = |query: usize| {
        let at = query * x.len() / n;
        let cosines = y.view().dot(&x.view().row(at)).mapv(f64::from);
        // Other captions of the same image are no negatives.
        let others = cosines
            .indexed_iter()
            .filter(|(row, _)| x.row(*row) != x.row(at));
        Query {
            positive: cosines[at],
            negatives: others.map(|(_, cosine)| *cosine).collect(),
        }
    };
    Ok((0..n)
        .map(of)
        .filter(|query| !query.negatives.is_empty())
        .collect())
}

/// What is found, and beside it what it is held against.
fn chart(name: &str, heading: &str, up: &str, parts: [(&str, Vec<[f64; 2]>); 2]) -> Chart {
    let styles = [Style::First, Style::Null];
    let series = parts.into_iter().zip(styles);
    Chart {
        name: name.to_owned(),
        heading: heading.to_owned(),
        across: "log\u{2081}\u{2080} of the temperature".to_owned(),
        up: up.to_owned(),
        series: series
            .map(|((name, points), style)| Series {
                name: name.to_owned(),
                style,
                points,
            })
            .collect(),
        marks: vec![(PAPER_TEMPERATURE.log10(), "0.07".to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    #[test]
    fn where_pairs_have_the_margin_that_is_needed_they_have_the_loss() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let normal: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(640).collect();
        let moved = normal.iter().enumerate();
        let moved = moved.map(|(at, value)| value + 0.5 * (at as f32 * 1.7).sin());
        let y = Embeddings::new(moved.collect(), 16).unwrap();
        let x = Embeddings::new(normal, 16).unwrap();
        let charts = region(&x, &y).unwrap();
        let (margins, losses) = (&charts[0], &charts[1]);
        let own = margins.series[1].points[0][1];
        let learned = |at: usize| losses.series[0].points[at][1] < DELTA;
        let stable = |at: usize| margins.series[0].points[at][1] < own;
        let agree = (0..25).filter(|at| learned(*at) == stable(*at)).count();
        // Medians of different things, so they may part at the edge.
        assert!(agree >= 22, "{agree}");
        assert!(stable(0) && !stable(24));
    }

    #[test]
    fn other_captions_of_an_image_are_no_negatives() {
        let x = Embeddings::new(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], 2).unwrap();
        let found = queries(&x, &x).unwrap();
        assert_eq!(found[0].negatives, [0.0]);
        assert_eq!(found[2].negatives, [0.0, 0.0]);
        let same = Embeddings::new(vec![1.0; 6], 2).unwrap();
        assert!(region(&same, &x).unwrap().is_empty());
    }
}
