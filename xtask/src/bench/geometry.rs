//! Moments and spectra, beside NumPy.

use c3_geometry::{Embeddings, Moments, Side, Spectrum, UnitRows};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::encoders::best;
use super::{Work, on_our_threads};
use crate::device::Chosen;

const DIM: usize = 512;
/// Pictures of COCO.
const ROWS: usize = 123_287;
const FEWER_ROWS: usize = 20_000;

/// Means, covariances and singular values of single-precision rows.
pub(super) fn work() -> Vec<Work> {
    let told = |what: &str, rows: usize| {
        let size = [what.to_owned(), rows.to_string(), DIM.to_string()];
        [size.to_vec(), on_our_threads()].concat()
    };
    vec![
        Work {
            name: "mean and covariance, 123,287 x 512",
            unit: "rows/s",
            script: "geometry.py",
            arguments: told("covariance", ROWS),
            ours: Box::new(|_| covariance(Moments::unpaired(DIM))),
        },
        Work {
            name: "the same without AMX, 123,287 x 512",
            unit: "rows/s",
            script: "geometry.py",
            arguments: told("covariance", ROWS),
            ours: Box::new(|_| covariance(Moments::unpaired(DIM).portable())),
        },
        Work {
            name: "mean and covariance at unit length, 123,287 x 512",
            unit: "rows/s",
            script: "geometry.py",
            arguments: told("unit", ROWS),
            ours: Box::new(|_| covariance_at_unit_length()),
        },
        Work {
            name: "singular values, 20,000 x 512",
            unit: "rows/s",
            script: "geometry.py",
            arguments: told("singular", FEWER_ROWS),
            ours: Box::new(singular),
        },
    ]
}

fn covariance(empty: Moments) -> anyhow::Result<f64> {
    let batch = rows(ROWS)?;
    best(ROWS, || {
        let mut moments = empty.clone();
        moments.add(&batch)?;
        moments.mean(Side::X)?;
        moments.covariance(Side::X)?;
        Ok(())
    })
}

/// The way of `measure`: lengths, and then rows at unit length.
fn covariance_at_unit_length() -> anyhow::Result<f64> {
    let mut batch = rows(ROWS)?;
    best(ROWS, || {
        let unit_rows = UnitRows::new(std::mem::replace(&mut batch, rows(1)?))?;
        let mut moments = Moments::unpaired(DIM);
        moments.add_unit_rows(&unit_rows)?;
        moments.mean(Side::X)?;
        moments.covariance(Side::X)?;
        batch = unit_rows.into_rows();
        Ok(())
    })
}

fn singular(_: &Chosen) -> anyhow::Result<f64> {
    let batch = rows(FEWER_ROWS)?;
    best(FEWER_ROWS, || {
        let mut moments = Moments::unpaired(DIM);
        moments.add(&batch)?;
        Spectrum::of(&moments.covariance(Side::X)?)?;
        Ok(())
    })
}

/// Values of about the size that a unit row has.
fn rows(n: usize) -> anyhow::Result<Embeddings> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let value = |_| (f64::from(rng.next_u32()) / f64::from(u32::MAX) * 0.15 - 0.075) as f32;
    Ok(Embeddings::new((0..n * DIM).map(value).collect(), DIM)?)
}
