//! How many numbers a decoder has, said before any is there.

use super::config::{BodyConfig, Mapper, Output, PrefixDecoderConfig};

/// Numbers of the parts of a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// From the embedding to the prefix.
    pub(crate) mapper: u64,
    /// Shapes of the queries, keys, values and outputs of attention, for each of the blocks.
    pub(crate) attention: [[u64; 2]; 4],
    pub(crate) n_blocks: u64,
    /// The mapper too.
    pub(crate) all: u64,
}

impl PrefixDecoderConfig {
    /// Counts the numbers of the decoder that [`Self::init`] makes.
    pub(crate) fn counts(&self) -> Counts {
        let [d_model, n_blocks, n_vocab] =
            [self.d_model, self.n_layers, self.n_vocab].map(|count| count as u64);
        let mapper = self.mapper_count();
        let (d_query, d_shared) = match &self.body {
            BodyConfig::Gpt => (d_model, d_model),
            BodyConfig::Llama(body) => (
                (self.n_heads * body.d_head) as u64,
                (body.n_kv_heads * body.d_head) as u64,
            ),
        };
        let attention = [
            [d_model, d_query],
            [d_model, d_shared],
            [d_model, d_shared],
            [d_query, d_model],
        ];
        let projections: u64 = attention.iter().map(|[rows, columns]| rows * columns).sum();
        let (block, outside) = match &self.body {
            BodyConfig::Gpt => (
                projections + 4 * d_model + norm(d_model) * 2 + mlp(d_model, 4 * d_model),
                self.n_positions() as u64 * d_model + norm(d_model),
            ),
            BodyConfig::Llama(body) => (
                projections + 2 * d_model + 3 * d_model * body.d_hidden as u64,
                d_model,
            ),
        };
        let tables = match self.output {
            Output::Tied => 1,
            Output::Untied => 2,
        };
        Counts {
            mapper,
            attention,
            n_blocks,
            all: mapper + tables * n_vocab * d_model + n_blocks * block + outside,
        }
    }

    fn mapper_count(&self) -> u64 {
        let [d_embed, d_model, n_prefix] =
            [self.d_embed, self.d_model, self.n_prefix].map(|count| count as u64);
        let d_prefix = n_prefix * d_model;
        match self.mapper {
            Mapper::Linear => linear(d_embed, d_prefix),
            Mapper::Mlp => {
                let d_hidden = (d_prefix / 2).max(1);
                linear(d_embed, d_hidden) + linear(d_hidden, d_prefix)
            }
            Mapper::Transformer {
                n_embedded,
                n_layers,
                ..
            } => {
                let attention = 3 * d_model * d_model + linear(d_model, d_model);
                let layer = attention + norm(d_model) * 2 + mlp(d_model, 2 * d_model);
                linear(d_embed, n_embedded as u64 * d_model) + d_prefix + n_layers as u64 * layer
            }
        }
    }
}

fn linear(d_input: u64, d_output: u64) -> u64 {
    d_input * d_output + d_output
}

fn norm(d_model: u64) -> u64 {
    2 * d_model
}

fn mlp(d_model: u64, d_hidden: u64) -> u64 {
    linear(d_model, d_hidden) + linear(d_hidden, d_model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LlamaBodyConfig;
    use burn::module::Module;
    use burn::tensor::Device;

    #[test]
    fn as_many_are_counted_as_there_are() {
        let shared = LlamaBodyConfig {
            n_kv_heads: 1,
            d_head: 6,
            d_hidden: 20,
            rope_base: 100.0,
            epsilon: 1e-5,
        };
        let attention = Mapper::Transformer {
            n_embedded: 3,
            n_layers: 2,
            n_heads: 2,
        };
        let plain = PrefixDecoderConfig {
            d_embed: 5,
            d_model: 12,
            n_layers: 3,
            n_heads: 2,
            n_prefix: 4,
            n_vocab: 9,
            max_tokens: 5,
            ..Default::default()
        };
        for body in [BodyConfig::Gpt, BodyConfig::Llama(shared)] {
            for mapper in [Mapper::Linear, Mapper::Mlp, attention] {
                count_both_ways(&PrefixDecoderConfig {
                    mapper,
                    body,
                    ..plain.clone()
                });
            }
        }
        count_both_ways(&PrefixDecoderConfig {
            output: Output::Untied,
            ..plain
        });
    }

    fn count_both_ways(config: &PrefixDecoderConfig) {
        let decoder = config.init(0, &Device::flex()).unwrap();
        let counts = config.counts();
        assert_eq!(counts.all, decoder.num_params() as u64, "{config:?}");
        assert_eq!(counts.mapper, decoder.prefix.num_params() as u64);
    }

    #[test]
    fn a_gpt2_has_as_many_as_everybody_says() {
        let gpt2 = PrefixDecoderConfig {
            d_embed: 512,
            d_model: 768,
            n_layers: 12,
            n_heads: 12,
            n_prefix: 10,
            n_vocab: 50_257,
            max_tokens: 1024 - 9,
            mapper: Mapper::Mlp,
            ..Default::default()
        };
        let counts = gpt2.counts();
        assert_eq!(counts.mapper, 31_468_800);
        assert_eq!(counts.all - counts.mapper, 124_439_808);
    }
}
