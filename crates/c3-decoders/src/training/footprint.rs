//! How much memory a training takes, said before anything is loaded.

use super::config::TrainingConfig;
use super::tune::Tune;
use crate::{DecoderError, PrefixDecoderConfig};

/// Bytes of a number in single precision.
const NUMBER: u64 = 4;

/// Bytes that a training holds, beside what a batch passes through the decoder, and beside
/// checkpoints that are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Weights; those that are changed twice, as they are and as they were at first, and those
    /// that pairs of LoRA are added to once more for every part of a batch that is learned from
    /// at once: one for each thread.
    pub weights: u64,
    /// Gradients of what is changed, for each of these parts; and their sum, if there are more.
    pub gradients: u64,
    /// The two moments that AdamW keeps of every number that is changed.
    pub moments: u64,
    /// A checkpoint while it is written: weights and moments once more, after the gradients.
    pub checkpoint: u64,
}

impl Footprint {
    /// All that is held at one time.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.weights + self.moments + self.gradients.max(self.checkpoint)
    }
}

impl TrainingConfig {
    /// Says how much memory the training of a decoder takes.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Setting`] names the first setting with which nothing can be built.
    ///
    /// # Examples
    ///
    /// ```
    /// # use c3_decoders::{PrefixDecoderConfig, TrainingConfig, Tune};
    /// let decoder = PrefixDecoderConfig {
    ///     d_embed: 512,
    ///     n_vocab: 10_000,
    ///     max_tokens: 20,
    ///     ..Default::default()
    /// };
    /// let whole = TrainingConfig::default().footprint(&decoder)?;
    /// assert_eq!(whole.moments, 2 * whole.gradients);
    /// let mapper = TrainingConfig { tune: Tune::Mapper, ..Default::default() };
    /// assert!(mapper.footprint(&decoder)?.total() < whole.total() / 2);
    /// # Ok::<_, c3_decoders::DecoderError>(())
    /// ```
    pub fn footprint(&self, decoder: &PrefixDecoderConfig) -> Result<Footprint, DecoderError> {
        self.check()?;
        decoder.check()?;
        let counts = decoder.counts();
        let at_once = self.parts.min(rayon::current_num_threads());
        let sum = u64::from(self.parts > at_once);
        let at_once = at_once as u64;
        let of_block = |numbers: &dyn Fn([u64; 2]) -> u64| {
            let shapes = counts.attention.iter();
            counts.n_blocks * shapes.map(|shape| numbers(*shape)).sum::<u64>()
        };
        let (pairs, sums) = match self.tune {
            Tune::All | Tune::Mapper => (0, 0),
            Tune::Lora { rank, .. } => (
                of_block(&|[rows, columns]| rank as u64 * (rows + columns)),
                of_block(&|[rows, columns]| rows * columns),
            ),
        };
        let tuned = match self.tune {
            Tune::All => counts.all,
            Tune::Mapper | Tune::Lora { .. } => counts.mapper + pairs,
        };
        let moments = NUMBER * 2 * tuned;
        Ok(Footprint {
            weights: NUMBER * (counts.all + pairs + tuned + at_once * sums),
            gradients: NUMBER * (at_once + sum) * tuned,
            moments,
            checkpoint: NUMBER * (counts.all + pairs) + moments,
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::{Device, Tensor};

    use super::*;

    /// Numbers that a training changes, and all.
    #[derive(Default)]
    struct Seen {
        tuned: u64,
        all: u64,
    }

    impl ModuleVisitor for Seen {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let count = param.shape().num_elements() as u64;
            self.all += count;
            if param.is_require_grad() {
                self.tuned += count;
            }
        }
    }

    #[test]
    fn what_is_foretold_is_what_is_there() {
        let config = PrefixDecoderConfig {
            d_embed: 5,
            d_model: 12,
            n_layers: 2,
            n_heads: 2,
            n_vocab: 9,
            max_tokens: 4,
            ..Default::default()
        };
        let attention = 2 * 4 * 12 * 12;
        let lora = Tune::Lora {
            rank: 3,
            alpha: 6.0,
        };
        for (tune, sums) in [(Tune::All, 0), (Tune::Mapper, 0), (lora, attention)] {
            let decoder = config.init(0, &Device::flex()).unwrap();
            let prepared = tune.prepare(decoder, 0);
            let mut seen = Seen::default();
            prepared
                .to_device(&Device::flex().autodiff())
                .train()
                .visit(&mut seen);
            let training = TrainingConfig {
                tune,
                parts: 2,
                ..Default::default()
            };
            let expected = Footprint {
                weights: 4 * (seen.all + seen.tuned + 2 * sums),
                gradients: 8 * seen.tuned,
                moments: 8 * seen.tuned,
                checkpoint: 4 * seen.all + 8 * seen.tuned,
            };
            let footprint = |training: &TrainingConfig, threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let found = || training.footprint(&config).unwrap();
                pool.build().unwrap().install(found)
            };
            assert_eq!(footprint(&training, 4), expected, "{tune:?}");
            let many = TrainingConfig {
                parts: 9,
                ..training
            };
            let accumulated = Footprint {
                gradients: 12 * seen.tuned,
                ..expected
            };
            assert_eq!(footprint(&many, 2), accumulated, "{tune:?}");
        }
    }

    #[test]
    fn a_decoder_that_cannot_be_takes_nothing() {
        let config = PrefixDecoderConfig::default();
        assert!(TrainingConfig::default().footprint(&config).is_err());
    }
}
