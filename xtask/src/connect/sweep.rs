//! How much of the gap is left at which temperature.

use anyhow::bail;
use c3_artifacts::atomic;
use c3_encoders::connect::{DualEncoder, Temperature};
use serde::Serialize;

use super::{embedded, train_towers};
use crate::measure::{Geometry, geometry};
use crate::recipe::{ConnectSettings, TowerSettings};
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
    let ConnectSettings::Towers(towers) = &run.recipe.connect else {
        bail!("the space of this run was given, not trained: there is no temperature to sweep");
    };
    let mut rows = Vec::new();
    for temperature in temperatures {
        eprintln!("temperature {temperature}");
        let settings = TowerSettings {
            temperature: Temperature::Fixed(*temperature),
            ..towers.clone()
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
    let images = embedded(run, Some(encoder), split, Side::Images)?;
    let texts = embedded(run, Some(encoder), split, Side::Texts)?;
    Space::of(images, texts)
}
