//! What a decoder learns from: captions, each with its embedding.

use c3_geometry::Embeddings;

use crate::{DecoderError, PrefixDecoderConfig};

/// Tokenized captions with the embedding of each.
///
/// Several captions may share one embedding, as the five of a photo do.
#[derive(Clone, Debug)]
pub struct CaptionSet {
    embeddings: Embeddings,
    rows: Vec<usize>,
    captions: Vec<Vec<u32>>,
}

impl CaptionSet {
    /// Joins caption `i` with row `rows[i]` of the embeddings.
    ///
    /// # Shapes
    ///
    /// - `embeddings`: `[n, d_embed]`, before collapse and corrupt
    /// - `rows`, `captions`: as long as each other; every caption ends with the end token
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoCaptions`], [`DecoderError::Unpaired`], [`DecoderError::NoSuchRow`].
    pub fn new(
        embeddings: Embeddings,
        rows: Vec<usize>,
        captions: Vec<Vec<u32>>,
    ) -> Result<Self, DecoderError> {
        if captions.is_empty() {
            return Err(DecoderError::NoCaptions);
        }
        if rows.len() != captions.len() {
            return Err(DecoderError::Unpaired {
                captions: captions.len(),
                rows: rows.len(),
            });
        }
        let beyond = rows.iter().position(|row| *row >= embeddings.len());
        if let Some(caption) = beyond {
            return Err(DecoderError::NoSuchRow {
                caption,
                row: rows[caption],
                rows: embeddings.len(),
            });
        }
        Ok(Self {
            embeddings,
            rows,
            captions,
        })
    }

    /// Joins caption `i` with row `i`: text embeddings with their own sentences.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn one_to_one(
        embeddings: Embeddings,
        captions: Vec<Vec<u32>>,
    ) -> Result<Self, DecoderError> {
        let rows = (0..embeddings.len()).collect();
        Self::new(embeddings, rows, captions)
    }

    /// Some captions with the embeddings of those alone.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoCaptions`] if none is chosen.
    ///
    /// # Panics
    ///
    /// If a caption is chosen that is not there.
    pub fn select(&self, captions: &[usize]) -> Result<Self, DecoderError> {
        let mut used: Vec<usize> = captions.iter().map(|caption| self.rows[*caption]).collect();
        used.sort_unstable();
        used.dedup();
        let place = |caption: &usize| {
            let row = self.rows[*caption];
            used.binary_search(&row).expect("every chosen row is used")
        };
        let rows = captions.iter().map(place).collect();
        let tokens = captions
            .iter()
            .map(|caption| self.captions[*caption].clone());
        Self::new(self.embeddings.select(&used), rows, tokens.collect())
    }

    /// Number of captions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.captions.len()
    }

    /// Whether there are no captions; never true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.captions.is_empty()
    }

    /// Tokens of the longest caption, the end token counted.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.captions.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The tokens of one caption.
    pub(super) fn tokens(&self, caption: usize) -> &[u32] {
        &self.captions[caption]
    }

    /// The embeddings of some captions, `[captions.len(), d_embed]`.
    pub(super) fn embeddings(&self, captions: &[usize]) -> Embeddings {
        let rows: Vec<usize> = captions.iter().map(|caption| self.rows[*caption]).collect();
        self.embeddings.select(&rows)
    }

    /// The captions from `start` up to `end`.
    pub(super) fn part(&self, start: usize, end: usize) -> Self {
        Self {
            embeddings: self.embeddings.clone(),
            rows: self.rows[start..end].to_vec(),
            captions: self.captions[start..end].to_vec(),
        }
    }

    /// Refuses captions that a decoder of these sizes cannot read.
    pub(super) fn check(&self, config: &PrefixDecoderConfig) -> Result<(), DecoderError> {
        for (caption, tokens) in self.captions.iter().enumerate() {
            let length = tokens.len();
            if length == 0 || length > config.max_tokens {
                return Err(DecoderError::CaptionLength {
                    caption,
                    tokens: length,
                    max_tokens: config.max_tokens,
                });
            }
            let unknown = tokens
                .iter()
                .find(|token| **token as usize >= config.n_vocab);
            if let Some(token) = unknown {
                return Err(DecoderError::NoSuchToken {
                    caption,
                    token: *token,
                    n_vocab: config.n_vocab,
                });
            }
        }
        Ok(())
    }
}
