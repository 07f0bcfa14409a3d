//! Dropout whose masks come from a generator on the host.

use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Sets a share of activations to zero, or none.
///
/// burn's own dropout draws from one generator per process: two trainings side
/// by side would not repeat.
#[derive(Clone, Debug)]
pub(crate) enum Dropout {
    /// Changes nothing.
    Off,
    /// Draws masks.
    On {
        /// Share set to zero, above 0 and below 1.
        share: f32,
        /// Where masks come from.
        rng: Box<ChaCha8Rng>,
    },
}

impl Dropout {
    /// Dropout for one training step.
    pub(crate) fn new(share: f32, rng: ChaCha8Rng) -> Self {
        if share > 0.0 {
            Self::On {
                share,
                rng: Box::new(rng),
            }
        } else {
            Self::Off
        }
    }

    /// Drops, and scales what stays so that the mean remains.
    pub(crate) fn apply<const D: usize>(&mut self, tensor: Tensor<D>) -> Tensor<D> {
        let Self::On { share, rng } = self else {
            return tensor;
        };
        let shape = tensor.dims();
        let mask = mask(shape.iter().product(), *share, rng);
        let mask = Tensor::from_data(TensorData::new(mask, shape), &tensor.device());
        tensor * mask
    }
}

/// Two draws of 16 bits from every word of the generator.
fn mask(count: usize, share: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let threshold = (f64::from(share) * 65_536.0).round() as u32;
    let kept = 1.0 / (1.0 - share);
    let mut mask = Vec::with_capacity(count + 1);
    while mask.len() < count {
        let word = rng.next_u32();
        for draw in [word & 0xFFFF, word >> 16] {
            mask.push(if draw < threshold { 0.0 } else { kept });
        }
    }
    mask.truncate(count);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_asked_share_is_dropped_and_the_mean_stays() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mask = mask(200_001, 0.3, &mut rng);
        let dropped = mask.iter().filter(|value| **value == 0.0).count();
        // Four standard deviations of a binomial share at n = 200,000 are 0.0041.
        assert!((dropped as f64 / mask.len() as f64 - 0.3).abs() < 0.0042);
        let mean = mask.iter().sum::<f32>() / mask.len() as f32;
        assert!((mean - 1.0).abs() < 0.007, "{mean}");
    }
}
