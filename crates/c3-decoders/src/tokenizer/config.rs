//! Vocabularies learned from captions.

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::{BPE, BpeTrainer, Vocab};
use tokenizers::models::wordlevel::{WordLevel, WordLevelTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::utils::Lowercase;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use super::captions::{CaptionTokenizer, END, PAD, UNKNOWN, tokenizer_error};
use crate::DecoderError;

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

fn words() -> tokenizers::Result<Split> {
    let pattern = SplitPattern::Regex(WORDS.to_owned());
    // Inverted: what matches is kept, what lies between is dropped.
    Split::new(pattern, SplitDelimiterBehavior::Removed, true)
}
