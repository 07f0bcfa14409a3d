//! Beam search over any model of the next token, on the host.

/// Says how likely every token is after what was read.
pub(super) trait NextToken {
    /// Goes on from some of the rows of the last call.
    ///
    /// Row `i` of the answer continues row `parents[i]` of the last answer by
    /// `tokens[i]`. The answer holds the log-probabilities of all tokens, row
    /// after row.
    fn next(&mut self, parents: &[usize], tokens: &[u32]) -> Vec<f32>;
}

/// How far and how widely to search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Hypotheses kept per item.
    pub(super) beam: usize,
    /// Most tokens of a caption, the end token counted.
    pub(super) max_tokens: usize,
    /// A finished hypothesis scores its log-probability over its length to this power.
    pub(super) length_power: f64,
    /// Ends a caption.
    pub(super) end: u32,
    /// Tokens in the vocabulary.
    pub(super) n_vocab: usize,
}

/// Tokens and how likely they are together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hypothesis {
    /// The end token, if it was reached, is the last.
    pub(super) tokens: Vec<u32>,
    pub(super) log_probability: f64,
}

/// Searches every item at once; the best hypothesis of an item comes first.
///
/// `first` holds the log-probabilities of the first token, `[n_items, n_vocab]`.
/// With a beam of one this is greedy search.
pub(super) fn search(
    model: &mut impl NextToken,
    first: &[f32],
    n_items: usize,
    limits: Limits,
) -> Vec<Vec<Hypothesis>> {
    let n_vocab = first.len() / n_items.max(1);
    let mut items: Vec<Item> = (0..n_items).map(|_| Item::new()).collect();
    // Which hypotheses the rows of the answer belong to: item after item.
    let mut answer = first.to_vec();
    for n_tokens in 1..=limits.max_tokens {
        let mut rows = answer.chunks_exact(n_vocab);
        let (mut parents, mut tokens) = (Vec::new(), Vec::new());
        let mut first_row = 0;
        for item in &mut items {
            let n_live = item.live.len();
            let followers: Vec<&[f32]> = rows.by_ref().take(n_live).collect();
            for (parent, token) in item.extend(&followers, limits) {
                parents.push(first_row + parent);
                tokens.push(token);
            }
            first_row += n_live;
        }
        if parents.is_empty() || n_tokens == limits.max_tokens {
            break;
        }
        answer = model.next(&parents, &tokens);
    }
    items.into_iter().map(|item| item.best(limits)).collect()
}

/// The hypotheses of one item.
struct Item {
    live: Vec<Hypothesis>,
    finished: Vec<Hypothesis>,
}

impl Item {
    fn new() -> Self {
        Self {
            live: vec![Hypothesis {
                tokens: Vec::new(),
                log_probability: 0.0,
            }],
            finished: Vec::new(),
        }
    }

    /// Adds one token everywhere; says which row each live hypothesis came from, and the token.
    fn extend(&mut self, followers: &[&[f32]], limits: Limits) -> Vec<(usize, u32)> {
        let mut steps = Vec::new();
        let mut live = Vec::new();
        for (rank, candidate) in self.candidates(followers, limits).into_iter().enumerate() {
            let is_end = candidate.token == limits.end;
            // An end that likelier ways to go on push out of the beam is no end.
            if is_end && rank < limits.beam {
                self.finished.push(self.follow(&candidate));
            } else if !is_end && live.len() < limits.beam {
                steps.push((candidate.parent, candidate.token));
                live.push(self.follow(&candidate));
            }
        }
        self.live = live;
        if self.is_done(limits) {
            self.live.clear();
            steps.clear();
        }
        steps
    }

    /// The likeliest next steps: twice the beam, so that ends leave enough to go on with.
    fn candidates(&self, followers: &[&[f32]], limits: Limits) -> Vec<Candidate> {
        let wanted = 2 * limits.beam;
        let mut candidates = Vec::new();
        for (parent, (hypothesis, row)) in self.live.iter().zip(followers).enumerate() {
            for token in likeliest(row, wanted) {
                candidates.push(Candidate {
                    parent,
                    token: token as u32,
                    log_probability: hypothesis.log_probability + f64::from(row[token]),
                });
            }
        }
        // A stable sort: of equals the better parent, then the lower token, comes first.
        candidates.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        candidates.truncate(wanted);
        candidates
    }

    fn follow(&self, candidate: &Candidate) -> Hypothesis {
        let read = &self.live[candidate.parent].tokens;
        Hypothesis {
            tokens: [read.as_slice(), &[candidate.token]].concat(),
            log_probability: candidate.log_probability,
        }
    }

    /// Enough are finished, and no live one is ahead of them all as things stand.
    fn is_done(&self, limits: Limits) -> bool {
        if self.finished.len() < limits.beam {
            return false;
        }
        let mut scores: Vec<f64> = self.finished.iter().map(|h| score(h, limits)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let hurdle = scores[limits.beam - 1];
        self.live.iter().all(|live| score(live, limits) <= hurdle)
    }

    /// All that was found, best first; what was cut short stands behind equals that ended.
    fn best(mut self, limits: Limits) -> Vec<Hypothesis> {
        self.finished.append(&mut self.live);
        self.finished
            .sort_by(|a, b| score(b, limits).total_cmp(&score(a, limits)));
        self.finished.truncate(limits.beam);
        self.finished
    }
}

struct Candidate {
    parent: usize,
    token: u32,
    log_probability: f64,
}

pub(super) fn score(hypothesis: &Hypothesis, limits: Limits) -> f64 {
    let length = hypothesis.tokens.len().max(1) as f64;
    hypothesis.log_probability / length.powf(limits.length_power)
}

/// Indices of the `count` highest values, highest first; of equals the first comes first.
fn likeliest(row: &[f32], count: usize) -> Vec<usize> {
    let mut best: Vec<usize> = Vec::with_capacity(count + 1);
    for (index, value) in row.iter().enumerate() {
        let full = best.len() == count;
        if full && *value <= row[best[count - 1]] {
            continue;
        }
        let place = best.partition_point(|other| row[*other] >= *value);
        best.insert(place, index);
        best.truncate(count);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u32 = 0;

    /// Next-token probabilities by what was read so far.
    struct Table {
        rows: Vec<Vec<u32>>,
        follow: fn(&[u32]) -> [f32; 4],
    }

    impl Table {
        fn search(follow: fn(&[u32]) -> [f32; 4], limits: Limits) -> Vec<Hypothesis> {
            let first = follow(&[]).map(f32::ln);
            let mut table = Table {
                rows: vec![Vec::new()],
                follow,
            };
            search(&mut table, &first, 1, limits).remove(0)
        }
    }

    impl NextToken for Table {
        fn next(&mut self, parents: &[usize], tokens: &[u32]) -> Vec<f32> {
            self.rows = parents
                .iter()
                .zip(tokens)
                .map(|(parent, token)| [self.rows[*parent].as_slice(), &[*token]].concat())
                .collect();
            let rows = self.rows.iter();
            rows.flat_map(|read| (self.follow)(read).map(f32::ln))
                .collect()
        }
    }

    /// The likeliest first token leads astray: 1 then anything has at most 0.5 * 0.3, while 2
    /// then 3 has 0.4 * 0.9.
    fn garden_path(read: &[u32]) -> [f32; 4] {
        match read {
            [] => [0.05, 0.5, 0.4, 0.05],
            [1] => [0.25, 0.3, 0.25, 0.2],
            [2] => [0.04, 0.03, 0.03, 0.9],
            _ => [0.97, 0.01, 0.01, 0.01],
        }
    }

    fn limits(beam: usize) -> Limits {
        Limits {
            beam,
            max_tokens: 6,
            length_power: 0.0,
            end: END,
            n_vocab: 4,
        }
    }

    #[test]
    fn a_beam_finds_the_likelier_sequence_that_greedy_search_misses() {
        let greedy = Table::search(garden_path, limits(1));
        assert_eq!(greedy.len(), 1);
        assert_eq!(greedy[0].tokens, [1, 1, END]);
        let beam = Table::search(garden_path, limits(2));
        assert_eq!(beam[0].tokens, [2, 3, END]);
        assert!(beam[0].log_probability > greedy[0].log_probability);
        let expected = f64::ln(0.4 * 0.9 * 0.97);
        // Log-probabilities come in f32.
        assert!((beam[0].log_probability - expected).abs() < 1e-6);
    }

    #[test]
    fn several_best_come_in_order_and_differ() {
        let best = Table::search(garden_path, limits(3));
        assert_eq!(best.len(), 3);
        let falling = best.windows(2);
        assert!(falling.clone().all(|pair| pair[0].tokens != pair[1].tokens));
        assert!(
            falling
                .clone()
                .all(|pair| pair[0].log_probability >= pair[1].log_probability)
        );
    }

    #[test]
    fn a_length_power_prefers_the_longer_of_like_sequences() {
        fn short_or_long(read: &[u32]) -> [f32; 4] {
            match read {
                [] => [0.45, 0.55, 0.0, 0.0],
                [1] | [1, 1] => [0.1, 0.9, 0.0, 0.0],
                _ => [1.0, 0.0, 0.0, 0.0],
            }
        }
        // 0.45 against 0.55 * 0.9 * 0.9 = 0.4455
        assert_eq!(Table::search(short_or_long, limits(2))[0].tokens, [END]);
        let mean = Limits {
            length_power: 1.0,
            ..limits(2)
        };
        assert_eq!(Table::search(short_or_long, mean)[0].tokens, [1, 1, 1, END]);
    }

    #[test]
    fn a_caption_that_never_ends_is_cut_short() {
        let endless = |_: &[u32]| [0.0, 0.0, 1.0, 0.0];
        let cut = Table::search(endless, limits(1));
        assert_eq!(cut[0].tokens, [2; 6]);
    }

    #[test]
    fn the_likeliest_come_in_order_and_the_first_of_equals_first() {
        assert_eq!(likeliest(&[0.1, 0.7, 0.3, 0.7, 0.2], 3), [1, 3, 2]);
        assert_eq!(likeliest(&[0.5, 0.5], 5), [0, 1]);
        assert_eq!(likeliest(&[f32::NEG_INFINITY, 0.0], 1), [1]);
    }
}
