//! The tokens that a GGUF brings along.

use tokenizers::models::bpe::Vocab;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer};

use crate::files::{Gguf, GgufFault};
use crate::tokenizer::{byte_pairs, tokenizer_error, words};
use crate::{CaptionTokenizer, DecoderError};

const MODEL: &str = "tokenizer.ggml.model";
const CUT: &str = "tokenizer.ggml.pre";
const MERGES: &str = "tokenizer.ggml.merges";
const KINDS: &str = "tokenizer.ggml.token_type";
/// Tokens that stand for no text, and those that are never cut.
const SPECIAL: [i64; 2] = [3, 4];

/// How a text is cut before its bytes are paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// As in GPT-2.
    Words,
    /// As in SmolLM2: and every digit for itself.
    WordsAndDigits,
}

impl CaptionTokenizer {
    /// The byte pairs that a GGUF holds, of GPT-2's kind or SmolLM2's.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Gguf`] for other bytes and for a file without tokens,
    /// [`DecoderError::Unsupported`] for tokens of another kind: their `tokenizer.json` is needed;
    /// [`DecoderError::Tokenizer`] if the parts do not belong together,
    /// [`DecoderError::MissingToken`] if none ends a text.
    pub fn from_gguf(bytes: &[u8]) -> Result<Self, DecoderError> {
        let file = Gguf::open(bytes)?;
        let unsupported = |setting, value: &str| DecoderError::Unsupported {
            setting,
            value: value.to_owned(),
        };
        let model = file.text(MODEL)?;
        if model != "gpt2" {
            return Err(unsupported(MODEL, model));
        }
        let cut = match file.text(CUT)? {
            "gpt-2" => Cut::Words,
            "smollm" => Cut::WordsAndDigits,
            other => return Err(unsupported(CUT, other)),
        };
        let tokens = file.texts("tokenizer.ggml.tokens")?;
        let kinds = file.numbers(KINDS)?;
        if kinds.len() != tokens.len() {
            return Err(DecoderError::Gguf {
                fault: GgufFault::Missing { key: KINDS },
            });
        }
        let vocabulary: Vocab = tokens
            .iter()
            .zip(0..)
            .map(|(token, id)| ((*token).to_owned(), id))
            .collect();
        let merges = file.texts(MERGES)?.into_iter().map(|pair| {
            let (left, right) = pair.split_once(' ').ok_or(DecoderError::Gguf {
                fault: GgufFault::Missing { key: MERGES },
            })?;
            Ok((left.to_owned(), right.to_owned()))
        });
        let merges = merges.collect::<Result<Vec<_>, DecoderError>>()?;
        let special = tokens.iter().zip(kinds);
        let special = special.filter(|(_, kind)| SPECIAL.contains(kind));
        let special: Vec<AddedToken> = special
            .map(|(token, _)| AddedToken::from(*token, true))
            .collect();
        let build = || -> tokenizers::Result<Tokenizer> {
            let mut tokenizer = byte_pairs(vocabulary, merges)?;
            match cut {
                Cut::Words => tokenizer.with_pre_tokenizer(Some(words())),
                Cut::WordsAndDigits => {
                    let both = vec![Digits::new(true).into(), words().into()];
                    tokenizer.with_pre_tokenizer(Some(Sequence::new(both)))
                }
            };
            tokenizer.add_special_tokens(special)?;
            Ok(tokenizer)
        };
        Self::new(build().map_err(tokenizer_error)?)
    }
}
