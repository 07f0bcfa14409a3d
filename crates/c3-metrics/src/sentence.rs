//! Tokenized captions as numbers.

use rustc_hash::FxHashMap;

/// A word, numbered from one.
pub(crate) type Word = u32;

/// A tokenized caption.
///
/// The toolkit cuts it in two ways: BLEU and CIDEr at any white space, ROUGE-L at
/// single spaces. They differ where a token holds an unbreakable space, as phone
/// numbers do, and in an empty caption, which for ROUGE-L is one empty word.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    /// Cut at white space.
    pub(crate) words: Vec<Word>,
    /// Cut at single spaces, if that makes a difference.
    pieces: Option<Vec<Word>>,
}

impl Sentence {
    /// Cut at single spaces.
    pub(crate) fn pieces(&self) -> &[Word] {
        self.pieces.as_ref().unwrap_or(&self.words)
    }
}

/// Numbers words in the order it meets them.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary<'a> {
    numbers: FxHashMap<&'a str, Word>,
}

impl<'a> Vocabulary<'a> {
    /// Numbers the words of a tokenized caption.
    pub(crate) fn sentence(&mut self, tokens: &'a str) -> Sentence {
        let pieces = tokens.split(' ').map(|piece| self.number(piece)).collect();
        if tokens.is_ascii() && !tokens.is_empty() {
            return Sentence {
                words: pieces,
                pieces: None,
            };
        }
        let words = tokens
            .split_whitespace()
            .map(|word| self.number(word))
            .collect();
        Sentence {
            words,
            pieces: Some(pieces),
        }
    }

    /// The number of a word that was met.
    pub(crate) fn find(&self, word: &str) -> Option<Word> {
        self.numbers.get(word).copied()
    }

    /// The words at their numbers; nothing has the number zero.
    pub(crate) fn words(&self) -> Vec<&'a str> {
        let mut words = vec![""; self.numbers.len() + 1];
        for (word, &number) in &self.numbers {
            words[number as usize] = word;
        }
        words
    }

    fn number(&mut self, word: &'a str) -> Word {
        let next = Word::try_from(self.numbers.len() + 1).expect("fewer than 2^32 distinct words");
        *self.numbers.entry(word).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unbreakable_space_cuts_words_but_not_pieces() {
        let sentence = Vocabulary::default().sentence("call 555\u{a0}1234");
        assert_eq!(sentence.pieces().len(), 2);
        assert_eq!(sentence.words.len(), 3);
    }

    #[test]
    fn an_empty_caption_is_one_empty_piece_and_no_word() {
        let sentence = Vocabulary::default().sentence("");
        assert_eq!(sentence.pieces(), [1]);
        assert!(sentence.words.is_empty());
    }

    #[test]
    fn equal_words_share_a_number() {
        let mut vocabulary = Vocabulary::default();
        assert_eq!(vocabulary.sentence("a dog a").words, [1, 2, 1]);
        assert_eq!(vocabulary.sentence("dog").words, [2]);
    }
}
