//! What Collapse and Corrupt were fitted to: means, noise and the order of steps.
//!
//! A safetensors file with one tensor `mean.MODALITY` f32 `[d]` per modality, and `noise.axes`
//! f32 `[k, d]` if the noise is not the same in all directions.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ArtifactError;
use crate::document::{self, Document};
use crate::tensors::{self, Tensor, TensorFile};

const AXES: &str = "noise.axes";
const ADVICE: &str = "run the step that writes it first (`fit`)";

/// The transform that a decoder was trained behind.
#[derive(Clone, Debug, PartialEq)]
pub struct TransformRecord {
    /// Name of the arm, as in `C3`.
    pub arm: String,
    /// Name of the rule for unit length, as in `after_all`.
    pub renorm: String,
    /// Standard deviation of the noise per dimension, in the unit of the embeddings.
    pub sigma: f64,
    /// Mean of each modality, `[d]`; empty where nothing is subtracted.
    pub means: BTreeMap<String, Vec<f32>>,
    /// The directions of the noise; absent where all are alike.
    pub noise: Option<NoiseRecord>,
}

/// Noise that is not the same in all directions.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseRecord {
    /// Name of the choice, as in `without_gap`.
    pub directions: String,
    /// What was fitted for it, row after row, `[k, d]`.
    pub axes: Vec<f32>,
    /// Width of a row, `d`.
    pub dim: usize,
}

impl TransformRecord {
    /// Writes the record under `path`, all or nothing.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::NotFinite`], [`ArtifactError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        self.check()?;
        let tag = Tag {
            arm: self.arm.clone(),
            renorm: self.renorm.clone(),
            sigma: self.sigma,
            modalities: self.means.keys().cloned().collect(),
            directions: self.noise.as_ref().map(|noise| noise.directions.clone()),
        };
        let means = self.means.iter();
        let means = means.map(|(name, mean)| (key(name), Tensor::f32(mean, &[mean.len()])));
        let noise = self.noise.iter().map(|noise| {
            let shape = [noise.axes.len() / noise.dim.max(1), noise.dim];
            (AXES.to_owned(), Tensor::f32(&noise.axes, &shape))
        });
        tensors::write(path, &tag, means.chain(noise).collect())
    }

    /// Reads a record that [`TransformRecord::write`] wrote.
    ///
    /// # Errors
    ///
    /// What is wrong with the file: not there, not ours, of another version, cut
    /// off, a mean missing or misshapen, a value that is not finite.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = document::read_bytes(path, ADVICE)?;
        let (file, tag) = TensorFile::parse::<Tag>(path, &bytes)?;
        let means = tag.modalities.into_iter().map(|modality| {
            let mean = file.vector(&key(&modality))?;
            Ok((modality, mean))
        });
        let noise = tag.directions.map(|directions| {
            let (axes, [_, dim]) = file.matrix(AXES)?;
            Ok(NoiseRecord {
                directions,
                axes,
                dim,
            })
        });
        let record = Self {
            noise: noise.transpose()?,
            means: means.collect::<Result<_, ArtifactError>>()?,
            arm: tag.arm,
            renorm: tag.renorm,
            sigma: tag.sigma,
        };
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), ArtifactError> {
        let not_finite = |what: String| Err(ArtifactError::NotFinite { what });
        if !self.sigma.is_finite() {
            return not_finite(format!("sigma of arm {}", self.arm));
        }
        let mut axes = self.noise.iter().flat_map(|noise| &noise.axes);
        if axes.any(|value| !value.is_finite()) {
            return not_finite(format!("the noise of arm {}", self.arm));
        }
        let mut means = self.means.iter();
        match means.find(|(_, mean)| mean.iter().any(|value| !value.is_finite())) {
            Some((modality, _)) => not_finite(format!("the mean of {modality} embeddings")),
            None => Ok(()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Tag {
    arm: String,
    renorm: String,
    sigma: f64,
    modalities: Vec<String>,
    /// Absent in files written before noise could be anything but isotropic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    directions: Option<String>,
}

impl Document for Tag {
    const FORMAT: &'static str = "c3-transform";
    const VERSION: u32 = 1;
}

fn key(modality: &str) -> String {
    format!("mean.{modality}")
}
