//! The weights of a decoder as a safetensors file.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
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
        let unused = file.tensors().into_iter().collect();
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
    unused: BTreeMap<String, TensorView<'a>>,
}

impl Weights for Own<'_> {
    fn take(&mut self, name: &str, shape: &[usize]) -> Taken {
        let view = self.unused.remove(name);
        let found = view.as_ref().and_then(shape_of_floats);
        match view {
            Some(view) if found.as_deref() == Some(shape) => Taken::Values(floats(&view)),
            _ => Taken::Fault(WeightFault {
                name: name.to_owned(),
                expected: Some(shape.to_vec()),
                found,
            }),
        }
    }

    fn left_over(self) -> Vec<WeightFault> {
        let unused = self.unused.into_iter();
        unused.map(|(name, view)| unasked(name, &view)).collect()
    }
}

/// A tensor that nothing asked for.
pub(crate) fn unasked(name: String, view: &TensorView<'_>) -> WeightFault {
    WeightFault {
        name,
        expected: None,
        found: shape_of_floats(view),
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

/// The shape of a tensor of single or half precision, or of bfloat16.
pub(crate) fn shape_of_floats(view: &TensorView<'_>) -> Option<Vec<usize>> {
    let is_float = matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16);
    is_float.then(|| view.shape().to_vec())
}

/// The values of such a tensor, widened.
pub(crate) fn floats(view: &TensorView<'_>) -> Vec<f32> {
    let data = view.data();
    match view.dtype() {
        Dtype::F16 => numbers(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => numbers(data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        _ => numbers(data, f32::from_le_bytes),
    }
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<N>();
    whole.iter().map(|bytes| number(*bytes)).collect()
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
