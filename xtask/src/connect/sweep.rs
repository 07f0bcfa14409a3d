//! How much of the gap is left at which temperature.

use c3_artifacts::atomic;
use c3_encoders::connect::{DualEncoder, Temperature};
use serde::Serialize;

use super::{embedded, train_towers};
use crate::measure::{Geometry, geometry};
use crate::recipe::ConnectSettings;
use crate::run::{Run, Side};
use crate::space::Space;
use crate::tables;

/// The space that one temperature makes.
#[derive(Debug, Serialize)]
pub(crate) struct AtTemperature {
    pub(crate) temperature: f64,
    pub(crate) geometry: Geometry,
}

/// Trains towers at each temperature, all else as in the recipe, and writes `temperatures.json`.
pub(super) fn temperatures(run: &Run, temperatures: &[f64]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for temperature in temperatures {
        eprintln!("temperature {temperature}");
        let settings = ConnectSettings {
            temperature: Temperature::Fixed(*temperature),
            ..run.recipe.connect.clone()
        };
        let folder = tempfile::tempdir()?; // a sweep starts afresh each time
        let encoder = train_towers(run, &settings, folder.path())?.encoder;
        let train = space(run, &encoder, "train")?;
        let evaluated = space(run, &encoder, run.evaluated())?;
        let geometry = geometry(&train, &evaluated, run.evaluated())?;
        rows.push(AtTemperature {
            temperature: *temperature,
            geometry,
        });
    }
    let path = run.path().join("temperatures.json");
    atomic::write(&path, &serde_json::to_vec_pretty(&rows)?)?;
    println!("{}", tables::temperatures(&rows));
    Ok(())
}

fn space(run: &Run, encoder: &DualEncoder, split: &str) -> anyhow::Result<Space> {
    let images = embedded(run, encoder, split, Side::Images)?;
    let texts = embedded(run, encoder, split, Side::Texts)?;
    Space::of(&images, &texts)
}
