//! Pairs of bytes, as GPT-2 and many after it cut texts.

use tokenizers::Tokenizer;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// Pairs of bytes that are written as letters; how a text is cut before is still to be said.
pub(crate) fn byte_pairs(
    vocabulary: Vocab,
    merges: Vec<(String, String)>,
) -> tokenizers::Result<Tokenizer> {
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_decoder(Some(words()));
    Ok(tokenizer)
}

/// Cuts a text into words with the spaces before them, and writes bytes as letters.
pub(crate) fn words() -> ByteLevel {
    ByteLevel::new(false, false, true)
}
