//! The weights of a decoder as a safetensors file.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::config::PrefixDecoderConfig;
use super::init::Init;
use super::model::PrefixDecoder;
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
        safetensors::serialize(views, None).map_err(weights_file)
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
        let file = SafeTensors::deserialize(bytes).map_err(weights_file)?;
        let mut filler = Filler::new(&file, device);
        let decoder = Self::new(config, &mut Init::zeros(device)).map(&mut filler);
        let faults = filler.faults();
        if faults.is_empty() {
            return Ok(decoder);
        }
        Err(DecoderError::Weights { faults })
    }
}

/// Every parameter by name, as little-endian bytes.
#[derive(Default)]
struct Collected {
    path: Vec<String>,
    found: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl ModuleVisitor for Collected {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values = tensor
            .try_into_vec_as::<f32>()
            .expect("the weights of a decoder can be read back");
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.found
            .push((self.path.join("."), shape, bytes.collect()));
    }
}

/// Replaces every parameter by the tensor of its name.
struct Filler<'a> {
    path: Vec<String>,
    device: &'a Device,
    unused: BTreeMap<String, TensorView<'a>>,
    faults: Vec<WeightFault>,
}

impl<'a> Filler<'a> {
    fn new(file: &SafeTensors<'a>, device: &'a Device) -> Self {
        Self {
            path: Vec::new(),
            device,
            unused: file.tensors().into_iter().collect(),
            faults: Vec::new(),
        }
    }

    /// What did not fit, the tensors that nothing asked for counted.
    fn faults(self) -> Vec<WeightFault> {
        let unknown = self.unused.into_iter().map(|(name, view)| WeightFault {
            name,
            expected: None,
            found: shape_of_floats(&view),
        });
        self.faults.into_iter().chain(unknown).collect()
    }
}

impl ModuleMapper for Filler<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        let shape = param.val().dims();
        let view = self.unused.remove(&name);
        let found = view.as_ref().and_then(shape_of_floats);
        match view {
            Some(view) if found.as_deref() == Some(shape.as_slice()) => {
                let data = TensorData::new(floats(&view), shape);
                param.map(|_| Tensor::from_data(data, self.device))
            }
            _ => {
                self.faults.push(WeightFault {
                    name,
                    expected: Some(shape.to_vec()),
                    found,
                });
                param
            }
        }
    }
}

fn shape_of_floats(view: &TensorView<'_>) -> Option<Vec<usize>> {
    (view.dtype() == Dtype::F32).then(|| view.shape().to_vec())
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    view.data()
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

fn weights_file(source: safetensors::SafeTensorError) -> DecoderError {
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
            "`tokens`: expected f32 [8, 6], found f32 [7, 6]",
            "`blocks.1.attention.key.weight`: expected f32 [6, 6], found no such tensor of f32",
            "`output`: expected no such tensor, found f32 [7, 6]",
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
