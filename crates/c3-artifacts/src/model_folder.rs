//! A trained model as one folder: everything it takes to caption a picture.
//!
//! `config.json` (sizes, and the SHA-256 of every other file), `model.safetensors`
//! (the decoder), `tokenizer.json`, `transform.safetensors` (means and noise),
//! `README.md` (the model card), and what the encoder needs beside them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::document::{self, Document};
use crate::{ArtifactError, ModelCard, TransformRecord, atomic, hash};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const TRANSFORM: &str = "transform.safetensors";
const CARD: &str = "README.md";
const ADVICE: &str = "give a model folder, as `cargo xtask train` writes them";

/// What a model folder is made of.
#[derive(Clone, Debug)]
pub struct ModelParts<'a, C> {
    /// Sizes and names that rebuild the model.
    pub config: &'a C,
    /// The decoder, as safetensors.
    pub weights: &'a [u8],
    /// The tokenizer, as JSON.
    pub tokenizer: &'a [u8],
    /// Means, noise and order of steps.
    pub transform: &'a TransformRecord,
    /// What a person should know.
    pub card: &'a ModelCard,
    /// Further files by plain name, such as the encoder's weights.
    pub extra: &'a [(&'a str, &'a [u8])],
}

/// A model folder whose files are all there and whole.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    path: PathBuf,
    manifest: Manifest,
}

impl ModelFolder {
    /// Writes `parts` as the folder `path`, all or nothing.
    ///
    /// An older model folder under that name is replaced, any other folder never.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::NotAModel`], [`ArtifactError::FileName`], [`ArtifactError::Write`].
    pub fn write<C: Serialize>(
        path: &Path,
        parts: &ModelParts<'_, C>,
    ) -> Result<Self, ArtifactError> {
        if path.exists() && !is_model(path) {
            let path = path.to_owned();
            return Err(ArtifactError::NotAModel { path });
        }
        let failed = |source| ArtifactError::Write {
            path: path.to_owned(),
            source,
        };
        let staged = atomic::folder_beside(path).map_err(failed)?;
        fill(staged.path(), parts)?;
        publish(staged.path(), path).map_err(failed)?;
        let _renamed = staged.keep();
        Self::open(path)
    }

    /// Opens a model folder and checks that every file is there and unchanged.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Missing`], [`ArtifactError::Damaged`], or what is wrong with
    /// `config.json`.
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let manifest: Manifest = document::read(&path.join(CONFIG), ADVICE)?;
        for required in [WEIGHTS, TOKENIZER, TRANSFORM, CARD] {
            if !manifest.files.contains_key(required) {
                return Err(missing(path.join(required)));
            }
        }
        for (name, expected) in &manifest.files {
            check_name(name)?;
            check_file(path.join(name), expected)?;
        }
        let path = path.to_owned();
        Ok(Self { path, manifest })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sizes and names that rebuild the model.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Json`] if they are those of another kind of model.
    pub fn config<C: DeserializeOwned>(&self) -> Result<C, ArtifactError> {
        let config = C::deserialize(&self.manifest.config);
        config.map_err(|source| ArtifactError::Json {
            path: self.path.join(CONFIG),
            format: Manifest::FORMAT,
            source,
        })
    }

    /// Bytes of the decoder's weights, as safetensors.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Read`].
    pub fn weights(&self) -> Result<Vec<u8>, ArtifactError> {
        self.file(WEIGHTS)
    }

    /// Bytes of the tokenizer, as JSON.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Read`].
    pub fn tokenizer(&self) -> Result<Vec<u8>, ArtifactError> {
        self.file(TOKENIZER)
    }

    /// Means, noise and order of steps.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub fn transform(&self) -> Result<TransformRecord, ArtifactError> {
        TransformRecord::read(&self.path.join(TRANSFORM))
    }

    /// Bytes of a file by its name in the folder.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Missing`] if the model has no such file, [`ArtifactError::Read`].
    pub fn file(&self, name: &str) -> Result<Vec<u8>, ArtifactError> {
        let path = self.path.join(name);
        match self.manifest.files.contains_key(name) {
            true => document::read_bytes(&path, ADVICE),
            false => Err(missing(path)),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    config: serde_json::Value,
    /// SHA-256 of every other file, by name.
    files: BTreeMap<String, String>,
}

impl Document for Manifest {
    const FORMAT: &'static str = "c3-model";
    const VERSION: u32 = 2;
}

fn fill<C: Serialize>(folder: &Path, parts: &ModelParts<'_, C>) -> Result<(), ArtifactError> {
    let card = parts.card.to_string();
    let named = [
        (WEIGHTS, parts.weights),
        (TOKENIZER, parts.tokenizer),
        (CARD, card.as_bytes()),
    ];
    let mut files = BTreeMap::new();
    for &(name, bytes) in named.iter().chain(parts.extra) {
        check_name(name)?;
        if name == CONFIG || name == TRANSFORM || files.contains_key(name) {
            let name = name.to_owned();
            return Err(ArtifactError::FileName { name });
        }
        atomic::write(&folder.join(name), bytes)?;
        files.insert(name.to_owned(), hash::sha256(bytes));
    }
    let transform = folder.join(TRANSFORM);
    parts.transform.write(&transform)?;
    files.insert(TRANSFORM.to_owned(), hash::sha256_file(&transform)?);
    let path = folder.join(CONFIG);
    let config = serde_json::to_value(parts.config).map_err(|error| ArtifactError::Write {
        path: path.clone(),
        source: io::Error::from(error),
    })?;
    document::write(&path, &Manifest { config, files })
}

/// Gives the finished folder its name; an older model stays if that fails.
fn publish(staged: &Path, path: &Path) -> io::Result<()> {
    if !path.exists() {
        fs::rename(staged, path)?;
        return atomic::sync_parent(path);
    }
    let aside = atomic::folder_beside(path)?;
    let old = aside.path().join("old");
    fs::rename(path, &old)?;
    if let Err(error) = fs::rename(staged, path) {
        fs::rename(&old, path)?;
        return Err(error);
    }
    atomic::sync_parent(path)?;
    aside.close()
}

fn is_model(path: &Path) -> bool {
    document::read::<Manifest>(&path.join(CONFIG), ADVICE).is_ok()
}

fn check_name(name: &str) -> Result<(), ArtifactError> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Ok(()),
        _ => Err(ArtifactError::FileName {
            name: name.to_owned(),
        }),
    }
}

fn check_file(path: PathBuf, expected: &str) -> Result<(), ArtifactError> {
    if !path.exists() {
        return Err(missing(path));
    }
    let found = hash::sha256_file(&path)?;
    match found == expected {
        true => Ok(()),
        false => Err(ArtifactError::Damaged {
            path,
            expected: expected.to_owned(),
            found,
        }),
    }
}

fn missing(path: PathBuf) -> ArtifactError {
    let advice = ADVICE;
    ArtifactError::Missing { path, advice }
}
