//! Every statistic against numpy and scipy; `golden/statistics.py` made the numbers.
//!
//! What is drawn is in `drawn.rs`, ridge regression in `lines.rs`, gradients in `contrast.rs`.

use c3_geometry::{
    Comparison, Embeddings, Moments, PrincipalAxes, Side, Spectrum, Summary, SyntheticSettings,
    TableSettings, VerdictSettings, adjust_for_many, alignment_noise, caption_spread, gap_table,
    hubness, initial_gap, layer_dimensions, mate_cosine, mean_group_cosine, mean_pair_cosine,
    mean_unpaired_cosine, modality_gap, nearest, normality, one_sided_contrast, query_loss, recall,
    relative_noise, same_modality_share, separability, spectral_correlation, stable_margin,
    subspace_overlap, symmetric_contrast, verdict,
};
use ndarray::{Array2, s};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    dim: usize,
    x: Vec<f32>,
    y: Vec<f32>,
    mean_x: Vec<f64>,
    mean_y: Vec<f64>,
    covariance: Vec<f64>,
    noise_spectrum: Vec<f64>,
    noise_singular_values: Vec<f64>,
    noise_trace: f64,
    gap_length: f64,
    overlap: f64,
    spectral_correlation: f64,
    length_of_one: Moment,
    orthogonality_next: [Moment; 2],
    noise_mean: Moment,
    skewness: Vec<f64>,
    excess_kurtosis: Vec<f64>,
    normaltest: Vec<f64>,
    p_values: Vec<f64>,
    adjusted: Vec<f64>,
    pair_cosine: f64,
    unpaired_cosine: f64,
    table: Table,
    gammas: Vec<f64>,
    effective_dimensions: Vec<usize>,
    anisotropy: f64,
    debiased_gap_length: f64,
    sigma: f64,
    unit_gap: f64,
    mean_squared_length: f64,
    lengths: Vec<f64>,
    group_cosine: f64,
    mate_cosine: f64,
    verdict_cosine: f64,
    verdict_sigma: f64,
    spread_cosine: f64,
    spread_sigma: f64,
    nearest: Vec<usize>,
    recall: Vec<(usize, f64, f64)>,
    same_modality_share: f64,
    separability: f64,
    tau: f64,
    one_sided_loss: f64,
    symmetric_loss: f64,
    hubness: f64,
    query_loss: f64,
    stable_margin: f64,
    recall_of_owners: Vec<(usize, f64, f64)>,
    layers: Vec<f32>,
    layer_gammas: Vec<f64>,
    layer_dimensions: Vec<Vec<usize>>,
    initial_gaps: Vec<(usize, usize, usize, f64)>,
    axes: Vec<f64>,
    relative_noise: Vec<(f64, f64)>,
}

/// Rows of Table 1 that depend on the order of the pairs.
#[derive(Deserialize)]
struct Table {
    length: Moment,
    direction: Moment,
    noise_direction: Moment,
}

#[derive(Deserialize)]
struct Moment {
    mean: f64,
    std: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/statistics.json")).unwrap()
}

impl Golden {
    fn sides(&self) -> [Embeddings; 2] {
        [&self.x, &self.y].map(|values| Embeddings::new(values.clone(), self.dim).unwrap())
    }

    fn moments(&self) -> Moments {
        let [x, y] = self.sides();
        let mut moments = Moments::paired(self.dim);
        moments.add_pairs(&x, &y).unwrap();
        moments
    }

    /// Unit rows in f64, `[n, d]` each.
    fn units(&self) -> [Array2<f64>; 2] {
        self.sides().map(|side| {
            let unit = side.to_unit_length().unwrap().into_array();
            unit.mapv(f64::from)
        })
    }
}

/// Both sides compute in f64, so only the order of their sums and our grid may differ.
#[track_caller]
fn near(ours: f64, theirs: f64) {
    let apart = (ours - theirs).abs();
    assert!(
        apart <= 1e-10 * theirs.abs() + 1e-14,
        "{ours} is not {theirs}"
    );
}

#[track_caller]
fn all_near(ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).for_each(|(a, b)| near(*a, *b));
}

#[track_caller]
fn like(ours: &Summary, theirs: &Moment) {
    near(ours.mean(), theirs.mean);
    near(ours.std(), theirs.std);
}

#[test]
fn means_and_covariances() {
    let golden = golden();
    let moments = golden.moments();
    all_near(&moments.mean(Side::X).unwrap(), &golden.mean_x);
    all_near(&moments.mean(Side::Y).unwrap(), &golden.mean_y);
    let (d, width) = (golden.dim, 2 * golden.dim);
    let joint = Array2::from_shape_vec((width, width), golden.covariance.clone()).unwrap();
    let blocks = [
        (moments.covariance(Side::X), joint.slice(s![..d, ..d])),
        (moments.covariance(Side::Y), joint.slice(s![d.., d..])),
        (moments.cross_covariance(), joint.slice(s![..d, d..])),
    ];
    for (ours, theirs) in blocks {
        let ours: Vec<f64> = ours.unwrap().iter().copied().collect();
        // A covariance near zero is the small difference of large sums.
        let theirs: Vec<f64> = theirs.iter().copied().collect();
        assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(&theirs) {
            assert!((a - b).abs() < 1e-10, "{a} is not {b}");
        }
    }
}

#[test]
fn spectra_and_subspaces() {
    let golden = golden();
    let moments = golden.moments();
    let noise = alignment_noise(&moments).unwrap();
    all_near(noise.spectrum.values(), &golden.noise_spectrum);
    all_near(noise.spectrum.values(), &golden.noise_singular_values);
    near(noise.trace, golden.noise_trace);
    near(noise.gap_length, golden.gap_length);
    near(noise.debiased_gap_length, golden.debiased_gap_length);
    near(noise.sigma, golden.sigma);
    near(noise.spectrum.anisotropy(), golden.anisotropy);
    let dimensions = golden.gammas.iter();
    let dimensions = dimensions.map(|gamma| noise.spectrum.effective_dimension(*gamma));
    assert_eq!(dimensions.collect::<Vec<_>>(), golden.effective_dimensions);
    let [x, y] = [Side::X, Side::Y].map(|side| moments.covariance(side).unwrap());
    near(subspace_overlap(&x, &y, 2).unwrap(), golden.overlap);
    let (x, y) = (Spectrum::of(&x).unwrap(), Spectrum::of(&y).unwrap());
    near(
        spectral_correlation(&x, &y).unwrap(),
        golden.spectral_correlation,
    );
}

#[test]
fn table_one() {
    let golden = golden();
    let [x, y] = golden.sides();
    let settings = TableSettings {
        group: 1,
        comparison: Comparison::NextRow,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let table = gap_table(&x, &y, None, settings, &mut rng).unwrap();
    like(&table.length, &golden.length_of_one);
    like(&table.orthogonality[0], &golden.orthogonality_next[0]);
    like(&table.orthogonality[1], &golden.orthogonality_next[1]);
    like(&table.noise_mean, &golden.noise_mean);
}

/// Pairs are shuffled, so they come in such an order that the shuffle puts them straight.
#[test]
fn table_one_in_groups() {
    let golden = golden();
    let [x, y] = golden.sides();
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let mut back = vec![0; order.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(to, from)| back[*from] = to);
    let settings = TableSettings {
        group: 10,
        comparison: Comparison::DistinctItems,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let table = gap_table(&x.select(&back), &y.select(&back), None, settings, &mut rng).unwrap();
    like(&table.length, &golden.table.length);
    like(&table.direction, &golden.table.direction);
    like(&table.noise_direction, &golden.table.noise_direction);
    // Distinct items in this order are the next rows of the order.
    like(&table.orthogonality[0], &golden.orthogonality_next[0]);
    like(&table.orthogonality[1], &golden.orthogonality_next[1]);
}

#[test]
fn lengths_and_gaps() {
    let golden = golden();
    let [x, y] = golden.sides();
    all_near(&x.lengths(), &golden.lengths);
    near(x.mean_squared_length(), golden.mean_squared_length);
    let [x, y] = [x, y].map(|side| side.into_unit_length().unwrap());
    near(modality_gap(&x, &y).unwrap().distance, golden.unit_gap);
}

#[test]
fn the_verdict_and_the_spread_of_items() {
    let golden = golden();
    let [x, y] = golden.sides();
    let items: Vec<usize> = (0..x.len()).map(|row| row / 3).collect();
    near(mean_group_cosine(&y, &items).unwrap(), golden.group_cosine);
    near(mate_cosine(&x, &y, &items).unwrap(), golden.mate_cosine);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let found = verdict(&x, &y, None, VerdictSettings::default(), &mut rng).unwrap();
    near(found.cosine.estimate, golden.verdict_cosine);
    near(found.sigma.estimate, golden.verdict_sigma);
    near(found.gap, golden.unit_gap);
    let spread = caption_spread(&y, &items, 10, &mut rng).unwrap();
    near(spread.cosine.estimate, golden.spread_cosine);
    near(spread.sigma.estimate, golden.spread_sigma);
}

#[test]
fn neighbours_and_cuts() {
    let golden = golden();
    let [x, y] = golden.sides();
    assert_eq!(nearest(&x, &y).unwrap(), golden.nearest);
    let own: Vec<usize> = (0..x.len()).collect();
    let found = recall(&x, &y, &own, &[1, 5, 10]).unwrap();
    let found = found
        .iter()
        .map(|at| (at.k, at.owner_to_item, at.item_to_owner));
    assert_eq!(found.collect::<Vec<_>>(), golden.recall);
    near(
        same_modality_share(&x, &y).unwrap(),
        golden.same_modality_share,
    );
    near(separability(&x, &y).unwrap(), golden.separability);
}

#[test]
fn owners_of_several_items_find_any_of_them() {
    let golden = golden();
    let [x, y] = golden.sides();
    let owner_of: Vec<usize> = (0..y.len()).map(|row| row / 3).collect();
    let first: Vec<usize> = (0..y.len() / 3).collect();
    let found = recall(&x.select(&first), &y, &owner_of, &[1, 5, 10]).unwrap();
    let found = found
        .iter()
        .map(|at| (at.k, at.owner_to_item, at.item_to_owner));
    assert_eq!(found.collect::<Vec<_>>(), golden.recall_of_owners);
}

/// A direction has no sign of its own: its largest part counts as positive.
#[test]
fn principal_axes() {
    let golden = golden();
    let covariance = golden.moments().residual_covariance().unwrap();
    let axes = PrincipalAxes::of(&covariance).unwrap();
    all_near(axes.spectrum.values(), &golden.noise_spectrum);
    let mut directions = axes.directions;
    for mut row in directions.outer_iter_mut() {
        let largest = |most: f64, value: &f64| {
            if value.abs() > most.abs() {
                *value
            } else {
                most
            }
        };
        let sign = row.iter().fold(0.0, largest).signum();
        row *= sign;
    }
    let directions: Vec<f64> = directions.iter().copied().collect();
    assert_eq!(directions.len(), golden.axes.len());
    // A small part of a direction has the absolute error of the large ones.
    for (ours, theirs) in directions.iter().zip(&golden.axes) {
        assert!((ours - theirs).abs() < 1e-10, "{ours} is not {theirs}");
    }
}

#[test]
fn depth_and_gaps_before_training() {
    let golden = golden();
    let d = golden.dim;
    let layers = golden.layers.chunks(d * d);
    let layers: Vec<Array2<f32>> = layers
        .map(|layer| Array2::from_shape_vec((d, d), layer.to_vec()).unwrap())
        .collect();
    assert_eq!(golden.layer_gammas.len(), golden.layer_dimensions.len());
    for (gamma, expected) in golden.layer_gammas.iter().zip(&golden.layer_dimensions) {
        let [x, _] = golden.sides();
        let found = layer_dimensions(x.into_array(), layers.clone(), *gamma);
        assert_eq!(&found.unwrap(), expected);
    }
    for (dim, d_x, d_y, gap) in golden.initial_gaps {
        let settings = SyntheticSettings {
            dim,
            d_x,
            d_y,
            ..SyntheticSettings::default()
        };
        near(initial_gap(&settings), gap);
    }
    for (cosine, noise) in golden.relative_noise {
        near(relative_noise(cosine), noise);
    }
}

#[test]
fn normality_of_the_residual() {
    let golden = golden();
    let [x, y] = golden.units();
    let difference = x - y;
    let found: Vec<_> = difference
        .columns()
        .into_iter()
        .map(|column| normality(&column.to_vec()).unwrap())
        .collect();
    let of =
        |part: fn(&c3_geometry::Normality) -> f64| -> Vec<f64> { found.iter().map(part).collect() };
    all_near(&of(|found| found.skewness), &golden.skewness);
    all_near(&of(|found| found.excess_kurtosis), &golden.excess_kurtosis);
    all_near(&of(|found| found.statistic), &golden.normaltest);
    all_near(&of(|found| found.p_value), &golden.p_values);
    all_near(
        &adjust_for_many(&of(|found| found.p_value)),
        &golden.adjusted,
    );
}

#[test]
fn cosines_losses_and_hubs() {
    let golden = golden();
    let [x, y] = golden.sides();
    near(mean_pair_cosine(&x, &y).unwrap(), golden.pair_cosine);
    near(
        mean_unpaired_cosine(&x, &y).unwrap(),
        golden.unpaired_cosine,
    );
    near(hubness(&x, &y, 3).unwrap(), golden.hubness);
    let [x, y] = golden.units();
    let loss = |contrast: c3_geometry::Contrast| contrast.loss;
    let one_sided = one_sided_contrast(&x, &y, golden.tau).map(loss);
    near(one_sided.unwrap(), golden.one_sided_loss);
    let symmetric = symmetric_contrast(&x, &y, golden.tau).map(loss);
    near(symmetric.unwrap(), golden.symmetric_loss);
    let scores: Vec<f64> = y.outer_iter().map(|row| row.dot(&x.row(0))).collect();
    let negatives = &scores[1..];
    let query = query_loss(scores[0], negatives, golden.tau);
    near(query.unwrap(), golden.query_loss);
    let margin = stable_margin(negatives, golden.tau, 0.1);
    near(margin.unwrap(), golden.stable_margin);
}
