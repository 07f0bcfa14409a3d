//! Splits captions into words the way the COCO caption toolkit does.

mod alphabet;
mod grammar;
mod lexer;
mod spelling;
mod unicode;

use std::{fmt, ops::Range, sync::Arc};

use rayon::prelude::*;
use regex_automata::{hybrid::dfa::Cache, util::pool::Pool};

use lexer::Lexer;
use spelling::Line;

/// How many characters behind its end a caption is looked at.
const CONTEXT: usize = 64;
/// Captions that one thread takes at a time.
const BATCH: usize = 512;

/// What stands between two captions.
const BREAK: char = '\u{2028}';

type Caches = Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync>>;

/// Splits captions into words the way the COCO caption toolkit does.
///
/// The rules are those of the Stanford PTBTokenizer 3.4.1 with `-preserveLines
/// -lowerCase`; punctuation is dropped afterwards. Line breaks inside a caption count
/// as blanks.
///
/// # Examples
///
/// ```
/// let tokenizer = c3_metrics::Tokenizer::new();
/// let words = tokenizer.tokenize("A man's T-shirt says \"can't\", for $5.00!");
/// assert_eq!(words, "a man 's t-shirt says ca n't for $ 5.00");
/// ```
pub struct Tokenizer {
    lexer: Arc<Lexer>,
    /// What each thread has met of the automaton so far.
    caches: Caches,
}

impl Tokenizer {
    /// Builds the rules; takes some milliseconds, so keep the tokenizer.
    #[must_use]
    pub fn new() -> Self {
        let lexer = Arc::new(Lexer::new());
        let theirs = Arc::clone(&lexer);
        let caches = Pool::new(Box::new(move || theirs.cache()) as Box<_>);
        Self { lexer, caches }
    }

    /// Splits one caption: lower-case tokens joined by single spaces.
    ///
    /// A token may hold an unbreakable space, as a telephone number does.
    #[must_use]
    pub fn tokenize(&self, caption: &str) -> String {
        self.lines(&[caption], &[]).concat()
    }

    /// Splits captions that follow each other in one text, as the toolkit hands them over.
    ///
    /// One rule looks beyond the end of a caption: a single letter with a full stop
    /// ("he takes vitamin C.") keeps it, unless the next caption begins with a word that
    /// opens a sentence ("A", "The", ...). Everything else is as in [`Self::tokenize`].
    #[must_use]
    pub fn tokenize_all<S: AsRef<str> + Sync>(&self, captions: &[S]) -> Vec<String> {
        let lines = |(batch, texts): (usize, &[S])| {
            let behind = captions.get((batch + 1) * BATCH..).unwrap_or_default();
            self.lines(texts, behind)
        };
        captions
            .par_chunks(BATCH)
            .enumerate()
            .flat_map_iter(lines)
            .collect()
    }

    /// Splits `captions`; `behind` are the captions that follow.
    fn lines<S: AsRef<str>>(&self, captions: &[S], behind: &[S]) -> Vec<String> {
        let mut characters = Vec::new();
        let mut ends = Vec::with_capacity(captions.len());
        for caption in captions {
            characters.extend(caption.as_ref().chars());
            ends.push(characters.len());
            characters.push(BREAK);
        }
        let behind = behind
            .iter()
            .flat_map(|text| text.as_ref().chars().chain([BREAK]));
        characters.extend(behind.take(CONTEXT));
        let kinds: Vec<u8> = characters.iter().copied().map(alphabet::kind).collect();
        let mut cache = self.caches.get();
        let starts = [0].into_iter().chain(ends.iter().map(|end| end + 1));
        let spans = starts.zip(&ends);
        spans
            .map(|(start, &end)| self.line(&mut cache, &characters, &kinds, start..end))
            .collect()
    }

    fn line(
        &self,
        cache: &mut Cache,
        characters: &[char],
        kinds: &[u8],
        span: Range<usize>,
    ) -> String {
        let mut line = Line::with_capacity(span.len());
        let mut at = span.start;
        while at < span.end {
            match self.lexer.next(cache, &kinds[at..]) {
                Some((token, length)) => {
                    let end = span.end.min(at + length);
                    line.push(token, &characters[at..end]);
                    at = end;
                }
                None => at += 1, // no rule knows the character: it is dropped
            }
        }
        line.finish()
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokenizer").finish_non_exhaustive()
    }
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenize(caption: &str) -> String {
        Tokenizer::new().tokenize(caption)
    }

    #[test]
    fn clitics_are_cut_off() {
        assert_eq!(
            tokenize("It's a dog's life, isn't it?"),
            "it 's a dog 's life is n't it"
        );
        assert_eq!(tokenize("they’re don’t"), "they 're do n't");
    }

    #[test]
    fn words_run_together_are_parted() {
        assert_eq!(tokenize("I cannot wanna 'tis"), "i can not wan na 't is");
    }

    #[test]
    fn hyphens_and_full_stops_inside_a_word_stay() {
        assert_eq!(tokenize("a well-lit U.S. t.v."), "a well-lit u.s. t.v.");
        assert_eq!(
            tokenize("Mr. Smith lives on St. Elm Blvd."),
            "mr. smith lives on st. elm blvd."
        );
        assert_eq!(tokenize("the end."), "the end");
    }

    #[test]
    fn brackets_stay_as_words() {
        assert_eq!(tokenize("a (red) [x]"), "a -lrb- red -rrb- -lsb- x -rsb-");
    }

    #[test]
    fn telephone_numbers_hold_an_unbreakable_space() {
        assert_eq!(tokenize("(415) 555-1234"), "-lrb-415-rrb-\u{A0}555-1234");
    }

    #[test]
    fn characters_that_no_rule_knows_are_dropped() {
        assert_eq!(tokenize("a 🐕 dog\u{0}"), "a dog");
        assert_eq!(tokenize("🐕"), "");
    }

    #[test]
    fn an_empty_caption_has_no_words() {
        assert_eq!(tokenize(""), "");
        assert_eq!(tokenize(" \t\n"), "");
        assert_eq!(tokenize("...! ?"), "");
    }

    #[test]
    fn a_single_letter_ends_a_sentence_only_in_front_of_another() {
        let captions = ["It reads K.", "A dog.", "It reads K.", "two dogs"];
        let tokens = Tokenizer::new().tokenize_all(&captions);
        assert_eq!(tokens, ["it reads k", "a dog", "it reads k.", "two dogs"]);
    }
}
