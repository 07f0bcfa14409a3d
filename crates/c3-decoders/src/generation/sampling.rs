//! Captions drawn at random from the likely tokens.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::search::{Hypothesis, Limits, NextToken, score};
use crate::DecoderError;
use crate::prefix::check;

/// Draws every token among the likeliest that hold a share `p` of the probability.
///
/// Nucleus sampling, Holtzman et al. 2020 (arXiv:1904.09751).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nucleus {
    /// Share of the probability that is drawn from, above 0 and at most 1.
    pub p: f32,
    /// Divides the logarithms of the probabilities first: below 1 the likely become likelier.
    pub temperature: f32,
    /// Fixes what is drawn: the same for an embedding in any batch and on any device, but for
    /// rounding.
    pub seed: u64,
}

impl Default for Nucleus {
    fn default() -> Self {
        Self {
            p: 0.9,
            temperature: 1.0,
            seed: 0,
        }
    }
}

impl Nucleus {
    /// Says which setting is wrong, if one is.
    pub(super) fn check(self) -> Result<(), DecoderError> {
        let (p, temperature) = (f64::from(self.p), f64::from(self.temperature));
        check(p > 0.0 && p <= 1.0, "nucleus.p", p, "above 0 and at most 1")?;
        check(
            temperature > 0.0 && temperature.is_finite(),
            "nucleus.temperature",
            temperature,
            "above 0",
        )
    }
}

/// Draws `limits.beam` captions of every item; the best of an item comes first.
///
/// `first` holds the log-probabilities of the first token, `[n_items, n_vocab]`; `first_item` is
/// the number of the first item among all.
pub(super) fn sample(
    model: &mut impl NextToken,
    first: &[f32],
    first_item: usize,
    nucleus: Nucleus,
    limits: Limits,
) -> Vec<Vec<Hypothesis>> {
    let n_items = first.len() / limits.n_vocab;
    let mut draws: Vec<Draw> = (0..n_items * limits.beam)
        .map(|at| {
            Draw::new(
                nucleus.seed,
                first_item + at / limits.beam,
                at % limits.beam,
            )
        })
        .collect();
    // Which draws the rows of the answer belong to, and which row of it is theirs.
    let mut live: Vec<usize> = (0..draws.len()).collect();
    let mut rows: Vec<usize> = live.iter().map(|at| at / limits.beam).collect();
    let mut answer = first.to_vec();
    for n_tokens in 1..=limits.max_tokens {
        let (mut parents, mut tokens, mut still) = (Vec::new(), Vec::new(), Vec::new());
        for (at, row) in live.iter().zip(&rows) {
            let follow = &answer[row * limits.n_vocab..(row + 1) * limits.n_vocab];
            let token = draws[*at].extend(follow, nucleus);
            if token != limits.end {
                parents.push(*row);
                tokens.push(token);
                still.push(*at);
            }
        }
        if still.is_empty() || n_tokens == limits.max_tokens {
            break;
        }
        answer = model.next(&parents, &tokens);
        rows = (0..still.len()).collect();
        live = still;
    }
    let found: Vec<Hypothesis> = draws.into_iter().map(|draw| draw.found).collect();
    found
        .chunks(limits.beam)
        .map(|of_item| {
            let mut best = of_item.to_vec();
            best.sort_by(|a, b| score(b, limits).total_cmp(&score(a, limits)));
            best
        })
        .collect()
}

/// One caption being drawn.
struct Draw {
    found: Hypothesis,
    rng: ChaCha8Rng,
}

impl Draw {
    fn new(seed: u64, item: usize, of_item: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // A stream of its own for every caption: no batch changes what is drawn.
        rng.set_stream(((item as u64) << 16) | of_item as u64);
        let found = Hypothesis {
            tokens: Vec::new(),
            log_probability: 0.0,
        };
        Self { found, rng }
    }

    fn extend(&mut self, follow: &[f32], nucleus: Nucleus) -> u32 {
        let token = draw(follow, nucleus, &mut self.rng);
        self.found.tokens.push(token as u32);
        self.found.log_probability += f64::from(follow[token]);
        token as u32
    }
}

/// A token of the nucleus.
fn draw(follow: &[f32], nucleus: Nucleus, rng: &mut impl Rng) -> usize {
    let highest = follow.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |value: f32| f64::from((value - highest) / nucleus.temperature).exp();
    let total: f64 = follow.iter().map(|value| weight(*value)).sum();
    let share = f64::from(nucleus.p);
    // Tokens below this hold less than the rest of the probability, even all of them together.
    let least = (1.0 - share) / follow.len() as f64;
    let mut likely: Vec<(usize, f64)> = follow
        .iter()
        .map(|value| weight(*value) / total)
        .enumerate()
        .filter(|(_, probability)| *probability > 0.0 && *probability >= least)
        .collect();
    likely.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut held = 0.0;
    let within = likely.iter().take_while(|(_, probability)| {
        let more = held < share;
        held += probability;
        more
    });
    let size = within.count();
    likely.truncate(size.max(1));
    let held: f64 = likely.iter().map(|(_, probability)| probability).sum();
    let mut left = rng.random::<f64>() * held;
    for (token, probability) in &likely {
        left -= probability;
        if left < 0.0 {
            return *token;
        }
    }
    likely[likely.len() - 1].0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nucleus(p: f32, temperature: f32) -> Nucleus {
        Nucleus {
            p,
            temperature,
            seed: 3,
        }
    }

    /// How often each of four tokens is drawn, in percent.
    fn shares(nucleus: Nucleus) -> [f64; 4] {
        let follow = [0.1_f32, 0.5, 0.1, 0.3].map(f32::ln);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0.0; 4];
        for _ in 0..40_000 {
            counts[draw(&follow, nucleus, &mut rng)] += 100.0 / 40_000.0;
        }
        counts
    }

    fn close(found: [f64; 4], expected: [f64; 4]) {
        for (found, expected) in found.iter().zip(expected) {
            // Four standard deviations of a share of a half among 40,000.
            assert!((found - expected).abs() < 1.0, "{found} != {expected}");
        }
    }

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_likely() {
        close(shares(nucleus(1.0, 1.0)), [10.0, 50.0, 10.0, 30.0]);
        // Squared and shared out anew: 1, 25, 1, 9 of 36.
        close(shares(nucleus(1.0, 0.5)), [2.8, 69.4, 2.8, 25.0]);
    }

    #[test]
    fn nothing_outside_the_nucleus_is_drawn() {
        close(shares(nucleus(0.75, 1.0)), [0.0, 62.5, 0.0, 37.5]);
        assert_eq!(shares(nucleus(0.75, 1.0))[0], 0.0);
        // The token that crosses the share belongs to it; below the first it stands alone.
        close(shares(nucleus(0.51, 1.0)), [0.0, 62.5, 0.0, 37.5]);
        assert!((shares(nucleus(0.01, 1.0))[1] - 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_forbidden_is_never_drawn() {
        let follow = [f32::NEG_INFINITY, 0.5_f32.ln(), 0.5_f32.ln()];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let drawn = (0..1000).map(|_| draw(&follow, nucleus(1.0, 2.0), &mut rng));
        assert!(drawn.filter(|token| *token == 0).count() == 0);
    }
}
