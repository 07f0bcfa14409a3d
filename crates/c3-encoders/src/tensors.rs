//! Weight files into named host tensors, and what does not fit.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, TensorData};
use pytorch_reader::PytorchReader;
use safetensors::{Dtype, SafeTensors};

use crate::{EncoderError, TensorFault};

/// The tensors of one weight file.
///
/// [`take`](Self::take) never fails: it remembers what was wrong, so that
/// [`finish`](Self::finish) can name everything at once.
pub(crate) struct TensorFile {
    file: PathBuf,
    tensors: HashMap<String, TensorData>,
    faults: Vec<TensorFault>,
}

impl TensorFile {
    /// Reads a safetensors file or a PyTorch checkpoint, whichever it is.
    pub(crate) fn open(file: &Path) -> Result<Self, EncoderError> {
        let bytes = fs::read(file).map_err(|source| EncoderError::Read {
            file: file.to_owned(),
            source,
        })?;
        // A safetensors file begins with the length of a JSON header, and the header.
        let tensors = if bytes.get(8) == Some(&b'{') {
            read_safetensors(file, &bytes)?
        } else {
            read_checkpoint(file)?
        };
        Ok(Self {
            file: file.to_owned(),
            tensors,
            faults: Vec::new(),
        })
    }

    /// Whether the file has a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes a tensor's values in row-major order; zeros if it does not fit.
    pub(crate) fn take(&mut self, name: &str, expected: &[usize]) -> Vec<f32> {
        let values = match self.tensors.remove(name) {
            None => Err(TensorFault::Missing {
                name: name.to_owned(),
                expected: expected.to_vec(),
            }),
            Some(tensor) if tensor.shape().as_slice() != expected => Err(TensorFault::Shape {
                name: name.to_owned(),
                expected: expected.to_vec(),
                found: tensor.shape().as_slice().to_vec(),
            }),
            Some(tensor) => finite(tensor).ok_or_else(|| TensorFault::Values {
                name: name.to_owned(),
            }),
        };
        values.unwrap_or_else(|fault| {
            self.faults.push(fault);
            vec![0.0; expected.iter().product()]
        })
    }

    /// Fails if anything that was taken did not fit.
    pub(crate) fn finish(self) -> Result<(), EncoderError> {
        if self.faults.is_empty() {
            return Ok(());
        }
        Err(EncoderError::Weights {
            file: self.file,
            faults: self.faults,
        })
    }
}

fn finite(tensor: TensorData) -> Option<Vec<f32>> {
    if !tensor.dtype().is_float() {
        return None;
    }
    let values: Vec<f32> = tensor.try_cast(DType::F32).ok()?.try_into_vec().ok()?;
    values
        .iter()
        .all(|value| value.is_finite())
        .then_some(values)
}

fn read_checkpoint(file: &Path) -> Result<HashMap<String, TensorData>, EncoderError> {
    let broken = |source| EncoderError::Checkpoint {
        file: file.to_owned(),
        source: Box::new(source),
    };
    let reader = PytorchReader::new(file).map_err(broken)?;
    let mut tensors = HashMap::new();
    for (name, tensor) in reader.into_tensors() {
        let dtype = match tensor.dtype() {
            pytorch_reader::DType::F64 => DType::F64,
            pytorch_reader::DType::F32 => DType::F32,
            pytorch_reader::DType::F16 => DType::F16,
            pytorch_reader::DType::BF16 => DType::BF16,
            _ => continue, // counters and masks
        };
        let bytes = tensor.read().map_err(|source| broken(source.into()))?;
        let shape = tensor.shape().to_vec();
        tensors.insert(name, TensorData::from_bytes_vec(bytes, shape, dtype));
    }
    Ok(tensors)
}

fn read_safetensors(
    file: &Path,
    bytes: &[u8],
) -> Result<HashMap<String, TensorData>, EncoderError> {
    let archive = SafeTensors::deserialize(bytes).map_err(|source| EncoderError::Safetensors {
        file: file.to_owned(),
        source,
    })?;
    let mut tensors = HashMap::new();
    for (name, view) in archive.iter() {
        let dtype = match view.dtype() {
            Dtype::F64 => DType::F64,
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            _ => continue, // counters and masks
        };
        let bytes = view.data().to_vec();
        let shape = view.shape().to_vec();
        tensors.insert(
            name.to_owned(),
            TensorData::from_bytes_vec(bytes, shape, dtype),
        );
    }
    Ok(tensors)
}
