//! Embeddings to sentences, in batches.

use c3_geometry::Embeddings;
use serde::Serialize;

use super::decoding::Decoding;
use super::reader::Placed;
use super::sampling::{Nucleus, sample};
use super::search::{Hypothesis, Limits, search};
use crate::prefix::check;
use crate::{CaptionTokenizer, DecoderError, PrefixDecoder, PrefixDecoderConfig};

/// A sentence, and how likely the decoder holds it to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Caption {
    /// The sentence.
    pub text: String,
    /// Natural logarithm of its probability, the end token counted.
    pub log_probability: f64,
}

/// A decoder and the tokenizer that it was trained with.
#[derive(Clone, Debug)]
pub struct Captioner {
    config: PrefixDecoderConfig,
    decoder: Placed,
    tokenizer: CaptionTokenizer,
}

impl Captioner {
    /// Joins a decoder with its tokenizer.
    ///
    /// On the processor its weights are arranged anew, one matrix after the other; they need
    /// twice the memory only where something else holds the decoder too.
    ///
    /// # Errors
    ///
    /// [`DecoderError::VocabularyMismatch`] if they do not belong together.
    pub fn new(decoder: PrefixDecoder, tokenizer: CaptionTokenizer) -> Result<Self, DecoderError> {
        let (ours, theirs) = (decoder.config().n_vocab, tokenizer.n_vocab());
        if ours != theirs {
            return Err(DecoderError::VocabularyMismatch {
                decoder: ours,
                tokenizer: theirs,
            });
        }
        Ok(Self {
            config: decoder.config().clone(),
            decoder: Placed::new(decoder),
            tokenizer,
        })
    }

    /// The sizes of the decoder.
    #[must_use]
    pub fn config(&self) -> &PrefixDecoderConfig {
        &self.config
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &CaptionTokenizer {
        &self.tokenizer
    }

    /// Writes the captions of embeddings, the best of each first.
    ///
    /// The words that the tokenizer does not know are never written.
    ///
    /// # Shapes
    ///
    /// - `embeddings`: `[n, d_embed]`, transformed as for a test
    /// - result: `n` lists of 1 to `n_best` captions
    ///
    /// # Errors
    ///
    /// [`DecoderError::WidthMismatch`], or [`DecoderError::Setting`] for a
    /// decoding that cannot be.
    pub fn caption(
        &self,
        embeddings: &Embeddings,
        decoding: &Decoding,
    ) -> Result<Vec<Vec<Caption>>, DecoderError> {
        let limits = self.limits(decoding)?;
        let expected = self.config.d_embed;
        if embeddings.dim() != expected {
            return Err(DecoderError::WidthMismatch {
                expected,
                found: embeddings.dim(),
            });
        }
        let mut captions: Vec<Vec<Caption>> = Vec::with_capacity(embeddings.len());
        let batches = embeddings
            .as_slice()
            .chunks(decoding.batch_size * embeddings.dim());
        for batch in batches {
            let first_item = captions.len();
            for mut best in self.search(batch, first_item, decoding.nucleus, limits) {
                best.truncate(decoding.n_best);
                captions.push(best.iter().map(|found| self.write(found)).collect());
            }
        }
        Ok(captions)
    }

    fn limits(&self, decoding: &Decoding) -> Result<Limits, DecoderError> {
        decoding.check()?;
        let longest = self.config.max_tokens;
        let max_tokens = decoding.max_tokens.unwrap_or(longest);
        check(
            max_tokens <= longest,
            "max_tokens",
            max_tokens as f64,
            "from 1 to the most that the decoder was trained for",
        )?;
        Ok(Limits {
            beam: match decoding.nucleus {
                Some(_) => decoding.n_best,
                None => decoding.beam,
            },
            max_tokens,
            length_power: decoding.length_power,
            end: self.tokenizer.end(),
            n_vocab: self.config.n_vocab,
        })
    }

    /// Searches the captions of some rows, `[n * d_embed]`.
    fn search(
        &self,
        rows: &[f32],
        first_item: usize,
        nucleus: Option<Nucleus>,
        limits: Limits,
    ) -> Vec<Vec<Hypothesis>> {
        let d_embed = self.config.d_embed;
        let n_rows = rows.len() / d_embed;
        let forbidden = self.tokenizer.forbidden();
        let (mut reader, first) = self.decoder.begin(rows, n_rows, forbidden);
        match nucleus {
            Some(nucleus) => sample(&mut reader, &first, first_item, nucleus, limits),
            None => search(&mut reader, &first, n_rows, limits),
        }
    }

    fn write(&self, found: &Hypothesis) -> Caption {
        Caption {
            text: self.tokenizer.decode(&found.tokens),
            log_probability: found.log_probability,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix::Dropout;
    use crate::{PrefixDecoderConfig, TokenizerConfig};
    use burn::tensor::{Device, Tensor, TensorData};

    const SENTENCE: &str = "one two three four five six seven eight";

    /// Weights so large that every embedding has a caption of its own.
    fn decoder() -> (PrefixDecoder, CaptionTokenizer) {
        let tokenizer = TokenizerConfig::Words { min_count: 1 }
            .train([SENTENCE])
            .unwrap();
        let config = PrefixDecoderConfig {
            d_embed: 4,
            d_model: 8,
            n_layers: 2,
            n_heads: 2,
            n_prefix: 2,
            n_vocab: tokenizer.n_vocab(),
            max_tokens: 7,
            ..Default::default()
        };
        let mut decoder = config.init(11, &Device::flex()).unwrap();
        decoder.tokens = decoder.tokens.map(|tokens| tokens * 60.0);
        (decoder, tokenizer)
    }

    fn captioner() -> Captioner {
        let (decoder, tokenizer) = decoder();
        Captioner::new(decoder, tokenizer).unwrap()
    }

    fn embeddings() -> Embeddings {
        let values = (0..40).map(|index| (index as f32 * 1.7).sin() * 4.0);
        Embeddings::new(values.collect(), 4).unwrap()
    }

    /// Reads everything anew for every token, one embedding at a time.
    fn naive(row: &[f32]) -> String {
        let (decoder, tokenizer) = decoder();
        let mut tokens: Vec<u32> = Vec::new();
        while tokens.len() < 7 && tokens.last() != Some(&tokenizer.end()) {
            let embedding = Tensor::<1>::from_data(row, &decoder.device()).unsqueeze();
            let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
            let read = (!ids.is_empty()).then(|| {
                Tensor::from_data(TensorData::new(ids, [1, tokens.len()]), &decoder.device())
            });
            let hidden = decoder.hidden(embedding, read, &mut Dropout::Off);
            let last = hidden
                .slice_dim(1, tokens.len()..tokens.len() + 1)
                .squeeze_dim::<2>(1);
            let logits = last.matmul(decoder.output_weights().transpose());
            let logits = logits.try_into_vec_as::<f32>().unwrap();
            let allowed =
                (0..logits.len() as u32).filter(|token| !tokenizer.forbidden().contains(token));
            let best = allowed.max_by(|a, b| logits[*a as usize].total_cmp(&logits[*b as usize]));
            tokens.extend(best);
        }
        tokenizer.decode(&tokens)
    }

    #[test]
    fn greedy_captions_are_those_of_reading_everything_anew() {
        let (captioner, embeddings) = (captioner(), embeddings());
        let decoding = Decoding {
            batch_size: 4,
            ..Default::default()
        };
        let captions = captioner.caption(&embeddings, &decoding).unwrap();
        let found: Vec<&str> = captions.iter().map(|best| best[0].text.as_str()).collect();
        let expected: Vec<String> = embeddings.rows().map(naive).collect();
        assert_eq!(found, expected);
        let distinct: std::collections::BTreeSet<_> = found.iter().collect();
        assert!(distinct.len() > 3, "the fixture says too little: {found:?}");
    }

    #[test]
    fn captions_are_the_same_off_the_host() {
        let (decoder, _) = decoder();
        let here = captioner();
        let there = Captioner {
            decoder: Placed::OnDevice(Box::new(decoder)),
            ..here.clone()
        };
        for beam in [1, 3] {
            let decoding = Decoding {
                beam,
                n_best: beam,
                ..Default::default()
            };
            let [here, there] = [&here, &there].map(|captioner| {
                let captions = captioner.caption(&embeddings(), &decoding);
                captions.unwrap().concat()
            });
            assert_eq!(here.len(), there.len());
            for (here, there) in here.iter().zip(&there) {
                assert_eq!(here.text, there.text);
                // The same sums in another order, in f32.
                assert!((here.log_probability - there.log_probability).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn a_batch_changes_nothing() {
        let (captioner, embeddings) = (captioner(), embeddings());
        let decoding = |batch_size| Decoding {
            beam: 3,
            n_best: 3,
            batch_size,
            ..Default::default()
        };
        let whole = captioner.caption(&embeddings, &decoding(10)).unwrap();
        let apart = captioner.caption(&embeddings, &decoding(1)).unwrap();
        for (whole, apart) in whole.iter().flatten().zip(apart.iter().flatten()) {
            assert_eq!(whole.text, apart.text);
            // Sums over rows of one batch or another, in f32.
            assert!((whole.log_probability - apart.log_probability).abs() < 1e-4);
        }
        assert!(whole.iter().all(|best| best.len() == 3));
    }

    #[test]
    fn what_is_drawn_depends_on_the_seed_and_not_on_the_batch() {
        let (captioner, embeddings) = (captioner(), embeddings());
        let drawn = |seed, batch_size| {
            let decoding = Decoding {
                n_best: 3,
                nucleus: Some(Nucleus {
                    p: 0.95,
                    temperature: 20.0, // the weights are so large that else one token is certain
                    seed,
                }),
                batch_size,
                ..Default::default()
            };
            let captions = captioner.caption(&embeddings, &decoding).unwrap();
            assert!(captions.iter().all(|of_one| of_one.len() == 3));
            let texts = captions
                .iter()
                .flatten()
                .map(|caption| caption.text.clone());
            texts.collect::<Vec<_>>()
        };
        let whole = drawn(1, 10);
        assert_eq!(whole, drawn(1, 3));
        assert_ne!(whole, drawn(2, 10));
        assert!(whole[0] != whole[1] || whole[1] != whole[2]);
    }

    #[test]
    fn a_decoding_that_cannot_be_is_refused() {
        let (captioner, embeddings) = (captioner(), embeddings());
        let refuse = |decoding: Decoding| {
            let error = captioner.caption(&embeddings, &decoding).unwrap_err();
            error.to_string()
        };
        let greedy = Decoding::default;
        assert_eq!(
            refuse(Decoding {
                n_best: 2,
                ..greedy()
            }),
            "setting `n_best` is 2, but must be from 1 to the beam"
        );
        refuse(Decoding {
            beam: 0,
            ..greedy()
        });
        let drawing = |p, temperature| Decoding {
            nucleus: Some(Nucleus {
                p,
                temperature,
                seed: 0,
            }),
            ..greedy()
        };
        for (p, temperature) in [(0.0, 1.0), (1.5, 1.0), (f32::NAN, 1.0), (0.9, 0.0)] {
            assert!(refuse(drawing(p, temperature)).contains("nucleus."));
        }
        let both = Decoding {
            beam: 2,
            ..drawing(0.9, 1.0)
        };
        assert!(refuse(both).contains("where captions are drawn"));
        refuse(Decoding {
            max_tokens: Some(8),
            ..greedy()
        });
        refuse(Decoding {
            length_power: f64::NAN,
            ..greedy()
        });
        let narrow = Embeddings::new(vec![1.0; 3], 3).unwrap();
        assert!(matches!(
            captioner.caption(&narrow, &greedy()),
            Err(DecoderError::WidthMismatch {
                expected: 4,
                found: 3
            })
        ));
    }
}
