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

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    /// A safetensors file of one tensor `x` of two numbers.
    fn file(dtype: Dtype, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let view = TensorView::new(dtype, vec![2], bytes).unwrap();
        let archive = safetensors::serialize([("x", view)], None).unwrap();
        write(&archive)
    }

    fn write(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model");
        fs::write(&file, bytes).unwrap();
        (folder, file)
    }

    fn fault(mut tensors: TensorFile, name: &str, shape: &[usize]) -> String {
        tensors.take(name, shape);
        let Err(EncoderError::Weights { faults, .. }) = tensors.finish() else {
            panic!("nothing was wrong");
        };
        faults[0].to_string()
    }

    #[test]
    fn half_precision_is_widened() {
        let (_folder, file) = file(Dtype::BF16, &[0x80, 0x3F, 0x00, 0xC0]); // 1 and -2
        let mut tensors = TensorFile::open(&file).unwrap();
        assert_eq!(tensors.take("x", &[2]), [1.0, -2.0]);
        tensors.finish().unwrap();
    }

    #[test]
    fn a_tensor_that_does_not_fit_says_how() {
        let numbers = [1.0_f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        let (_folder, file) = file(Dtype::F32, &numbers);
        let open = || TensorFile::open(&file).unwrap();
        assert_eq!(fault(open(), "y", &[3]), "y is missing (expected [3])");
        assert_eq!(
            fault(open(), "x", &[1, 2]),
            "x has shape [2] (expected [1, 2])"
        );
        let values = "x does not hold finite floating-point numbers";
        assert_eq!(fault(open(), "x", &[2]), values);
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let whole = Path::new("tests/golden/tiny_efficientnet."); // tests run in their crate
        for extension in ["pth", "safetensors"] {
            let whole = fs::read(whole.with_extension(extension)).unwrap();
            for length in [0, 5, 100, whole.len() / 2, whole.len() - 1] {
                let (_folder, file) = write(&whole[..length]);
                assert!(TensorFile::open(&file).is_err(), "{extension} {length}");
            }
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = TensorFile::open(Path::new("nowhere/model")).err().unwrap();
        assert_eq!(error.to_string(), "cannot read `nowhere/model`");
    }
}
