//! Chooses among all possible matches those that explain a caption best.

use std::cmp::{Ordering, Reverse};

use super::matching::{Match, Matches, Module};

/// How many unfinished alignments are followed.
const BEAM: usize = 40;

/// An alignment in the making, from the first word of the reference on.
///
/// Many are copied and few survive, so that a path holds only where its last match lies.
#[derive(Clone, Debug)]
struct Path {
    /// The match that was taken last, by its place in [`Taken`].
    last: Option<usize>,
    used: Marks,
    caption_used: Marks,
    /// Words of both sentences that are covered, the inexact ones counted half.
    covered: usize,
    chunks: usize,
    /// First word of the reference behind what was decided.
    next: usize,
    /// Where the last match ended in the caption, if it was not followed by a gap.
    last_end: Option<usize>,
    distance: usize,
}

/// The matches that any path took, each with the one that its path took before.
type Taken = Vec<(Match, Option<usize>)>;

/// Words of a sentence that are marked.
#[derive(Clone, Debug)]
enum Marks {
    /// Of a sentence of at most 128 words, as nearly all are.
    Few(u128),
    Many(Vec<bool>),
}

impl Marks {
    fn of(words: usize) -> Self {
        if words <= 128 {
            Self::Few(0)
        } else {
            Self::Many(vec![false; words])
        }
    }

    fn has(&self, word: usize) -> bool {
        match self {
            Self::Few(bits) => bits >> word & 1 == 1,
            Self::Many(words) => words[word],
        }
    }

    fn add(&mut self, word: usize) {
        match self {
            Self::Few(bits) => *bits |= 1 << word,
            Self::Many(words) => words[word] = true,
        }
    }
}

/// The chosen matches, in the order of the reference.
///
/// A beam search from left to right, which prefers more words covered, then fewer
/// chunks, then a smaller distance between the places of matched words. It keeps a
/// peculiarity of the reference tool: the distance of a match counts for the paths
/// branched off after it, not for its own.
pub(super) fn align(matches: &Matches) -> Vec<Match> {
    let decided = decided(matches);
    let mut taken = Taken::new();
    let mut paths = vec![Path::start(matches, &decided)];
    let mut longer = Vec::new();
    for (word, at) in matches.at.iter().enumerate() {
        paths.sort_by(Path::compare); // stable
        paths.truncate(BEAM);
        for path in &paths {
            if path.used.has(word) {
                longer.extend(path.pass(word, &decided));
            } else {
                path.branch(at, &mut taken, &mut longer);
            }
        }
        if longer.is_empty() {
            paths.truncate(1);
        } else {
            std::mem::swap(&mut paths, &mut longer);
            longer.clear();
        }
    }
    paths.sort_by(Path::compare);
    paths.truncate(BEAM);
    let closed = paths.into_iter().map(Path::close);
    let best = closed.reduce(|best, path| {
        if path.compare(&best).is_lt() {
            path
        } else {
            best
        }
    });
    let mut chosen: Vec<Match> = decided.into_iter().flatten().collect();
    let mut last = best.and_then(|best| best.last);
    while let Some(at) = last {
        let (of_path, before) = taken[at];
        chosen.push(of_path);
        last = before;
    }
    chosen.sort_by_key(|chosen| chosen.start);
    chosen
}

/// Matches that compete with no other, each at the word of the reference where it starts.
fn decided(matches: &Matches) -> Vec<Option<Match>> {
    let alone = |at: &Vec<Match>| {
        let [only] = at.as_slice() else { return None };
        let mut words = only.words();
        let mut caption_words = only.caption_words();
        let alone = words.all(|word| matches.coverage[word] == 1)
            && caption_words.all(|word| matches.caption_coverage[word] == 1);
        alone.then_some(*only)
    };
    matches.at.iter().map(alone).collect()
}

/// How many stretches of consecutive words the matches form in both sentences.
pub(super) fn chunks(matches: &[Match]) -> usize {
    let joined = |pair: &&[Match]| {
        pair[0].words().end == pair[1].start && pair[0].caption_words().end == pair[1].caption_start
    };
    matches.len() - matches.windows(2).filter(joined).count()
}

impl Path {
    fn start(matches: &Matches, decided: &[Option<Match>]) -> Self {
        let mut path = Self {
            last: None,
            used: Marks::of(matches.coverage.len()),
            caption_used: Marks::of(matches.caption_coverage.len()),
            covered: 0,
            chunks: 0,
            next: 0,
            last_end: None,
            distance: 0,
        };
        decided.iter().flatten().for_each(|only| path.mark(*only));
        path
    }

    /// What becomes of this path at a word of the reference that is used.
    fn pass(&self, word: usize, decided: &[Option<Match>]) -> Option<Self> {
        if word < self.next {
            return Some(self.clone());
        }
        // A path that lost track of a decided match ends here.
        let only = decided[self.next]?;
        let mut path = self.clone();
        path.take(only);
        path.distance += only.start.abs_diff(only.caption_start);
        Some(path)
    }

    /// Adds what may become of this path at a word with these matches to `longer`.
    fn branch(&self, at: &[Match], taken: &mut Taken, longer: &mut Vec<Self>) {
        let mut distance = self.distance;
        for &candidate in at {
            if self.is_free(candidate) {
                let mut branch = self.clone();
                branch.distance = distance;
                branch.mark(candidate);
                branch.take(candidate);
                branch.last = Some(taken.len());
                taken.push((candidate, self.last));
                longer.push(branch);
                distance += candidate.start.abs_diff(candidate.caption_start);
            }
        }
        let mut passed = self.clone().close();
        passed.distance = distance;
        passed.next += 1;
        longer.push(passed);
    }

    fn is_free(&self, candidate: Match) -> bool {
        let mut words = candidate.words();
        let mut caption_words = candidate.caption_words();
        !words.any(|word| self.used.has(word))
            && !caption_words.any(|word| self.caption_used.has(word))
    }

    fn mark(&mut self, chosen: Match) {
        chosen.words().for_each(|word| self.used.add(word));
        chosen
            .caption_words()
            .for_each(|word| self.caption_used.add(word));
    }

    /// Counts a match that continues this path.
    fn take(&mut self, chosen: Match) {
        let part = if chosen.module == Module::Exact { 1 } else { 2 };
        self.covered += chosen.caption_length / part + chosen.length / part;
        if self.last_end.is_some_and(|end| end != chosen.caption_start) {
            self.chunks += 1;
        }
        self.next = chosen.words().end;
        self.last_end = Some(chosen.caption_words().end);
    }

    /// Ends the chunk that is open.
    fn close(mut self) -> Self {
        self.chunks += usize::from(self.last_end.take().is_some());
        self
    }

    /// The better path is less.
    fn compare(&self, other: &Self) -> Ordering {
        let key = |path: &Self| (Reverse(path.covered), path.chunks, path.distance);
        key(self).cmp(&key(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(start: usize, caption_start: usize) -> Match {
        Match {
            module: Module::Exact,
            start,
            length: 1,
            caption_start,
            caption_length: 1,
        }
    }

    fn matches(reference: usize, caption: usize, all: &[Match]) -> Matches {
        let mut matches = Matches {
            at: vec![Vec::new(); reference],
            coverage: vec![0; reference],
            caption_coverage: vec![0; caption],
        };
        for one in all {
            matches.at[one.start].push(*one);
            one.words().for_each(|word| matches.coverage[word] += 1);
            one.caption_words()
                .for_each(|word| matches.caption_coverage[word] += 1);
        }
        matches
    }

    #[test]
    fn of_two_equal_words_the_one_in_order_is_chosen() {
        // Reference: "the cat", caption: "the dog the cat".
        let all = [exact(0, 0), exact(0, 2), exact(1, 3)];
        let chosen = align(&matches(2, 4, &all));
        assert_eq!(chosen, [exact(0, 2), exact(1, 3)]);
        assert_eq!(chunks(&chosen), 1);
    }

    #[test]
    fn more_words_count_more_than_fewer_chunks() {
        let all = [exact(0, 1), exact(1, 0)];
        let chosen = align(&matches(2, 2, &all));
        assert_eq!(chosen.len(), 2);
        assert_eq!(chunks(&chosen), 2);
    }

    #[test]
    fn a_gap_on_either_side_begins_a_chunk() {
        assert_eq!(chunks(&[exact(0, 0), exact(1, 1), exact(3, 2)]), 2);
        assert_eq!(chunks(&[exact(0, 0), exact(1, 2)]), 2);
        assert_eq!(chunks(&[]), 0);
    }

    #[test]
    fn a_long_sentence_is_aligned_as_a_short_one() {
        let all: Vec<Match> = (0..200)
            .flat_map(|at| [exact(at, at), exact(at, at + 1)])
            .collect();
        let chosen = align(&matches(200, 201, &all));
        assert_eq!((chosen.len(), chunks(&chosen)), (200, 1));
    }

    #[test]
    fn nothing_matches_nothing() {
        assert!(align(&matches(0, 3, &[])).is_empty());
        assert!(align(&matches(3, 0, &[])).is_empty());
    }
}
