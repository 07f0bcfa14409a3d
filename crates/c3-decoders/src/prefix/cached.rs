//! Reading one token at a time, with everything read before kept.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::attention::KeyValues;
use super::model::PrefixDecoder;

/// Rows being read by a decoder, and the keys and values of every token read so far.
#[derive(Clone, Debug)]
pub(crate) struct Reading<'a> {
    decoder: &'a PrefixDecoder,
    caches: Vec<KeyValues>,
    n_rows: usize,
    n_read: usize,
}

impl PrefixDecoder {
    /// Reads the prefixes of some embeddings, `[batch, d_embed]`, and says how likely every
    /// first token is, `[batch, n_vocab]`.
    pub(crate) fn read_prefix(&self, embeddings: Tensor<2>) -> (Reading<'_>, Tensor<2>) {
        let [n_rows, _] = embeddings.dims();
        let prefix = self.prefix.forward(embeddings);
        let [_, n_prefix, _] = prefix.dims();
        let (last, caches) = self.body.read_keeping(prefix);
        let reading = Reading {
            decoder: self,
            caches,
            n_rows,
            n_read: n_prefix,
        };
        (reading, self.log_probabilities(last))
    }

    /// `[batch, 1, d_model]` to `[batch, n_vocab]`
    fn log_probabilities(&self, last: Tensor<3>) -> Tensor<2> {
        let hidden = last.squeeze_dim::<2>(1);
        let logits = hidden.matmul(self.output_weights().transpose());
        // As in the loss: log-sum-exp from the largest probability, in one fused softmax.
        let highest = logits.clone().max_dim(1);
        let largest = activation::softmax(logits.clone(), 1).max_dim(1);
        logits - (highest - largest.log())
    }
}

impl Reading<'_> {
    /// Goes on from rows `parents` by `tokens`: `[n, n_vocab]` log-probabilities of the next.
    pub(crate) fn step(&mut self, parents: &[usize], tokens: &[u32]) -> Tensor<2> {
        self.choose(parents);
        let decoder = self.decoder;
        let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
        let read = TensorData::new(ids, [tokens.len(), 1]);
        let read = Tensor::<2, Int>::from_data(read, &decoder.device());
        let token = decoder.embed(read);
        let last = decoder.body.read_next(token, self.n_read, &mut self.caches);
        self.n_read += 1;
        decoder.log_probabilities(last)
    }

    /// Keeps the caches of some rows, in their order.
    fn choose(&mut self, parents: &[usize]) {
        let as_before = parents.len() == self.n_rows
            && parents
                .iter()
                .enumerate()
                .all(|(row, parent)| row == *parent);
        if as_before {
            return;
        }
        let rows: Vec<i64> = parents.iter().map(|parent| *parent as i64).collect();
        let rows = Tensor::<1, Int>::from_data(rows.as_slice(), &self.decoder.device());
        for cache in &mut self.caches {
            cache.keys = cache.keys.clone().select(0, rows.clone());
            cache.values = cache.values.clone().select(0, rows.clone());
        }
        self.n_rows = parents.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LlamaBodyConfig;
    use crate::prefix::{BodyConfig, Dropout, Mapper, Output, PrefixDecoderConfig};
    use burn::tensor::Device;

    #[test]
    fn reading_with_a_cache_agrees_with_reading_anew() {
        let shared = LlamaBodyConfig {
            n_kv_heads: 1,
            d_head: 6,
            d_hidden: 20,
            rope_base: 100.0,
            epsilon: 1e-5,
        };
        for body in [BodyConfig::Gpt, BodyConfig::Llama(shared)] {
            read_both_ways(body);
        }
    }

    fn read_both_ways(body: BodyConfig) {
        let device = Device::flex();
        let config = PrefixDecoderConfig {
            body,
            d_embed: 5,
            d_model: 12,
            n_layers: 2,
            n_heads: 3,
            n_prefix: 3,
            n_vocab: 9,
            max_tokens: 5,
            mapper: Mapper::Mlp,
            output: Output::Untied,
            ..Default::default()
        };
        let decoder = config.init(3, &device).unwrap();
        let host = decoder.clone().into_host();
        let values: Vec<f32> = (0..10).map(|index| (index as f32).sin() * 3.0).collect();
        let captions: [[u32; 4]; 2] = [[4, 8, 2, 3], [7, 7, 5, 1]];

        let (mut on_host, mut host_found) = host.read_prefix(&values, 2);
        let embeddings = Tensor::from_data(TensorData::new(values, [2, 5]), &device);
        let (mut reading, mut found) = decoder.read_prefix(embeddings.clone());
        let tensor = |found: &[f32]| -> Tensor<2> {
            Tensor::from_data(TensorData::new(found.to_vec(), [2, 9]), &device)
        };
        for n_read in 0..=4 {
            let expected = anew(&decoder, embeddings.clone(), &captions, n_read);
            close(tensor(&host_found), expected.clone());
            close(found, expected);
            if n_read == 4 {
                break;
            }
            // Rows swapped and swapped back: the cache must follow its row.
            let mut swapped = reading.clone();
            swapped.choose(&[1, 0]);
            let tokens = captions.map(|caption| caption[n_read]);
            let turned = swapped.step(&[1, 0], &tokens);
            found = reading.step(&[0, 1], &tokens);
            close(turned, found.clone());
            let mut swapped = on_host.clone();
            let turned = swapped.step(&[1, 0], &[tokens[1], tokens[0]]);
            host_found = on_host.step(&[0, 1], &tokens);
            assert_eq!(turned, [&host_found[9..], &host_found[..9]].concat());
        }
    }

    fn anew(
        decoder: &PrefixDecoder,
        embeddings: Tensor<2>,
        captions: &[[u32; 4]; 2],
        n_read: usize,
    ) -> Tensor<2> {
        let ids: Vec<i64> = captions
            .iter()
            .flat_map(|caption| caption[..n_read].iter().map(|token| i64::from(*token)))
            .collect();
        let read = (n_read > 0)
            .then(|| Tensor::from_data(TensorData::new(ids, [2, n_read]), &decoder.device()));
        let hidden = decoder.hidden(embeddings, read, &mut Dropout::Off);
        let last = hidden.slice_dim(1, n_read..n_read + 1).squeeze_dim::<2>(1);
        activation::log_softmax(last.matmul(decoder.output_weights().transpose()), 1)
    }

    fn close(found: Tensor<2>, expected: Tensor<2>) {
        let difference = (found - expected).abs().max();
        // The same sums in another order, in f32, of values around two.
        assert!(difference.try_into_scalar::<f32>().unwrap() < 1e-5);
    }
}
