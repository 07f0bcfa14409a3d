//! What can go wrong while two towers are connected.

use std::fmt;
use std::sync::Arc;

use burn::store::{ApplyError, ApplyResult, SafetensorsStoreError};
use c3_geometry::GeometryError;

/// What can be wrong with the settings, features or weights of two towers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting has a value with which nothing can be built.
    #[error("setting `{setting}` is {value}, but must be {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: f64,
        /// What would have been right.
        expected: &'static str,
    },
    /// Features have another width than a tower reads.
    #[error("the tower reads features of width {expected}, not {found}")]
    FeatureWidth {
        /// Width that the tower was built for.
        expected: usize,
        /// Width of the features.
        found: usize,
    },
    /// Pictures and texts are not matched.
    #[error("{texts} texts do not name an owner among {images} pictures, or a picture has no text")]
    Unpaired {
        /// Number of pictures.
        images: usize,
        /// Number of texts.
        texts: usize,
    },
    /// The bytes are not a file of weights.
    #[error("cannot read or write the weights")]
    WeightsFile {
        /// What the library said.
        #[source]
        source: Box<SafetensorsStoreError>,
    },
    /// The tensors of a file are not those of the towers.
    #[error("the weights do not fit the towers: {}", list(faults))]
    Weights {
        /// Every tensor that is missing or of another shape.
        faults: Vec<WeightFault>,
    },
    /// The loss is NaN or infinite.
    #[error("the contrastive loss is {loss} at step {step}: lower the learning rate")]
    Diverged {
        /// Optimiser steps taken when it was seen.
        step: usize,
        /// The loss itself.
        loss: f64,
    },
    /// Training was stopped from outside.
    #[error("training was stopped before its last epoch")]
    Interrupted,
    /// burn stopped the training.
    #[error("training failed: {source}")]
    Training {
        /// What burn reported.
        source: Arc<burn::train::TrainingError>,
    },
    /// The embeddings themselves are at fault.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}

/// One tensor that does not fit.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightFault {
    /// Name of the tensor.
    pub name: String,
    /// Shape that the model has for it; nothing if it is not known.
    pub expected: Option<Vec<usize>>,
    /// Shape found in the file; nothing if it is missing.
    pub found: Option<Vec<usize>>,
}

impl WeightFault {
    /// Every tensor of a loaded file that did not fit.
    pub(super) fn of(loaded: &ApplyResult) -> Vec<Self> {
        let missing = loaded
            .missing
            .iter()
            .map(|(name, _)| Self::named(name, None, None));
        let wrong = loaded.errors.iter().map(|error| match error {
            ApplyError::ShapeMismatch {
                path,
                expected,
                found,
            } => Self::named(path, Some(expected.to_vec()), Some(found.to_vec())),
            ApplyError::DTypeMismatch { path, .. }
            | ApplyError::AdapterError { path, .. }
            | ApplyError::LoadError { path, .. } => Self::named(path, None, None),
        });
        missing.chain(wrong).collect()
    }

    fn named(name: &str, expected: Option<Vec<usize>>, found: Option<Vec<usize>>) -> Self {
        Self {
            name: name.to_owned(),
            expected,
            found,
        }
    }
}

impl fmt::Display for WeightFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        match (&self.expected, &self.found) {
            (Some(expected), Some(found)) => write!(f, ": expected {expected:?}, found {found:?}"),
            _ => write!(f, ": found no such tensor"),
        }
    }
}

fn list(faults: &[WeightFault]) -> String {
    let lines: Vec<String> = faults.iter().map(WeightFault::to_string).collect();
    lines.join("; ")
}
