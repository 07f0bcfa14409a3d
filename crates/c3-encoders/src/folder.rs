//! The folder of a model: which file holds its weights, and whose they are.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::EncoderError;
use crate::tensors::TensorFile;

/// Models that are told apart by the names of their tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Clip,
    ImageBind,
    Other,
}

impl Model {
    /// The model whose names the tensors of a file have.
    pub(crate) fn of(tensors: &TensorFile) -> Self {
        let has = |is_its: fn(&str) -> bool| tensors.names().any(is_its);
        if has(|name| name.contains("modality_trunks.")) {
            return Self::ImageBind;
        }
        match has(|name| name.starts_with("visual") || name.starts_with("vision_model.")) {
            true => Self::Clip,
            false => Self::Other,
        }
    }

    /// What is said where a file holds this model and another one was `expected`.
    pub(crate) fn instead_of(self, expected: Self, file: &Path) -> EncoderError {
        EncoderError::OtherModel {
            file: file.to_owned(),
            found: self.name(),
            expected: expected.name(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Clip => "CLIP",
            Self::ImageBind => "ImageBind",
            Self::Other => "another model",
        }
    }
}

/// The folder of a model and its weights: a file, or in a folder the first of `names` that is
/// there, or its only `.pt`, which has the name of the model in it.
///
/// # Errors
///
/// [`EncoderError::Incomplete`] saying `what` is missing.
pub(crate) fn locate(
    path: &Path,
    names: &[&str],
    what: &'static str,
) -> Result<(PathBuf, PathBuf), EncoderError> {
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        return Ok((folder, path.to_owned()));
    }
    let mut files = names.iter().map(|name| path.join(name));
    let file = files.find(|file| file.exists());
    let file = file
        .or_else(|| only_pt(path))
        .ok_or_else(|| EncoderError::Incomplete {
            folder: path.to_owned(),
            what,
        })?;
    Ok((path.to_owned(), file))
}

/// The file of a folder that ends in `.pt`, if it is the only one.
fn only_pt(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = files.filter(|file| file.extension().is_some_and(|ending| ending == "pt"));
    let file = found.next()?;
    found.next().is_none().then_some(file)
}

/// Reads a JSON file of a model.
pub(crate) fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, EncoderError> {
    let bytes = fs::read(file).map_err(|source| EncoderError::Read {
        file: file.to_owned(),
        source,
    })?;
    serde_json::from_slice(&bytes).map_err(|source| EncoderError::Json {
        file: file.to_owned(),
        source,
    })
}
