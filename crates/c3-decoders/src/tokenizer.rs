//! Captions to token ids, and back.

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::{BPE, BpeTrainer, Vocab};
use tokenizers::models::wordlevel::{WordLevel, WordLevelTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::utils::Lowercase;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use crate::DecoderError;

const PAD: &str = "[PAD]";
const END: &str = "[END]";
const UNKNOWN: &str = "[UNK]";
/// Ends a text of GPT-2.
const END_OF_TEXT: &str = "<|endoftext|>";
/// Marks a piece that continues a word.
const CONTINUING: &str = "##";
/// Stands before a word in byte pairs.
const MARK: &str = "▁";
/// A word with the hyphens and apostrophes inside it, or one other visible character.
const WORDS: &str = r"[\p{L}\p{M}\p{N}]+(?:[-'’][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}]";

/// How a caption is cut into tokens. All kinds read lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenizerConfig {
    /// Whole words; a word seen less often is unknown.
    Words {
        /// Times that a word must occur to be known.
        min_count: u64,
    },
    /// Pieces of words, cut as WordPiece does.
    WordPieces {
        /// Most tokens in the vocabulary, but every character is in it.
        n_vocab: usize,
    },
    /// Byte-pair encoding over characters.
    Bpe {
        /// Most tokens in the vocabulary, but every character is in it.
        n_vocab: usize,
    },
}

impl TokenizerConfig {
    /// Learns a vocabulary from sentences.
    ///
    /// The same sentences in the same order give the same `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`DecoderError::NoSentences`], or [`DecoderError::Tokenizer`] from the library.
    ///
    /// # Examples
    ///
    /// ```
    /// # use c3_decoders::TokenizerConfig;
    /// let tokenizer = TokenizerConfig::Words { min_count: 1 }.train(["A dog, running."])?;
    /// let tokens = tokenizer.encode("a dog running.")?;
    /// assert_eq!(tokens.last(), Some(&tokenizer.end()));
    /// assert_eq!(tokenizer.decode(&tokens), "a dog running.");
    /// # Ok::<_, c3_decoders::DecoderError>(())
    /// ```
    pub fn train<S: AsRef<str>>(
        &self,
        sentences: impl IntoIterator<Item = S>,
    ) -> Result<CaptionTokenizer, DecoderError> {
        let sentences: Vec<String> = sentences
            .into_iter()
            .map(|sentence| sentence.as_ref().to_owned())
            .collect();
        if sentences.is_empty() {
            return Err(DecoderError::NoSentences);
        }
        CaptionTokenizer::new(self.learn(&sentences).map_err(tokenizer_error)?)
    }

    fn learn(&self, sentences: &[String]) -> tokenizers::Result<Tokenizer> {
        match *self {
            Self::Words { min_count } => whole_words(min_count, sentences),
            Self::WordPieces { n_vocab } => word_pieces(n_vocab, sentences),
            Self::Bpe { n_vocab } => byte_pairs(n_vocab, spaces(), sentences),
        }
    }
}

fn whole_words(min_count: u64, sentences: &[String]) -> tokenizers::Result<Tokenizer> {
    let model = WordLevel::builder().unk_token(UNKNOWN.to_owned()).build()?;
    let trainer = WordLevelTrainer::builder()
        .min_frequency(min_count)
        .vocab_size(usize::MAX)
        .show_progress(false)
        .special_tokens(special_tokens())
        .build()?;
    let mut tokenizer = lower_case(model)?;
    tokenizer.with_pre_tokenizer(Some(words()?));
    train(&mut tokenizer, &mut trainer.into(), sentences)?;
    Ok(tokenizer)
}

fn byte_pairs(
    n_vocab: usize,
    pieces: impl Into<PreTokenizerWrapper>,
    sentences: &[String],
) -> tokenizers::Result<Tokenizer> {
    let model = BPE::builder().unk_token(UNKNOWN.to_owned()).build()?;
    let trainer = BpeTrainer::builder()
        .vocab_size(n_vocab)
        .show_progress(false)
        .special_tokens(special_tokens())
        .build();
    let mut tokenizer = lower_case(model)?;
    tokenizer.with_pre_tokenizer(Some(pieces));
    tokenizer.with_decoder(Some(spaces()));
    train(&mut tokenizer, &mut trainer.into(), sentences)?;
    Ok(tokenizer)
}

/// Word pieces from the merges of byte pairs whose words begin with a mark.
///
/// The library's own trainer numbers continuing pieces in the order of a hash
/// map, and breaks ties by number: no two trainings are alike.
fn word_pieces(n_vocab: usize, sentences: &[String]) -> tokenizers::Result<Tokenizer> {
    let marked = Sequence::new(vec![words()?.into(), spaces().into()]);
    let pairs = byte_pairs(n_vocab, marked, sentences)?;
    let mut merged: Vec<(u32, String)> = pairs
        .get_vocab(false)
        .into_iter()
        .map(|(piece, id)| (id, piece))
        .collect();
    merged.sort_unstable();
    let (special, merged) = merged.split_at(special_tokens().len());
    let characters = merged.iter().filter(|(_, piece)| is_character(piece));
    let mut vocabulary: Vec<String> = special.iter().map(|(_, token)| token.clone()).collect();
    for (_, character) in characters {
        // Every character may begin a word or continue one.
        vocabulary.extend([character.clone(), format!("{CONTINUING}{character}")]);
    }
    let pieces = merged.iter().filter(|(_, piece)| !is_character(piece));
    for (_, piece) in pieces {
        let unmarked = match piece.strip_prefix(MARK) {
            Some(beginning) => beginning.to_owned(),
            None => format!("{CONTINUING}{piece}"),
        };
        let is_new = !unmarked.is_empty() && !is_character(&unmarked);
        if is_new && vocabulary.len() < n_vocab {
            vocabulary.push(unmarked);
        }
    }
    let model = WordPiece::builder()
        .unk_token(UNKNOWN.to_owned())
        .continuing_subword_prefix(CONTINUING.to_owned())
        .vocab(vocabulary.into_iter().zip(0..).collect::<Vocab>())
        .build()?;
    let mut tokenizer = lower_case(model)?;
    tokenizer.add_special_tokens(special_tokens())?;
    tokenizer.with_pre_tokenizer(Some(words()?));
    let decoder = tokenizers::decoders::wordpiece::WordPiece::new(CONTINUING.to_owned(), false);
    tokenizer.with_decoder(Some(decoder));
    Ok(tokenizer)
}

fn is_character(piece: &str) -> bool {
    piece.chars().count() == 1 && piece != MARK
}

fn lower_case(model: impl Into<ModelWrapper>) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(Lowercase))?;
    Ok(tokenizer)
}

fn train(
    tokenizer: &mut Tokenizer,
    trainer: &mut TrainerWrapper,
    sentences: &[String],
) -> tokenizers::Result<()> {
    tokenizer.train(trainer, sentences.iter())?;
    Ok(())
}

/// The order fixes the ids: pad is 0, end 1, unknown 2.
fn special_tokens() -> Vec<AddedToken> {
    [PAD, END, UNKNOWN]
        .map(|token| AddedToken::from(token, true))
        .to_vec()
}

/// Cuts at spaces, and keeps each as a mark before its word.
fn spaces() -> Metaspace {
    Metaspace::new('▁', PrependScheme::Always, true)
}

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
    /// Reads the text of a `tokenizer.json` that [`Self::to_json`] wrote, or that of GPT-2.
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

    fn new(mut tokenizer: Tokenizer) -> Result<Self, DecoderError> {
        // A caption that spells out `[END]` is text, not an order to stop.
        tokenizer.set_encode_special_tokens(true);
        let id = |token| {
            tokenizer
                .token_to_id(token)
                .ok_or(DecoderError::MissingToken { token })
        };
        let (end, forbidden, style) = match id(END_OF_TEXT) {
            Ok(end) => (end, Vec::new(), Style::Bytes),
            Err(_) => (id(END)?, vec![id(PAD)?, id(UNKNOWN)?], Style::Words),
        };
        Ok(Self {
            tokenizer,
            end,
            forbidden,
            style,
            stop: Stop::EndToken,
        })
    }

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
        let bytes = ByteLevel::new(false, false, true);
        let build = || -> tokenizers::Result<Tokenizer> {
            let model = BPE::builder()
                .vocab_and_merges(vocabulary, merges)
                .build()?;
            let mut tokenizer = Tokenizer::new(model);
            tokenizer.with_pre_tokenizer(Some(bytes));
            tokenizer.with_decoder(Some(bytes));
            if tokenizer.token_to_id(END_OF_TEXT).is_some() {
                tokenizer.add_special_tokens([AddedToken::from(END_OF_TEXT, true)])?;
            }
            Ok(tokenizer)
        };
        Self::new(build().map_err(tokenizer_error)?)
    }

    /// The same tokens, with another end of captions.
    ///
    /// # Errors
    ///
    /// [`DecoderError::MissingToken`] if the full stop is no token.
    pub fn stopping_at(mut self, stop: Stop) -> Result<Self, DecoderError> {
        let token = match (stop, self.style) {
            (Stop::FullStop, _) => ".",
            (Stop::EndToken, Style::Bytes) => END_OF_TEXT,
            (Stop::EndToken, Style::Words) => END,
        };
        let end = self.tokenizer.token_to_id(token);
        self.end = end.ok_or(DecoderError::MissingToken { token })?;
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

/// The first line of `merges.txt` says its version.
fn is_header(line: &str) -> bool {
    line.starts_with("#version")
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

fn words() -> tokenizers::Result<Split> {
    let pattern = SplitPattern::Regex(WORDS.to_owned());
    // Inverted: what matches is kept, what lies between is dropped.
    Split::new(pattern, SplitDelimiterBehavior::Removed, true)
}

fn tokenizer_error(source: tokenizers::Error) -> DecoderError {
    DecoderError::Tokenizer { source }
}

#[cfg(test)]
mod tests {
    use super::*;

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
