//! The tables that METEOR looks words up in, as one block of bytes.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, Write},
    ops::Range,
};

use super::{
    keys::{KeyWriter, Keys, Numbers, count, to_bytes},
    normalize::Prefix,
};
use crate::MetricError;

/// The tables of the reference package, as it ships them.
pub struct Sources<'a> {
    /// `data/paraphrase-en.gz`, unpacked: a probability, a phrase and its paraphrase on
    /// three lines.
    pub paraphrases: &'a mut dyn BufRead,
    /// `synonym/english.synsets`: a word and the numbers of its synsets on two lines.
    pub synsets: &'a mut dyn BufRead,
    /// `synonym/english.exceptions`: a word and its irregular forms on two lines.
    pub exceptions: &'a mut dyn BufRead,
    /// `function/english.words`: a word on each line.
    pub function_words: &'a mut dyn BufRead,
    /// `nonbreaking/english.prefixes`: a word that keeps its full stop on each line.
    pub prefixes: &'a mut dyn BufRead,
}

const MAGIC: &[u8; 16] = b"C3 METEOR v2   \n";
/// Blocks of the file, in order.
const BLOCKS: usize = 21;
const WORDS: usize = 0;
const PHRASES: usize = 3;
const PARAPHRASES: usize = 6;
const SYNONYMS: usize = 8;
const SYNSETS: usize = 11;
const FORMS: usize = 13;
const FORM_SYNSETS: usize = 16;
const FUNCTION_WORDS: usize = 18;
const PREFIXES: usize = 19;
/// How many words the longest phrase has, and how many phrases there are.
const LENGTHS: usize = 20;

/// Writes the tables in the form that [`Meteor`](super::Meteor) reads.
///
/// # Errors
///
/// [`MetricError::Read`] or [`MetricError::Write`]; [`MetricError::CutOff`] if a table
/// ends in the middle of an entry.
pub fn index(sources: Sources<'_>, mut target: impl Write) -> Result<(), MetricError> {
    let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(BLOCKS);
    let lengths = paraphrases(sources.paraphrases, &mut blocks)?;
    let synsets = synsets(sources.synsets, &mut blocks)?;
    forms(sources.exceptions, &synsets, &mut blocks)?;
    for table in [sources.function_words, sources.prefixes] {
        let mut text = Vec::new();
        table.read_to_end(&mut text).map_err(MetricError::Read)?;
        blocks.push(text);
    }
    blocks.push(to_bytes(lengths));
    target.write_all(MAGIC).map_err(MetricError::Write)?;
    for block in &blocks {
        target
            .write_all(&(block.len() as u64).to_le_bytes())
            .map_err(MetricError::Write)?;
    }
    for block in &blocks {
        target.write_all(block).map_err(MetricError::Write)?;
    }
    target.flush().map_err(MetricError::Write)
}

/// Adds words, phrases and the paraphrases of each; returns the words of the longest, and how
/// many there are. Behind them come their beginnings, so that a look-up can stop early.
fn paraphrases(
    source: &mut dyn BufRead,
    blocks: &mut Vec<Vec<u8>>,
) -> Result<[u32; 2], MetricError> {
    let (mut words, mut phrases) = (KeyWriter::default(), KeyWriter::default());
    let mut longest = 0;
    let mut phrase = |line: String| {
        let numbers: Vec<u32> = line
            .split_ascii_whitespace()
            .map(|word| words.number(word.as_bytes()))
            .collect();
        longest = longest.max(count(numbers.len()));
        phrases.number(&to_bytes(numbers))
    };
    let mut pairs = Vec::new();
    let mut lines = Lines {
        source,
        table: "paraphrases",
    };
    while lines.next()?.is_some() {
        pairs.push((phrase(lines.expect()?), phrase(lines.expect()?)));
    }
    let lengths = [longest, count(phrases.len())];
    phrases.close(size_of::<u32>());
    let lists = lists(phrases.len(), pairs);
    blocks.extend(words.blocks());
    blocks.extend(phrases.blocks());
    blocks.extend(lists);
    Ok(lengths)
}

/// Adds the synsets of every word, and returns them too.
fn synsets(
    source: &mut dyn BufRead,
    blocks: &mut Vec<Vec<u8>>,
) -> Result<HashMap<String, Vec<u32>>, MetricError> {
    let mut synonyms = KeyWriter::default();
    let (mut pairs, mut synsets) = (Vec::new(), HashMap::new());
    let mut lines = Lines {
        source,
        table: "synsets",
    };
    while let Some(word) = lines.next()? {
        let sets = lines.expect()?;
        let sets: Vec<u32> = sets
            .split_ascii_whitespace()
            .filter_map(|set| set.parse().ok())
            .collect();
        let number = synonyms.number(word.as_bytes());
        pairs.extend(sets.iter().map(|&set| (number, set)));
        synsets.insert(word, sets);
    }
    let lists = lists(synonyms.len(), pairs);
    blocks.extend(synonyms.blocks());
    blocks.extend(lists);
    Ok(synsets)
}

/// Adds the synsets of the words that an irregular form may come from.
fn forms(
    source: &mut dyn BufRead,
    synsets: &HashMap<String, Vec<u32>>,
    blocks: &mut Vec<Vec<u8>>,
) -> Result<(), MetricError> {
    let mut forms = KeyWriter::default();
    let mut pairs = Vec::new();
    let mut lines = Lines {
        source,
        table: "exceptions",
    };
    while let Some(base) = lines.next()? {
        let sets = synsets.get(&base).map_or(&[][..], Vec::as_slice);
        for form in lines.expect()?.split_ascii_whitespace() {
            let number = forms.number(form.as_bytes());
            pairs.extend(sets.iter().map(|&set| (number, set)));
        }
    }
    let lists = lists(forms.len(), pairs);
    blocks.extend(forms.blocks());
    blocks.extend(lists);
    Ok(())
}

/// Groups values by key, in the order in which they came: starts of the lists, values.
fn lists(keys: usize, mut pairs: Vec<(u32, u32)>) -> [Vec<u8>; 2] {
    pairs.sort_by_key(|&(key, _)| key); // stable
    let mut starts = vec![0_u32; keys + 1];
    for &(key, _) in &pairs {
        starts[key as usize + 1] += 1;
    }
    let starts = starts.into_iter().scan(0, |sum, length| {
        *sum += length;
        Some(*sum)
    });
    [
        to_bytes(starts),
        to_bytes(pairs.iter().map(|&(_, value)| value)),
    ]
}

/// Lines of a table.
struct Lines<'a> {
    source: &'a mut dyn BufRead,
    table: &'static str,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Option<String>, MetricError> {
        let mut line = Vec::new();
        let read = self
            .source
            .read_until(b'\n', &mut line)
            .map_err(MetricError::Read)?;
        let text = String::from_utf8_lossy(&line);
        Ok((read > 0).then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
    }

    fn expect(&mut self) -> Result<String, MetricError> {
        self.next()?
            .ok_or(MetricError::CutOff { table: self.table })
    }
}

/// The tables, read from the bytes that [`index`] wrote.
#[derive(Clone, Debug)]
pub(super) struct Tables<B> {
    bytes: B,
    blocks: [Range<usize>; BLOCKS],
    pub(super) function_words: HashSet<String>,
    pub(super) prefixes: HashMap<String, Prefix>,
    /// Words of the longest phrase.
    pub(super) longest: usize,
    /// How many phrases there are.
    phrases: u32,
}

impl<B: AsRef<[u8]>> Tables<B> {
    pub(super) fn new(bytes: B) -> Result<Self, MetricError> {
        let blocks = find_blocks(bytes.as_ref()).ok_or(MetricError::NotTables)?;
        let text = |block: usize| {
            std::str::from_utf8(&bytes.as_ref()[blocks[block].clone()])
                .map_err(|_| MetricError::NotTables)
        };
        let function_words = text(FUNCTION_WORDS)?.lines().map(str::to_owned).collect();
        let prefixes = text(PREFIXES)?.lines().filter_map(prefix).collect();
        let lengths = Numbers(&bytes.as_ref()[blocks[LENGTHS].clone()]);
        let lengths = lengths.get(0).zip(lengths.get(1));
        let (longest, phrases) = lengths.ok_or(MetricError::NotTables)?;
        Ok(Self {
            bytes,
            blocks,
            function_words,
            prefixes,
            longest: longest as usize,
            phrases,
        })
    }

    /// The number of a word among those of the paraphrases.
    pub(super) fn word(&self, word: &str) -> Option<u32> {
        self.keys(WORDS).find(word.as_bytes())
    }

    /// The number of a phrase, or of the beginning of one, given the numbers of its words,
    /// four bytes each.
    pub(super) fn phrase(&self, words: &[u8]) -> Option<u32> {
        self.keys(PHRASES).find(words)
    }

    /// Whether this is a whole phrase, and not only the beginning of one.
    pub(super) fn is_whole(&self, phrase: u32) -> bool {
        phrase < self.phrases
    }

    /// The paraphrases of a phrase, as numbers of phrases.
    pub(super) fn paraphrases(&self, phrase: u32) -> impl Iterator<Item = u32> + '_ {
        self.list(PARAPHRASES, phrase)
    }

    /// The synsets of a word as it stands.
    pub(super) fn synsets(&self, word: &str) -> Option<impl Iterator<Item = u32> + '_> {
        let number = self.keys(SYNONYMS).find(word.as_bytes())?;
        Some(self.list(SYNSETS, number))
    }

    /// The synsets of the words that an irregular form may come from.
    pub(super) fn form_synsets(&self, form: &str) -> Option<impl Iterator<Item = u32> + '_> {
        let number = self.keys(FORMS).find(form.as_bytes())?;
        Some(self.list(FORM_SYNSETS, number))
    }

    fn block(&self, block: usize) -> &[u8] {
        &self.bytes.as_ref()[self.blocks[block].clone()]
    }

    fn keys(&self, first: usize) -> Keys<'_> {
        Keys {
            starts: Numbers(self.block(first)),
            bytes: self.block(first + 1),
            slots: Numbers(self.block(first + 2)),
        }
    }

    fn list(&self, first: usize, index: u32) -> impl Iterator<Item = u32> + '_ {
        Numbers(self.block(first)).list(index, Numbers(self.block(first + 1)))
    }
}

fn find_blocks(bytes: &[u8]) -> Option<[Range<usize>; BLOCKS]> {
    let lengths = bytes.strip_prefix(MAGIC)?.get(..8 * BLOCKS)?;
    let mut at = MAGIC.len() + 8 * BLOCKS;
    let mut blocks = [const { 0..0 }; BLOCKS];
    for (block, length) in blocks.iter_mut().zip(lengths.as_chunks().0) {
        let end = at.checked_add(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        *block = at..end;
        at = end;
    }
    (at == bytes.len()).then_some(blocks)
}

fn prefix(line: &str) -> Option<(String, Prefix)> {
    let mut parts = line.split_ascii_whitespace();
    let word = parts.next().filter(|word| !word.starts_with('#'))?;
    let numeric = parts.next() == Some("#NUMERIC_ONLY#");
    Some((
        word.to_owned(),
        if numeric {
            Prefix::Numeric
        } else {
            Prefix::Always
        },
    ))
}
