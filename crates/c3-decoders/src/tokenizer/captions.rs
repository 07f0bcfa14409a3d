//! A vocabulary at work.

use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::DecoderError;

/// Fills the room after a caption.
pub(super) const PAD: &str = "[PAD]";
/// Ends a caption.
pub(super) const END: &str = "[END]";
/// Stands for what is not in the vocabulary.
pub(super) const UNKNOWN: &str = "[UNK]";
/// Ends a text of GPT-2 and of SmolLM2.
pub(crate) const END_OF_TEXT: &str = "<|endoftext|>";
/// What ends a text, by the name that it has in one vocabulary or another; the newer Llamas and
/// the older ones come after GPT-2.
const ENDS_OF_TEXT: [&str; 4] = [END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>"];

/// Cuts captions into tokens and writes tokens as captions.
#[derive(Clone, Debug)]
pub struct CaptionTokenizer {
    tokenizer: Tokenizer,
    end: u32,
    /// Tokens that are never written.
    forbidden: Vec<u32>,
    style: Style,
    stop: Stop,
}

/// How tokens are joined to a caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Words with spaces between, closed up around punctuation.
    Words,
    /// Bytes, which hold their own spaces.
    Bytes,
}

/// What ends a caption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// A token of its own, which is not part of the caption.
    #[default]
    EndToken,
    /// The token of a full stop, which is part of the caption and is never added: so the original
    /// trains and stops. A caption without a full stop does not teach how to end.
    FullStop,
}

impl CaptionTokenizer {
    /// Reads the text of a `tokenizer.json` that [`Self::to_json`] wrote, or that of a GPT-2 or a
    /// Llama.
    ///
    /// # Errors
    ///
    /// [`DecoderError::TokenizerFile`] if it is not one,
    /// [`DecoderError::MissingToken`] if it was made for another use.
    pub fn from_json(json: &str) -> Result<Self, DecoderError> {
        let tokenizer =
            serde_json::from_str(json).map_err(|source| DecoderError::TokenizerFile { source })?;
        Self::new(tokenizer)
    }

    pub(crate) fn new(mut tokenizer: Tokenizer) -> Result<Self, DecoderError> {
        // A caption that spells out `[END]` is text, not an order to stop.
        tokenizer.set_encode_special_tokens(true);
        let (end, forbidden, style) = ending(&tokenizer)?;
        Ok(Self {
            tokenizer,
            end,
            forbidden,
            style,
            stop: Stop::EndToken,
        })
    }

    /// The same tokens, with another end of captions.
    ///
    /// # Errors
    ///
    /// [`DecoderError::MissingToken`] if the full stop is no token.
    pub fn stopping_at(mut self, stop: Stop) -> Result<Self, DecoderError> {
        let id = |token| {
            let found = self.tokenizer.token_to_id(token);
            found.ok_or(DecoderError::MissingToken { token })
        };
        self.end = match stop {
            Stop::FullStop => id(".")?,
            Stop::EndToken => ending(&self.tokenizer)?.0,
        };
        self.stop = stop;
        Ok(self)
    }

    /// The text of a `tokenizer.json`, readable by every `tokenizers` library.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Tokenizer`] from the library.
    pub fn to_json(&self) -> Result<String, DecoderError> {
        self.tokenizer.to_string(true).map_err(tokenizer_error)
    }

    /// Number of tokens, the special ones counted.
    #[must_use]
    pub fn n_vocab(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// Ends every caption.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.end
    }

    /// Tokens that no caption holds: what fills room, and what stands for unknown words.
    #[must_use]
    pub fn forbidden(&self) -> &[u32] {
        &self.forbidden
    }

    /// Cuts a caption into tokens, the end token last unless captions stop at a full stop.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Tokenizer`] from the library.
    pub fn encode(&self, caption: &str) -> Result<Vec<u32>, DecoderError> {
        let encoding = self
            .tokenizer
            .encode_fast(caption, false)
            .map_err(tokenizer_error)?;
        let mut tokens = encoding.get_ids().to_vec();
        if self.stop == Stop::EndToken {
            tokens.push(self.end);
        }
        Ok(tokens)
    }

    /// Writes tokens as a caption: no special tokens, and one space between words, none before a
    /// comma or a full stop, unless tokens hold their own spaces.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let known: Vec<u32> = tokens
            .iter()
            .copied()
            .filter(|token| (*token as usize) < self.n_vocab())
            .collect();
        let text = self
            .tokenizer
            .decode(&known, true)
            .expect("decoders of all kinds accept any list of known tokens");
        match self.style {
            Style::Words => punctuate(&text),
            Style::Bytes => text.trim().to_owned(),
        }
    }
}

/// Closes the gaps that joining tokens by spaces leaves around punctuation.
fn punctuate(text: &str) -> String {
    let mut sentence = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let closes = word.starts_with(['.', ',', ':', ';', '!', '?', ')', ']', '’', '”', '%']);
        let opened = sentence.ends_with(['(', '[', '“', '#']);
        if !sentence.is_empty() && !closes && !opened {
            sentence.push(' ');
        }
        sentence.push_str(word);
    }
    sentence
}

/// What ends a caption, what is never written, and how tokens are joined.
///
/// Ours is asked for first: a caption may spell out what ends somebody else's texts.
fn ending(tokenizer: &Tokenizer) -> Result<(u32, Vec<u32>, Style), DecoderError> {
    let id = |token: &str| tokenizer.token_to_id(token);
    let ours = (id(PAD), id(END), id(UNKNOWN));
    if let (Some(pad), Some(end), Some(unknown)) = ours {
        return Ok((end, vec![pad, unknown], Style::Words));
    }
    if let Some(end) = ENDS_OF_TEXT.iter().find_map(|token| id(token)) {
        return Ok((end, Vec::new(), Style::Bytes));
    }
    let token = match ours {
        (None, ..) => END_OF_TEXT, // ours always fill room; one that does not is somebody else's
        (_, None, _) => END,
        _ => UNKNOWN,
    };
    Err(DecoderError::MissingToken { token })
}

pub(crate) fn tokenizer_error(source: tokenizers::Error) -> DecoderError {
    DecoderError::Tokenizer { source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TokenizerConfig;

    const SENTENCES: [&str; 4] = [
        "Woman firefighter: medium-dark skin tone",
        "A man, running (fast). Don't stop!",
        "two dogs run on the beach . two dogs",
        "naïve café owner’s 3 #1 fans",
    ];

    fn kinds() -> [TokenizerConfig; 3] {
        [
            TokenizerConfig::Words { min_count: 1 },
            TokenizerConfig::WordPieces { n_vocab: 80 },
            TokenizerConfig::Bpe { n_vocab: 90 },
        ]
    }

    #[test]
    fn a_caption_survives_the_way_to_tokens_and_back() {
        for kind in kinds() {
            let tokenizer = kind.train(SENTENCES).unwrap();
            for sentence in SENTENCES {
                let tokens = tokenizer.encode(sentence).unwrap();
                let expected = sentence.to_lowercase().replace(" .", ".");
                assert_eq!(tokenizer.decode(&tokens), expected, "{kind:?}");
            }
        }
    }

    #[test]
    fn every_caption_ends_with_the_end_token_alone() {
        for kind in kinds() {
            let tokenizer = kind.train(SENTENCES).unwrap();
            assert_eq!(tokenizer.encode("").unwrap(), [tokenizer.end()]);
            let tokens = tokenizer.encode("two [END] dogs").unwrap();
            let ends = tokens.iter().filter(|token| **token == tokenizer.end());
            assert_eq!(ends.count(), 1, "{kind:?}");
        }
    }

    #[test]
    fn training_twice_gives_the_same_file() {
        for kind in kinds() {
            let first = kind.train(SENTENCES).unwrap().to_json().unwrap();
            for _ in 0..3 {
                assert_eq!(kind.train(SENTENCES).unwrap().to_json().unwrap(), first);
            }
        }
    }

    #[test]
    fn a_file_read_back_cuts_the_same_way() {
        for kind in kinds() {
            let tokenizer = kind.train(SENTENCES).unwrap();
            let json = tokenizer.to_json().unwrap();
            let read = CaptionTokenizer::from_json(&json).unwrap();
            assert_eq!(read.to_json().unwrap(), json);
            let caption = "two men don't run: medium-dark";
            assert_eq!(
                read.encode(caption).unwrap(),
                tokenizer.encode(caption).unwrap()
            );
        }
    }

    #[test]
    fn a_rare_word_is_unknown_and_is_not_written() {
        let tokenizer = TokenizerConfig::Words { min_count: 2 }
            .train(SENTENCES)
            .unwrap();
        let tokens = tokenizer.encode("two naïve dogs").unwrap();
        assert!(tokenizer.forbidden().contains(&tokens[1]));
        assert_eq!(tokenizer.decode(&tokens), "two dogs");
    }

    #[test]
    fn the_vocabulary_is_as_large_as_asked_for() {
        for n_vocab in [80, 95] {
            let pieces = TokenizerConfig::WordPieces { n_vocab };
            assert_eq!(pieces.train(SENTENCES).unwrap().n_vocab(), n_vocab);
            let pairs = TokenizerConfig::Bpe { n_vocab };
            assert_eq!(pairs.train(SENTENCES).unwrap().n_vocab(), n_vocab);
        }
    }

    #[test]
    fn a_tokenizer_for_another_use_is_refused() {
        let json = TokenizerConfig::Words { min_count: 1 }
            .train(SENTENCES)
            .unwrap()
            .to_json()
            .unwrap()
            .replace(END, "[SEP]");
        let error = CaptionTokenizer::from_json(&json).unwrap_err();
        assert_eq!(error.to_string(), "the tokenizer has no `[END]` token");
        let error = CaptionTokenizer::from_json(&json.replace(PAD, "<fim>")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the tokenizer has no `<|endoftext|>` token"
        );
        let newer = json.replace(PAD, "<|end_of_text|>");
        let newer = CaptionTokenizer::from_json(&newer).unwrap();
        assert_eq!(newer.encode("").unwrap(), [0], "the token that ends a text");
        assert!(CaptionTokenizer::from_json("{").is_err());
    }

    #[test]
    fn nothing_to_read_is_an_error() {
        let none: [&str; 0] = [];
        assert!(matches!(
            TokenizerConfig::Bpe { n_vocab: 10 }.train(none),
            Err(DecoderError::NoSentences)
        ));
    }
}
