//! Planted geometry: what was put into a space is found again, within its sampling error.

use c3_geometry::{
    Embeddings, Moments, Outcome, Side, Spectrum, VerdictSettings, alignment_noise, isotropic_null,
    modality_gap, verdict,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const ROWS: usize = 400;
const DIM: usize = 24;
/// Dimensions that pairs share; the gap lies in the last one, orthogonal to them.
const SPAN: usize = 6;
const GAP: f64 = 0.8;
const SIGMA: f64 = 0.05;
const SEEDS: u64 = 100;

/// Pairs `x - y = c + noise`, with the standard deviation of the noise given per dimension.
fn planted(seed: u64, sigma: impl Fn(usize) -> f64) -> [Embeddings; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..ROWS {
        for j in 0..DIM {
            let shared = if j < SPAN { 0.3 * draw() } else { 0.0 };
            let offset = if j + 1 == DIM { GAP / 2.0 } else { 0.0 };
            // Half of the noise lies on either side.
            let noise = sigma(j) * std::f64::consts::FRAC_1_SQRT_2;
            x.push((shared + offset + noise * draw()) as f32);
            y.push((shared - offset + noise * draw()) as f32);
        }
    }
    [x, y].map(|values| Embeddings::new(values, DIM).unwrap())
}

fn moments([x, y]: &[Embeddings; 2]) -> Moments {
    let mut moments = Moments::paired(DIM);
    moments.add_pairs(x, y).unwrap();
    moments
}

/// The mean of many estimates, in standard errors from the truth.
fn errors_apart(estimates: &[f64], truth: f64) -> f64 {
    let n = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / n;
    let variance = estimates.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean - truth) / (variance / n).sqrt()
}

#[test]
fn gap_and_noise_are_found_over_a_hundred_seeds() {
    found_again(|_| SIGMA);
}

#[test]
fn anisotropic_noise_is_found_as_well() {
    found_again(|j| SIGMA * (0.5 + 2.0 * j as f64 / DIM as f64));
}

/// Every estimate lies within its standard error, and their mean within that of a hundred.
fn found_again(sigma: fn(usize) -> f64) {
    let variances: Vec<f64> = (0..DIM).map(|j| sigma(j).powi(2)).collect();
    let n = ROWS as f64;
    let trace: f64 = variances.iter().sum();
    let (mut gaps, mut traces) = (Vec::new(), Vec::new());
    for seed in 0..SEEDS {
        let noise = alignment_noise(&moments(&planted(seed, sigma))).unwrap();
        // Along the gap |c| errs by sigma / sqrt(n); a variance, by sqrt(2 / n) of itself.
        let error = sigma(DIM - 1) / n.sqrt();
        assert!((noise.debiased_gap_length - GAP).abs() < 5.0 * error);
        let error = (2.0 / n * variances.iter().map(|v| v * v).sum::<f64>()).sqrt();
        assert!((noise.trace - trace).abs() < 5.0 * error);
        assert!((noise.sigma - (trace / DIM as f64).sqrt()).abs() < 5.0 * error / trace.sqrt());
        for (found, planted) in noise.covariance.diag().iter().zip(&variances) {
            assert!((found - planted).abs() < 6.0 * planted * (2.0 / n).sqrt());
        }
        gaps.push(noise.debiased_gap_length);
        traces.push(noise.trace);
    }
    // Unbiased: the mean of a hundred lies within four standard errors.
    assert!(errors_apart(&gaps, GAP).abs() < 4.0);
    assert!(errors_apart(&traces, trace).abs() < 4.0);
}

#[test]
fn isotropic_noise_passes_and_anisotropic_noise_does_not() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let null = isotropic_null(ROWS as u64, DIM, 400, &mut rng).unwrap();
    let limit = null[389]; // 97.5 %
    let over = |sigma: fn(usize) -> f64| {
        let above = (0..SEEDS).filter(|seed| {
            let noise = alignment_noise(&moments(&planted(*seed, sigma))).unwrap();
            noise.spectrum.anisotropy() > limit
        });
        above.count()
    };
    // 2.5 of a hundred by chance; nine or more have a chance of one in a thousand.
    assert!(over(|_| SIGMA) < 9);
    assert_eq!(over(|j| if j == 3 { 2.0 * SIGMA } else { SIGMA }), 100);
}

#[test]
fn the_span_has_its_dimension() {
    for seed in 0..SEEDS {
        let moments = moments(&planted(seed, |_| 1e-3));
        for side in [Side::X, Side::Y] {
            let spectrum = Spectrum::of(&moments.covariance(side).unwrap()).unwrap();
            assert_eq!(spectrum.effective_dimension(0.99), SPAN);
        }
    }
}

#[test]
fn taking_the_means_off_makes_the_gap_zero() {
    for seed in 0..SEEDS {
        let centred = planted(seed, |_| SIGMA).map(|side| {
            let mean = side.mean();
            let mut rows = side.into_array();
            for mut row in rows.outer_iter_mut() {
                row.iter_mut()
                    .zip(&mean)
                    .for_each(|(value, mean)| *value = (f64::from(*value) - mean) as f32);
            }
            Embeddings::from_array(rows).unwrap()
        });
        let gap = modality_gap(&centred[0], &centred[1]).unwrap();
        assert!(gap.distance < 1e-6, "{}", gap.distance); // f32 rows
    }
}

#[test]
fn the_verdict_is_right_and_its_interval_holds_the_cosine() {
    let mut held = 0;
    let seeds = 0..SEEDS;
    // What a very long sample says is the truth.
    let cosines: Vec<f64> = seeds
        .clone()
        .map(|seed| judge(seed).cosine.estimate)
        .collect();
    let truth = cosines.iter().sum::<f64>() / SEEDS as f64;
    for seed in seeds {
        let found = judge(seed);
        assert_eq!(found.outcome, Outcome::CollapseAndCorrupt);
        held += usize::from(found.cosine.low <= truth && truth <= found.cosine.high);
    }
    // 95 of a hundred, and a standard error of two.
    assert!(held >= 87, "{held}");
}

fn judge(seed: u64) -> c3_geometry::Verdict {
    let [x, y] = planted(seed, |_| 0.2);
    let settings = VerdictSettings {
        resamples: 200,
        shuffles: 100,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    verdict(&x, &y, None, settings, &mut rng).unwrap()
}
