//! What of a decoder a training changes, and what stays as it is.

use burn::module::{LoraAdapter, Module, Param, Reparameterizer};
use burn::tensor::{Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

use super::seed::{self, Purpose};
use crate::prefix::check;
use crate::{DecoderError, PrefixDecoder};

/// What a training changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tune {
    /// Every weight.
    #[default]
    All,
    /// The mapper alone. The decoder behind it stays as it is to the last bit: it costs neither
    /// gradients nor moments, and drops nothing, as ClipCap's frozen GPT-2.
    Mapper,
    /// The mapper, and the projections of attention by a product of two thin matrices each:
    /// `W + alpha / rank * A B`, LoRA (Hu et al. 2021, arXiv:2106.09685).
    ///
    /// When training ends the products are added to the weights, so that what comes of it is a
    /// decoder like any other.
    Lora {
        /// Columns of `A` and rows of `B`.
        rank: usize,
        /// How strongly the product counts, times `rank`.
        alpha: f64,
    },
}

impl Tune {
    /// Says which setting is wrong, if one is.
    pub(super) fn check(self) -> Result<(), DecoderError> {
        let Self::Lora { rank, alpha } = self else {
            return Ok(());
        };
        check(rank > 0, "tune.lora.rank", rank as f64, "at least 1")?;
        check(
            alpha > 0.0 && alpha.is_finite(),
            "tune.lora.alpha",
            alpha,
            "above 0",
        )
    }

    /// Share of activations that the training drops, of those that the decoder asks for.
    pub(super) fn dropout(self, asked: f32) -> f32 {
        match self {
            Self::Mapper => 0.0,
            Self::All | Self::Lora { .. } => asked,
        }
    }

    /// Marks what is to change; the pairs of LoRA, which change nothing yet, come from `seed`.
    pub(super) fn prepare(self, decoder: PrefixDecoder, seed: u64) -> PrefixDecoder {
        match self {
            Self::All => decoder.set_require_grad(true),
            Self::Mapper => decoder.no_grad().with_mapper_trained(),
            Self::Lora { rank, alpha } => {
                let pairs = LowRank {
                    rank,
                    scale: alpha / rank as f64,
                    rng: seed::rng(seed, Purpose::LowRank, 0, 0),
                };
                decoder
                    .apply_reparameterization(pairs)
                    .with_mapper_trained()
            }
        }
    }

    /// Makes an ordinary decoder of a trained one.
    pub(super) fn merge(decoder: PrefixDecoder) -> PrefixDecoder {
        decoder.materialize().set_require_grad(true)
    }
}

/// Freezes every weight, and gives a trainable pair to those of attention.
///
/// burn's own LoRA draws from the one generator of the process, which two trainings side by side
/// would race for, and cannot tell the mapper's attention from the decoder's.
struct LowRank {
    rank: usize,
    scale: f64,
    rng: ChaCha8Rng,
}

impl Reparameterizer for LowRank {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let frozen = param.set_require_grad(false);
        let shape = frozen.base().dims();
        if D != 2 || !is_projection(path) {
            return (frozen, None);
        }
        let (d_input, d_output) = (shape[0], shape[1]);
        let device = frozen.base().device();
        // The first factor keeps the length of a vector; the second is zero, so that training
        // begins at the decoder as it is.
        let deviation = 1.0 / (d_input as f32).sqrt();
        let normal = Normal::new(0.0, deviation).expect("a deviation is finite and positive");
        let values: Vec<f32> = normal
            .sample_iter(&mut self.rng)
            .take(d_input * self.rank)
            .collect();
        let first = TensorData::new(values, [d_input, self.rank]);
        let pair = LoraAdapter {
            a: Param::from_data(first, &device),
            b: Param::from_tensor(Tensor::zeros([self.rank, d_output], &device)),
            scale: self.scale,
        };
        (frozen, Some(pair))
    }
}

/// True of the queries, keys, values and outputs of attention, but for those of a mapper.
fn is_projection(path: &str) -> bool {
    !path.starts_with("prefix.") && path.contains(".attention.") && path.ends_with(".weight")
}

#[cfg(test)]
mod tests;
