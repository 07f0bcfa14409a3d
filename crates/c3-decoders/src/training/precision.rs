//! In which numbers a training multiplies.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor};
use serde::{Deserialize, Serialize};

use crate::{DecoderError, PrefixDecoder};

/// In which numbers a training multiplies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    #[default]
    Full,
    /// Dense layers and the product with the vocabulary in bfloat16, forwards and backwards; sums
    /// over tokens, norms, softmax, losses, weights and their moments stay in single precision
    /// (Micikevicius et al. 2017, arXiv:1710.03740). Faster on cards that have it; a processor
    /// computes the same, more slowly.
    Bf16,
}

impl Precision {
    /// Refuses a device that does not compute in these numbers.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoBf16`]
    pub fn check(self, device: &Device) -> Result<(), DecoderError> {
        match self {
            Self::Bf16 if !device.supports_dtype(FloatDType::BF16) => Err(DecoderError::NoBf16),
            _ => Ok(()),
        }
    }

    /// The type in which products are computed.
    pub(super) fn dtype(self) -> FloatDType {
        match self {
            Self::Full => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
        }
    }

    /// The decoder as a step reads it: its layers in the shorter type, by a step that gradients go
    /// back through.
    pub(super) fn of_step(self, decoder: PrefixDecoder) -> PrefixDecoder {
        match self {
            Self::Full => decoder,
            Self::Bf16 => decoder.map(&mut Shorter::default()),
        }
    }
}

/// Shortens the matrices of dense layers, and the pairs that LoRA adds to them.
#[derive(Default)]
struct Shorter {
    /// How many modules of a dense layer are around what is visited, itself among them.
    within: usize,
}

/// What burn calls a dense layer.
const LAYER: &str = "Struct:Linear";

impl ModuleMapper for Shorter {
    fn enter_module(&mut self, _: &str, container: &str) {
        self.within += usize::from(self.within > 0 || container == LAYER);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.within = self.within.saturating_sub(1);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match D {
            2 if self.within > 0 => param.map(|matrix| matrix.cast(FloatDType::BF16)),
            _ => param, // biases are added to sums
        }
    }
}
