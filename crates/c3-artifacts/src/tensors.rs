//! Safetensors files with our tag in their metadata.
//!
//! The whole tag is one JSON text under one key: several keys would be written
//! in another order every time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, SafeTensors, View};

use crate::document::{self, Document};
use crate::{ArtifactError, atomic};

const KEY: &str = "c3";

/// A tensor on its way into a file, little-endian.
pub(crate) struct Tensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Tensor<'a> {
    pub(crate) fn f32(values: &[f32], shape: &[usize]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::new(Dtype::F32, shape, bytes.collect::<Vec<u8>>().into())
    }

    pub(crate) fn u64(values: &[u64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        Self::new(
            Dtype::U64,
            &[values.len()],
            bytes.collect::<Vec<u8>>().into(),
        )
    }

    pub(crate) fn u8(bytes: &'a [u8]) -> Self {
        Self::new(Dtype::U8, &[bytes.len()], bytes.into())
    }

    fn new(dtype: Dtype, shape: &[usize], bytes: Cow<'a, [u8]>) -> Self {
        Self {
            dtype,
            shape: shape.to_vec(),
            bytes,
        }
    }
}

impl View for Tensor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

pub(crate) fn write<D: Document>(
    path: &Path,
    tag: &D,
    tensors: Vec<(String, Tensor<'_>)>,
) -> Result<(), ArtifactError> {
    let failed = |source| ArtifactError::Write {
        path: path.to_owned(),
        source,
    };
    let tag = document::to_text(tag).map_err(|error| failed(error.into()))?;
    let metadata = HashMap::from([(KEY.to_owned(), tag)]);
    let bytes = safetensors::serialize(tensors, Some(metadata));
    let bytes = bytes.map_err(|error| failed(io::Error::other(error)))?;
    atomic::write(path, &bytes)
}

/// A tagged safetensors file in memory.
pub(crate) struct TensorFile<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    /// Parses the bytes of `path`, and its tag.
    pub(crate) fn parse<D: Document>(
        path: &'a Path,
        bytes: &'a [u8],
    ) -> Result<(Self, D), ArtifactError> {
        let broken = |source| ArtifactError::Tensors {
            path: path.to_owned(),
            source,
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        let text = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(KEY));
        let text = text.ok_or_else(|| ArtifactError::Format {
            path: path.to_owned(),
            format: D::FORMAT,
        })?;
        let tag = document::from_text(path, text)?;
        Ok((Self { path, tensors }, tag))
    }

    /// Values and shape `[rows, columns]`.
    pub(crate) fn matrix(&self, name: &str) -> Result<(Vec<f32>, [usize; 2]), ArtifactError> {
        let view = self.view(name)?;
        let &[rows, columns] = view.shape() else {
            return Err(self.misshapen(name, "f32 [rows, columns]"));
        };
        if view.dtype() != Dtype::F32 {
            return Err(self.misshapen(name, "f32 [rows, columns]"));
        }
        Ok((floats(view.data()), [rows, columns]))
    }

    pub(crate) fn vector(&self, name: &str) -> Result<Vec<f32>, ArtifactError> {
        let view = self.view(name)?;
        match (view.dtype(), view.shape().len()) {
            (Dtype::F32, 1) => Ok(floats(view.data())),
            _ => Err(self.misshapen(name, "f32 [values]")),
        }
    }

    pub(crate) fn integers(&self, name: &str) -> Result<Vec<u64>, ArtifactError> {
        let view = self.view(name)?;
        if view.dtype() != Dtype::U64 || view.shape().len() != 1 {
            return Err(self.misshapen(name, "u64 [values]"));
        }
        let (words, _) = view.data().as_chunks::<8>();
        Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<&'a [u8], ArtifactError> {
        let view = self.view(name)?;
        match (view.dtype(), view.shape().len()) {
            (Dtype::U8, 1) => Ok(view.data()),
            _ => Err(self.misshapen(name, "u8 [bytes]")),
        }
    }

    fn view(&self, name: &str) -> Result<safetensors::tensor::TensorView<'a>, ArtifactError> {
        self.tensors.tensor(name).map_err(|error| match error {
            SafeTensorError::TensorNotFound(tensor) => ArtifactError::MissingTensor {
                path: self.path.to_owned(),
                tensor,
            },
            source => ArtifactError::Tensors {
                path: self.path.to_owned(),
                source,
            },
        })
    }

    fn misshapen(&self, name: &str, expected: &'static str) -> ArtifactError {
        let found = self.tensors.tensor(name).map_or_else(
            |_| "missing".to_owned(),
            |view| {
                format!(
                    "{} {:?}",
                    view.dtype().to_string().to_lowercase(),
                    view.shape()
                )
            },
        );
        ArtifactError::TensorShape {
            path: self.path.to_owned(),
            tensor: name.to_owned(),
            expected,
            found,
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
