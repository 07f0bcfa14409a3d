//! Table 1 of the paper: is the gap one constant vector, orthogonal to what varies?

use rand::Rng;
use rand::seq::SliceRandom;

use crate::gap::{at_least, same_width};
use crate::{Embeddings, GeometryError};

/// Pairs averaged in one group, in the paper.
pub const PAPER_GROUP: usize = 100;

/// Which rows are compared with each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Comparison {
    /// Shuffled rows of different items.
    #[default]
    DistinctItems,
    /// For orthogonality, each row with the next one of the file, though both may be of one
    /// item (trap D14): as the original, whose spread comes out too small where items repeat.
    NextRow,
}

/// How Table 1 is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSettings {
    /// Pairs averaged in one group; rows that fill no group are left out.
    pub group: usize,
    /// Which rows are compared.
    pub comparison: Comparison,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            group: PAPER_GROUP,
            comparison: Comparison::default(),
        }
    }
}

/// A quantity over its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The samples, for a histogram.
    pub values: Vec<f64>,
}

impl Summary {
    /// Mean of the samples; NaN without any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Standard deviation of the samples, divided by their number, as `numpy.std`.
    #[must_use]
    pub fn std(&self) -> f64 {
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / self.values.len() as f64).sqrt()
    }
}

/// Table 1 of Zhang et al. 2024 (arXiv:2401.08567), each row with all its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct GapTable {
    /// Length of the mean difference of a group.
    pub length: Summary,
    /// Cosine of the mean differences of two groups, next to each other after the shuffle.
    pub direction: Summary,
    /// Cosine of the gap with the difference of two items of `x`, and then of `y`.
    pub orthogonality: [Summary; 2],
    /// Mean of the residual in each dimension; zero by construction.
    pub noise_mean: Summary,
    /// Cosine of the residuals of two pairs.
    pub noise_direction: Summary,
}

/// Takes Table 1: length and direction of the gap, orthogonality, and the noise around it.
///
/// With `g_i = u(x_i) - u(y_i)`, `g` its mean and `u` unit length: lengths and cosines of
/// means of `g_i` over groups; `cos(u(x_i) - u(x_j), g)`; means and cosines of `g_i - g`.
///
/// # Shapes
///
/// - `x`, `y`: `[n, d]`, row `i` matched with row `i`; lengths are free.
/// - `items`: `[n]`, the item of each row, so that no item is compared with itself; without it
///   every row is an item of its own.
///
/// # Errors
///
/// [`GeometryError::WidthMismatch`], [`GeometryError::Unpaired`], [`GeometryError::ZeroRow`],
/// [`GeometryError::TooFewRows`] if two groups are not filled or there is only one item.
///
/// # Examples
///
/// ```
/// # use c3_geometry::{Comparison, Embeddings, TableSettings, gap_table};
/// # use rand::SeedableRng;
/// let x = Embeddings::new(vec![0.6, 0.8, 0.6, -0.8, 0.6, 0.8, 0.6, -0.8], 2)?;
/// let y = Embeddings::new(vec![-0.6, 0.8, -0.6, -0.8, -0.6, 0.8, -0.6, -0.8], 2)?;
/// let settings = TableSettings { group: 2, comparison: Comparison::NextRow };
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let table = gap_table(&x, &y, None, settings, &mut rng)?;
/// assert!((table.length.mean() - 1.2).abs() < 1e-6); // every pair differs by (1.2, 0)
/// assert!(table.orthogonality[0].mean().abs() < 1e-6);
/// # Ok::<_, c3_geometry::GeometryError>(())
/// ```
pub fn gap_table(
    x: &Embeddings,
    y: &Embeddings,
    items: Option<&[usize]>,
    settings: TableSettings,
    rng: &mut impl Rng,
) -> Result<GapTable, GeometryError> {
    let (unit_x, unit_y) = unit_pairs(x, y)?;
    let n = unit_x.len();
    if let Some(items) = items.filter(|items| items.len() != n) {
        let (left, right) = (n, items.len());
        return Err(GeometryError::Unpaired { left, right });
    }
    at_least(settings.group.max(1).saturating_mul(2), n)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    let difference = |row: usize| apart(unit_x.row(row), unit_y.row(row));
    let gap = mean((0..n).map(difference), unit_x.dim());
    let groups: Vec<Vec<f64>> = order
        .chunks_exact(settings.group.max(1))
        .map(|rows| mean(rows.iter().map(|row| difference(*row)), unit_x.dim()))
        .collect();
    let is_same = |a: usize, b: usize| items.is_some_and(|items| items[a] == items[b]);
    let neighbours = distinct(&order, is_same);
    if neighbours.is_empty() {
        let (needed, found) = (2, 1); // items
        return Err(GeometryError::TooFewRows { needed, found });
    }
    let compared: Vec<(usize, usize)> = match settings.comparison {
        Comparison::DistinctItems => neighbours.clone(),
        Comparison::NextRow => (1..n).map(|row| (row - 1, row)).collect(),
    };
    let along = |batch: &Embeddings| Summary {
        values: compared
            .iter()
            .map(|(a, b)| cosine(&apart(batch.row(*a), batch.row(*b)), &gap))
            .collect(),
    };
    let residual = |row: usize| minus(&difference(row), &gap);
    Ok(GapTable {
        length: Summary {
            values: groups.iter().map(|group| length(group)).collect(),
        },
        direction: Summary {
            values: groups
                .windows(2)
                .map(|pair| cosine(&pair[0], &pair[1]))
                .collect(),
        },
        orthogonality: [along(&unit_x), along(&unit_y)],
        noise_mean: Summary {
            values: mean((0..n).map(residual), unit_x.dim()),
        },
        noise_direction: Summary {
            values: neighbours
                .iter()
                .map(|(a, b)| cosine(&residual(*a), &residual(*b)))
                .collect(),
        },
    })
}

/// Both modalities at unit length, if they are paired.
pub(crate) fn unit_pairs(
    x: &Embeddings,
    y: &Embeddings,
) -> Result<(Embeddings, Embeddings), GeometryError> {
    same_width(x, y)?;
    let (left, right) = (x.len(), y.len());
    if left != right {
        return Err(GeometryError::Unpaired { left, right });
    }
    Ok((x.to_unit_length()?, y.to_unit_length()?))
}

/// Rows next to each other in `order` that belong to different items.
fn distinct(order: &[usize], is_same: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    order
        .windows(2)
        .map(|pair| (pair[0], pair[1]))
        .filter(|(a, b)| !is_same(*a, *b))
        .collect()
}

pub(crate) fn apart(a: &[f32], b: &[f32]) -> Vec<f64> {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) - f64::from(*b))
        .collect()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn mean(rows: impl Iterator<Item = Vec<f64>>, dim: usize) -> Vec<f64> {
    let (mut sum, mut n) = (vec![0.0; dim], 0.0);
    for row in rows {
        sum.iter_mut()
            .zip(&row)
            .for_each(|(total, value)| *total += value);
        n += 1.0;
    }
    sum.iter().map(|total| total / n).collect()
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Zero if one of the vectors has no direction, as where an item is compared with itself.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let lengths = length(a) * length(b);
    if lengths == 0.0 {
        return 0.0;
    }
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / lengths
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Ten items of two identical rows in `x` and two different ones in `y`.
    fn repeated() -> (Embeddings, Embeddings, Vec<usize>) {
        let wave = |at: usize| [(at as f32).sin(), (at as f32).cos(), 0.5];
        let x = (0..20).flat_map(|row| wave(row / 2)).collect();
        let y = (0..20).flat_map(|row| wave(row + 50)).collect();
        let items = (0..20).map(|row| row / 2).collect();
        let new = |values| Embeddings::new(values, 3).unwrap();
        (new(x), new(y), items)
    }

    #[test]
    fn the_original_compares_items_with_themselves() {
        let (x, y, items) = repeated();
        let table = |comparison| {
            let settings = TableSettings {
                group: 5,
                comparison,
            };
            let mut rng = ChaCha8Rng::seed_from_u64(2);
            gap_table(&x, &y, Some(&items), settings, &mut rng).unwrap()
        };
        let zeros = |table: &GapTable| {
            table.orthogonality[0]
                .values
                .iter()
                .filter(|v| **v == 0.0)
                .count()
        };
        assert_eq!(zeros(&table(Comparison::NextRow)), 10);
        assert_eq!(zeros(&table(Comparison::DistinctItems)), 0);
    }

    #[test]
    fn rows_that_fill_no_group_are_left_out_and_one_group_is_refused() {
        let (x, y, _) = repeated();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut of = |group| {
            let settings = TableSettings {
                group,
                ..TableSettings::default()
            };
            gap_table(&x, &y, None, settings, &mut rng)
        };
        let table = of(6).unwrap();
        assert_eq!(table.length.values.len(), 3);
        assert_eq!(table.direction.values.len(), 2);
        assert!(matches!(
            of(11),
            Err(GeometryError::TooFewRows { needed: 22, .. })
        ));
    }

    #[test]
    fn one_item_cannot_be_compared() {
        let (x, y, _) = repeated();
        let settings = TableSettings {
            group: 5,
            ..TableSettings::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        assert!(gap_table(&x, &y, Some(&[7; 20]), settings, &mut rng).is_err());
    }
}
