//! Texts into token numbers.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use rayon::prelude::*;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::normalizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, ModelWrapper, Tokenizer};

use super::clean::clean;
use crate::EncoderError;
use crate::folder::read_json;

/// The marks around a text, as OpenAI's vocabulary files call them.
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// What marks the last piece of a word.
const END_OF_WORD: &str = "</w>";

/// Words as OpenAI cuts them: a contraction, letters, one digit, or other signs.
///
/// Python looks at both cases of a sign: the one sign that has a letter for its upper
/// case, the Greek iota below (U+0345), is neither a letter nor another sign there.
const WORD: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{L}+|\p{N}|[^\s\p{L}\p{N}\x{345}]+";

/// Merges that CLIP takes of OpenAI's file, which is longer.
const MERGES: usize = 49_152 - 256 - 2;

/// Most bytes of a vocabulary file once unpacked: OpenAI's has 3.2 MB.
const LARGEST: u64 = 64 << 20;

/// Tokens of a text with its marks, unless a model says otherwise.
const CONTEXT: usize = 77;

/// What becomes of a text with more tokens than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlong {
    /// Its first tokens, and the end mark in the last place: as `open_clip` does.
    #[default]
    Truncate,
    /// Its first tokens alone, without the end mark: as ImageBind did until November 2025.
    /// CLIP is then read off a token that it was not trained to be read off.
    DropEnd,
    /// An error: as OpenAI does.
    Refuse,
}

/// CLIP's byte-pair tokenizer, with the cleaning before it.
///
/// Numbers are those of OpenAI's tokenizer and of `open_clip`'s; [`clean`] says what of
/// the cleaning is left out. Unlike the latter's, OpenAI's names of the two marks count
/// as marks where a text contains them.
#[derive(Clone, Debug)]
pub struct ClipTokenizer {
    tokenizer: Tokenizer,
    start: u32,
    end: u32,
    context: usize,
    overlong: Overlong,
}

impl ClipTokenizer {
    /// Reads `tokenizer.json`, or `vocab.json` and `merges.txt`, or
    /// `bpe_simple_vocab_16e6.txt.gz` of a folder, whichever is there first.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Incomplete`] if none is there, [`EncoderError::Read`],
    /// [`EncoderError::Json`] or [`EncoderError::Unsupported`] if it holds something else.
    pub fn load(folder: &Path) -> Result<Self, EncoderError> {
        let file = |name: &str| Some(folder.join(name)).filter(|file| file.exists());
        if let Some(file) = file("tokenizer.json") {
            return Self::marked(read_json(&file)?, &file);
        }
        if let (Some(vocabulary), Some(merges)) = (file("vocab.json"), file("merges.txt")) {
            let words: HashMap<String, u32> = read_json(&vocabulary)?;
            let pairs = pairs(&text(&merges)?, usize::MAX);
            return Self::new(words.into_iter().collect(), pairs, &merges);
        }
        if let Some(file) = file("bpe_simple_vocab_16e6.txt.gz") {
            return Self::from_merges(&file);
        }
        Err(EncoderError::Incomplete {
            folder: folder.to_owned(),
            what: "tokenizer.json, vocab.json with merges.txt, or bpe_simple_vocab_16e6.txt.gz",
        })
    }

    /// Reads OpenAI's file of merges, from which its vocabulary follows.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Read`] if it cannot be read, [`EncoderError::Unsupported`] if it
    /// holds something else.
    pub fn from_merges(file: &Path) -> Result<Self, EncoderError> {
        let pairs = pairs(&text(file)?, MERGES);
        let bytes = byte_letters();
        let ends = bytes.iter().map(|letter| format!("{letter}{END_OF_WORD}"));
        let merged = pairs.iter().map(|(left, right)| format!("{left}{right}"));
        let letters = bytes.iter().map(char::to_string);
        let marks = [START, END].map(str::to_owned);
        let words = letters.chain(ends).chain(merged).chain(marks);
        let vocabulary = words.zip(0..).collect();
        Self::new(vocabulary, pairs, file)
    }

    fn new(vocabulary: Vocab, merges: Merges, file: &Path) -> Result<Self, EncoderError> {
        let model = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .end_of_word_suffix(END_OF_WORD.to_owned())
            .build()
            .map_err(|_| unsupported(file, "merges that its vocabulary lacks"))?;
        Self::marked(Tokenizer::new(ModelWrapper::BPE(model)), file)
    }

    /// Keeps the pieces of a tokenizer, and cuts and cleans as OpenAI does.
    fn marked(mut tokenizer: Tokenizer, file: &Path) -> Result<Self, EncoderError> {
        let mark = |name| tokenizer.token_to_id(name);
        let (Some(start), Some(end)) = (mark(START), mark(END)) else {
            return Err(unsupported(file, "a tokenizer that is not CLIP's"));
        };
        let marks = [START, END].map(|mark| AddedToken::from(mark, true));
        let words = Split::new(
            SplitPattern::Regex(WORD.to_owned()),
            SplitDelimiterBehavior::Removed,
            true, // what is between words is removed
        );
        let words = words.expect("the pattern is a regular expression");
        let bytes = ByteLevel::new(false, true, false);
        tokenizer
            .with_normalizer(None::<tokenizers::NormalizerWrapper>)
            .expect("nothing is normalized")
            .with_pre_tokenizer(Some(Sequence::new(vec![words.into(), bytes.into()])))
            .with_post_processor(None::<tokenizers::PostProcessorWrapper>)
            .with_padding(None)
            .with_truncation(None)
            .expect("nothing is truncated");
        tokenizer
            .add_special_tokens(marks)
            .map_err(|_| unsupported(file, "marks that are no tokens"))?;
        Ok(Self {
            tokenizer,
            start,
            end,
            context: CONTEXT,
            overlong: Overlong::default(),
        })
    }

    /// The tokenizer of a folder, for a tower of this context and this vocabulary.
    ///
    /// # Errors
    ///
    /// As [`Self::load`]; [`EncoderError::Vocabulary`] if it has tokens that the tower lacks.
    pub(crate) fn load_for(
        folder: &Path,
        context: usize,
        n_vocab: usize,
    ) -> Result<Self, EncoderError> {
        let loaded = Self::load(folder)?.with_context(context);
        let (tokenizer, weights) = (loaded.n_vocab(), n_vocab);
        if tokenizer > weights {
            return Err(EncoderError::Vocabulary { tokenizer, weights });
        }
        Ok(loaded)
    }

    /// The same tokenizer for a model that reads so many tokens, the two marks included.
    #[must_use]
    pub fn with_context(self, context: usize) -> Self {
        Self { context, ..self }
    }

    /// The same tokenizer with another answer to long texts.
    #[must_use]
    pub fn with_overlong(self, overlong: Overlong) -> Self {
        Self { overlong, ..self }
    }

    /// Number of different tokens.
    #[must_use]
    pub fn n_vocab(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// Cuts texts into token numbers between the two marks, without padding.
    ///
    /// # Errors
    ///
    /// [`EncoderError::TooLong`] for a text that is to be refused, and
    /// [`EncoderError::Tokenize`] if one cannot be cut.
    pub fn encode<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>, EncoderError> {
        texts
            .par_iter()
            .enumerate()
            .map(|(row, text)| self.encode_one(row, text.as_ref()))
            .collect()
    }

    fn encode_one(&self, row: usize, text: &str) -> Result<Vec<u32>, EncoderError> {
        let encoding = self.tokenizer.encode_fast(clean(text), false);
        let encoding = encoding.map_err(|_| EncoderError::Tokenize { row })?;
        let pieces = encoding.get_ids();
        let mut ids = Vec::with_capacity(pieces.len() + 2);
        ids.push(self.start);
        ids.extend_from_slice(pieces);
        ids.push(self.end);
        let (found, most) = (ids.len(), self.context);
        if found > most {
            ids.truncate(most);
            match self.overlong {
                Overlong::Truncate => ids[most - 1] = self.end,
                Overlong::DropEnd => {}
                Overlong::Refuse => return Err(EncoderError::TooLong { row, found, most }),
            }
        }
        Ok(ids)
    }
}

fn unsupported(file: &Path, part: &'static str) -> EncoderError {
    EncoderError::Unsupported {
        file: file.to_owned(),
        part,
    }
}

/// Reads a text file, unpacking it if it is packed.
fn text(file: &Path) -> Result<String, EncoderError> {
    let read = || -> io::Result<String> {
        let source = BufReader::new(File::open(file)?);
        let mut text = String::new();
        if file.extension().is_some_and(|extension| extension == "gz") {
            GzDecoder::new(source)
                .take(LARGEST)
                .read_to_string(&mut text)?;
        } else {
            source.take(LARGEST).read_to_string(&mut text)?;
        }
        Ok(text)
    };
    read().map_err(|source| EncoderError::Read {
        file: file.to_owned(),
        source,
    })
}

/// The merges of a text, most frequent first; its first line tells the version.
fn pairs(text: &str, most: usize) -> Merges {
    let lines = text.lines().skip(1).take(most);
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(left, right)| (left.to_owned(), right.to_owned()))
        .collect()
}

/// The letter that stands for each byte, in the order of the vocabulary: those that can be
/// seen stand for themselves and come first, the others are numbered from 256.
fn byte_letters() -> Vec<char> {
    let seen = |byte: &u32| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let (seen, hidden): (Vec<u32>, Vec<u32>) = (0..256).partition(seen);
    let numbered = (256..).take(hidden.len());
    let letters = seen.into_iter().chain(numbered);
    letters.filter_map(char::from_u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_letters_of_gpt_2() {
        let letters = byte_letters();
        assert_eq!(letters.len(), 256);
        assert_eq!(
            [letters[0], letters[94], letters[188]],
            ['!', '\u{A1}', '\u{100}']
        );
    }
}
