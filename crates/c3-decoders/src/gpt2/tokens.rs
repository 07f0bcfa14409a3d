//! The tokens of GPT-2.

use tokenizers::models::bpe::Vocab;
use tokenizers::{AddedToken, Tokenizer};

use crate::tokenizer::{END_OF_TEXT, byte_pairs, tokenizer_error, words};
use crate::{CaptionTokenizer, DecoderError};

impl CaptionTokenizer {
    /// The byte pairs of GPT-2, from the two files that come with its weights.
    ///
    /// `vocabulary` is the text of `vocab.json` (or `encoder.json`), `merges` that of `merges.txt`
    /// (or `vocab.bpe`).
    ///
    /// # Errors
    ///
    /// [`DecoderError::TokenizerFile`] for a vocabulary that is no map from tokens to numbers,
    /// [`DecoderError::Merge`] for a line that is no pair, [`DecoderError::Tokenizer`] if they do
    /// not belong together, [`DecoderError::MissingToken`] without `<|endoftext|>`.
    pub fn gpt2(vocabulary: &str, merges: &str) -> Result<Self, DecoderError> {
        let vocabulary: Vocab = serde_json::from_str(vocabulary)
            .map_err(|source| DecoderError::TokenizerFile { source })?;
        let lines = merges.lines().enumerate();
        let lines = lines.filter(|(at, line)| !line.is_empty() && (*at > 0 || !is_header(line)));
        let merges = lines.map(|(at, line)| match line.split_once(' ') {
            Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
            None => Err(DecoderError::Merge { line: at + 1 }),
        });
        let merges = merges.collect::<Result<Vec<_>, _>>()?;
        let build = || -> tokenizers::Result<Tokenizer> {
            let mut tokenizer = byte_pairs(vocabulary, merges)?;
            tokenizer.with_pre_tokenizer(Some(words()));
            if tokenizer.token_to_id(END_OF_TEXT).is_some() {
                tokenizer.add_special_tokens([AddedToken::from(END_OF_TEXT, true)])?;
            }
            Ok(tokenizer)
        };
        Self::new(build().map_err(tokenizer_error)?)
    }
}

/// The first line of `merges.txt` says its version.
fn is_header(line: &str) -> bool {
    line.starts_with("#version")
}
