//! The weights of a decoder as a safetensors file.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError};

use super::config::PrefixDecoderConfig;
use super::init::Init;
use super::model::PrefixDecoder;
use crate::files::{Stored, safetensors, unasked};
use crate::{DecoderError, WeightFault};

impl PrefixDecoder {
    /// The bytes of a safetensors file; equal weights give equal bytes.
    ///
    /// Matrices are stored as they are applied, `[d_input, d_output]`.
    ///
    /// # Errors
    ///
    /// [`DecoderError::WeightsFile`] from the library.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, DecoderError> {
        let mut tensors = Collected::default();
        self.visit(&mut tensors);
        let views: Vec<(String, TensorView<'_>)> = tensors
            .found
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                Ok((name.clone(), view.map_err(weights_file)?))
            })
            .collect::<Result<_, DecoderError>>()?;
        ::safetensors::serialize(views, None).map_err(weights_file)
    }

    /// Reads what [`Self::to_safetensors`] wrote.
    ///
    /// # Errors
    ///
    /// [`DecoderError::WeightsFile`] if the bytes are no such file,
    /// [`DecoderError::Weights`] lists every tensor that is missing, unknown or
    /// of another shape, [`DecoderError::Setting`] if the sizes cannot be.
    pub fn from_safetensors(
        bytes: &[u8],
        config: &PrefixDecoderConfig,
        device: &Device,
    ) -> Result<Self, DecoderError> {
        config.check()?;
        let unused = safetensors(&[bytes])?;
        Self::new(config, &mut Init::zeros(device)).filled(Own { unused }, device)
    }

    /// Replaces every parameter by what `weights` hold of it.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Weights`] lists all that does not fit.
    pub(crate) fn filled(
        self,
        weights: impl Weights,
        device: &Device,
    ) -> Result<Self, DecoderError> {
        let mut filler = Filler {
            path: Path::default(),
            device,
            weights,
            faults: Vec::new(),
        };
        let decoder = self.map(&mut filler);
        let mut faults = filler.faults;
        faults.extend(filler.weights.left_over());
        match faults.is_empty() {
            true => Ok(decoder),
            false => Err(DecoderError::Weights { faults }),
        }
    }
}

/// Where the weights of a decoder come from.
pub(crate) trait Weights {
    /// The values of the parameter `name`, which has this shape.
    fn take(&mut self, name: &str, shape: &[usize]) -> Taken;

    /// The tensors that nothing asked for.
    fn left_over(self) -> Vec<WeightFault>;
}

/// What weights hold of a parameter.
pub(crate) enum Taken {
    /// Its values, row after row.
    Values(Vec<f32>),
    /// Nothing, and nothing is wrong with that.
    Nothing,
    /// Something that does not fit.
    Fault(WeightFault),
}

/// A file of our own.
struct Own<'a> {
    unused: BTreeMap<String, Stored<'a>>,
}

impl Weights for Own<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Taken {
        let stored = self.unused.remove(name);
        let found = stored.as_ref().and_then(Stored::shape_of_floats);
        match stored {
            Some(stored) if found.as_deref() == Some(shape) => Taken::Values(stored.floats()),
            _ => Taken::Fault(WeightFault {
                name: name.to_owned(),
                expected: Some(shape.to_vec()),
                found,
            }),
        }
    }

    fn left_over(self) -> Vec<WeightFault> {
        unasked(&self.unused, &BTreeSet::new(), |_| false)
    }
}

/// Where in a decoder a parameter is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        // Files do not say in which kind of body a block lies; their config does.
        let of_kind = container.starts_with("Enum:");
        let unsaid = of_kind || name == "body";
        let name = if unsaid { "" } else { name };
        self.0.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        let said = self.0.iter().filter(|part| !part.is_empty());
        let said: Vec<&str> = said.map(String::as_str).collect();
        said.join(".")
    }
}

/// Every parameter by name, as little-endian bytes.
#[derive(Default)]
struct Collected {
    path: Path,
    found: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl ModuleVisitor for Collected {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values = tensor
            .try_into_vec_as::<f32>()
            .expect("the weights of a decoder can be read back");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.found.push((self.path.name(), shape, bytes.collect()));
    }
}

/// Replaces every parameter by what weights hold under its name.
struct Filler<'a, W> {
    path: Path,
    device: &'a Device,
    weights: W,
    faults: Vec<WeightFault>,
}

impl<W: Weights> ModuleMapper for Filler<'_, W> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.leave();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.val().dims();
        match self.weights.take(&self.path.name(), &shape) {
            Taken::Values(values) => {
                let data = TensorData::new(values, shape);
                param.map(|_| Tensor::from_data(data, self.device))
            }
            Taken::Nothing => param,
            Taken::Fault(fault) => {
                self.faults.push(fault);
                param
            }
        }
    }
}

fn weights_file(source: SafeTensorError) -> DecoderError {
    DecoderError::WeightsFile { source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mapper, Output};

    fn config() -> PrefixDecoderConfig {
        PrefixDecoderConfig {
            d_embed: 4,
            d_model: 6,
            n_layers: 1,
            n_heads: 2,
            n_prefix: 2,
            n_vocab: 7,
            max_tokens: 3,
            mapper: Mapper::Mlp,
            output: Output::Untied,
            ..Default::default()
        }
    }

    #[test]
    fn weights_written_and_read_are_the_same() {
        let device = Device::flex();
        let decoder = config().init(1, &device).unwrap();
        let bytes = decoder.to_safetensors().unwrap();
        let read = PrefixDecoder::from_safetensors(&bytes, &config(), &device).unwrap();
        assert_eq!(read.to_safetensors().unwrap(), bytes);
        assert_eq!(read.config(), &config());
    }

    #[test]
    fn every_tensor_that_does_not_fit_is_named() {
        let device = Device::flex();
        let bytes = config().init(1, &device).unwrap().to_safetensors().unwrap();
        let other = PrefixDecoderConfig {
            n_vocab: 8,
            n_layers: 2,
            output: Output::Tied,
            ..config()
        };
        let error = PrefixDecoder::from_safetensors(&bytes, &other, &device).unwrap_err();
        let DecoderError::Weights { faults } = &error else {
            panic!("{error}");
        };
        // One wrong shape, 16 tensors of the second block missing, one unknown.
        assert_eq!(faults.len(), 18);
        let message = error.to_string();
        for expected in [
            "`tokens`: expected [8, 6], found [7, 6]",
            "`blocks.1.attention.key.weight`: expected [6, 6], found no tensor of floating-point numbers",
            "`output`: expected no such tensor, found [7, 6]",
        ] {
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn bytes_of_something_else_are_refused() {
        let found = PrefixDecoder::from_safetensors(b"GIF89a", &config(), &Device::flex());
        assert!(matches!(found, Err(DecoderError::WeightsFile { .. })));
    }
}
