//! Chooses among all possible matches those that explain a caption best.

use std::cmp::{Ordering, Reverse};

use super::matching::{Match, Matches, Module};

/// How many unfinished alignments are followed.
const BEAM: usize = 40;

/// An alignment in the making, from the first word of the reference on.
#[derive(Clone, Debug)]
struct Path {
    chosen: Vec<Option<Match>>,
    used: Vec<bool>,
    caption_used: Vec<bool>,
    /// Words of both sentences that are covered, the inexact ones counted half.
    covered: usize,
    chunks: usize,
    /// First word of the reference behind what was decided.
    next: usize,
    /// Where the last match ended in the caption, if it was not followed by a gap.
    last_end: Option<usize>,
    distance: usize,
}

/// The chosen matches, in the order of the reference.
///
/// A beam search from left to right, which prefers more words covered, then fewer
/// chunks, then a smaller distance between the places of matched words. It keeps a
/// peculiarity of the reference tool: the distance of a match counts for the paths
/// branched off after it, not for its own.
pub(super) fn align(matches: &Matches) -> Vec<Match> {
    let mut paths = vec![Path::start(matches)];
    for (word, at) in matches.at.iter().enumerate() {
        paths.sort_by(Path::compare); // stable
        paths.truncate(BEAM);
        let mut longer = Vec::with_capacity(paths.len());
        for path in paths.iter().cloned() {
            path.advance(word, at, &mut longer);
        }
        if !longer.is_empty() {
            paths = longer;
        } else {
            paths.truncate(1);
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
    best.map_or_else(Vec::new, |path| path.chosen.into_iter().flatten().collect())
}

/// How many stretches of consecutive words the matches form in both sentences.
pub(super) fn chunks(matches: &[Match]) -> usize {
    let joined = |pair: &&[Match]| {
        pair[0].words().end == pair[1].start && pair[0].caption_words().end == pair[1].caption_start
    };
    matches.len() - matches.windows(2).filter(joined).count()
}

impl Path {
    /// Matches that compete with no other are decided from the start.
    fn start(matches: &Matches) -> Self {
        let mut path = Self {
            chosen: vec![None; matches.coverage.len()],
            used: vec![false; matches.coverage.len()],
            caption_used: vec![false; matches.caption_coverage.len()],
            covered: 0,
            chunks: 0,
            next: 0,
            last_end: None,
            distance: 0,
        };
        for at in &matches.at {
            let [only] = at.as_slice() else { continue };
            let alone = only.words().all(|word| matches.coverage[word] == 1);
            if alone
                && only
                    .caption_words()
                    .all(|word| matches.caption_coverage[word] == 1)
            {
                path.mark(*only);
            }
        }
        path
    }

    /// Adds what may become of this path at a word of the reference to `longer`.
    fn advance(mut self, word: usize, at: &[Match], longer: &mut Vec<Self>) {
        if self.used[word] && word < self.next {
            longer.push(self);
            return;
        }
        if self.used[word] {
            // A path that lost track of a decided match ends here.
            longer.extend(self.chosen[self.next].map(|decided| self.follow(decided)));
            return;
        }
        for &candidate in at.iter() {
            if self.is_free(candidate) {
                let mut branch = self.clone();
                branch.mark(candidate);
                branch.take(candidate);
                longer.push(branch);
                self.distance += candidate.start.abs_diff(candidate.caption_start);
            }
        }
        self = self.close();
        self.next += 1;
        longer.push(self);
    }

    /// Continues with a match that was decided from the start.
    fn follow(mut self, decided: Match) -> Self {
        self.take(decided);
        self.distance += decided.start.abs_diff(decided.caption_start);
        self
    }

    fn is_free(&self, candidate: Match) -> bool {
        !candidate.words().any(|word| self.used[word])
            && !candidate
                .caption_words()
                .any(|word| self.caption_used[word])
    }

    fn mark(&mut self, chosen: Match) {
        self.chosen[chosen.start] = Some(chosen);
        chosen.words().for_each(|word| self.used[word] = true);
        chosen
            .caption_words()
            .for_each(|word| self.caption_used[word] = true);
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
    fn nothing_matches_nothing() {
        assert!(align(&matches(0, 3, &[])).is_empty());
        assert!(align(&matches(3, 0, &[])).is_empty());
    }
}
