//! Attention of every head, in one pass over queries, keys and values that lie side by side.

use std::ops::Range;

use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Device, Tensor, TensorData};
use c3_kernels::exp;
use pulp::{Arch, NullaryFnOnce};

use super::is_host;

/// Numbers computed side by side: one vector of the widest processors.
const LANES: usize = 16;

/// Queries that share what is loaded of keys and values.
const QUERIES: usize = 4;

/// One vector for each of the queries.
type Tile = [[f32; LANES]; QUERIES];

/// `softmax(queries * keys / sqrt(d_head)) * values`, for each head and each text or picture.
///
/// `more` is a key and a value that every token sees beside those of the tokens.
///
/// # Shapes
///
/// - `all`: `[batch * n_tokens, 3 * width]`: queries, keys, values, each of all heads
/// - result: `[batch * n_tokens, width]`
pub(crate) fn mix_heads(
    all: Tensor<2>,
    [n_heads, n_tokens]: [usize; 2],
    sees: Sees,
    more: Option<&KeyValue>,
) -> Tensor<2> {
    let device = all.device();
    if !is_host(&device) {
        return by_burn(all, [n_heads, n_tokens], sees, more);
    }
    let [rows, d_all] = all.dims();
    let width = d_all / 3;
    let data = all.into_data();
    let mut mixed = vec![0.0; rows * width];
    Arch::new().dispatch(Mix {
        all: data.as_slice().expect("towers compute in f32"),
        mixed: &mut mixed,
        shape: Heads {
            width,
            n_heads,
            n_tokens,
            n_more: usize::from(more.is_some()),
        },
        sees,
        more: more.map(|more| more.values.split_at(width)),
    });
    Tensor::from_data(TensorData::new(mixed, [rows, width]), &device)
}

/// The same in operations of burn.
fn by_burn(
    all: Tensor<2>,
    [n_heads, n_tokens]: [usize; 2],
    sees: Sees,
    more: Option<&KeyValue>,
) -> Tensor<2> {
    let [rows, d_all] = all.dims();
    let (batch, d_head) = (rows / n_tokens, d_all / 3 / n_heads);
    let heads = all
        .reshape([batch, n_tokens, 3, n_heads, d_head])
        .permute([2, 0, 3, 1, 4]); // [3, batch, n_heads, n_tokens, d_head]
    let part = |index: usize| {
        let part: Tensor<5> = heads.clone().narrow(0, index, 1);
        part.reshape([batch, n_heads, n_tokens, d_head])
    };
    let [mut keys, mut values] = [part(1), part(2)];
    if let Some(more) = more {
        // A causal mask would have to know of the further key.
        assert_eq!(sees, Sees::All, "a further key, and not all see all");
        let with = |index: usize, part| {
            let first = more.part(index, [batch, n_heads]);
            Tensor::cat(vec![first, part], 2) // [batch, n_heads, 1 + n_tokens, d_head]
        };
        [keys, values] = [with(0, keys), with(1, values)];
    }
    let options = AttentionModuleOptions {
        is_causal: sees == Sees::Past,
        ..AttentionModuleOptions::default() // scaled by 1 / sqrt(d_head)
    };
    let mixed = attention(part(0), keys, values, None, None, options);
    mixed.swap_dims(1, 2).reshape([rows, d_all / 3])
}

/// A key and a value that every token sees beside those of the tokens.
#[derive(Debug)]
pub(crate) struct KeyValue {
    /// `[2, width]`: all heads of the key, all heads of the value.
    values: Vec<f32>,
    rows: Tensor<2>,
}

impl KeyValue {
    /// # Shapes
    ///
    /// - `key`, `value`: `[width]`
    pub(crate) fn new(mut key: Vec<f32>, value: &[f32], device: &Device) -> Self {
        let shape = [2, key.len()];
        key.extend_from_slice(value);
        let rows = Tensor::from_data(TensorData::new(key.clone(), shape), device);
        Self { values: key, rows }
    }

    /// The key (0) or the value (1) for each of a batch, `[batch, n_heads, 1, d_head]`.
    pub(crate) fn part(&self, index: usize, [batch, n_heads]: [usize; 2]) -> Tensor<4> {
        let [_, width] = self.rows.dims();
        let d_head = width / n_heads;
        let row = self.rows.clone().narrow(0, index, 1);
        row.reshape([1, n_heads, 1, d_head])
            .expand([batch, n_heads, 1, d_head])
    }
}

/// Which tokens a token gathers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    /// All of its text or picture.
    All,
    /// Those before it, and itself.
    Past,
}

impl Sees {
    /// How many of `n_tokens` the token `at` sees.
    #[inline(always)]
    fn count(self, at: usize, n_tokens: usize) -> usize {
        match self {
            Self::All => n_tokens,
            Self::Past => at + 1,
        }
    }
}

/// How heads lie in a row.
#[derive(Clone, Copy)]
struct Heads {
    width: usize,
    n_heads: usize,
    n_tokens: usize,
    /// Keys before those of the tokens: one or none.
    n_more: usize,
}

struct Mix<'a> {
    all: &'a [f32],
    mixed: &'a mut [f32],
    shape: Heads,
    sees: Sees,
    more: More<'a>,
}

/// A key and a value that all see, `[width]` each.
type More<'a> = Option<(&'a [f32], &'a [f32])>;

impl NullaryFnOnce for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Heads {
            width,
            n_heads,
            n_tokens,
            ..
        } = self.shape;
        if n_tokens == 0 {
            return;
        }
        let mut head = Head::new(self.shape);
        let items = self.all.chunks_exact(3 * width * n_tokens);
        for (all, mixed) in items.zip(self.mixed.chunks_exact_mut(width * n_tokens)) {
            for index in 0..n_heads {
                head.load(all, self.more, index, self.shape);
                head.mix(mixed, index, self.shape, self.sees);
            }
        }
    }
}

/// The keys, values and queries of one head, padded with zeros to whole vectors.
struct Head {
    d_head: usize,
    /// `[d_head, n_padded]`
    keys: Vec<f32>,
    n_padded: usize,
    /// `[n_keys, d_padded]`
    values: Vec<f32>,
    d_padded: usize,
    /// `[n_tokens, d_head]` and zeros up to whole groups, scaled.
    queries: Vec<f32>,
    /// `[QUERIES, n_padded]`
    scores: Vec<f32>,
}

impl Head {
    fn new(shape: Heads) -> Self {
        let d_head = shape.width / shape.n_heads;
        let n_tokens = shape.n_tokens;
        let n_keys = n_tokens + shape.n_more;
        let n_padded = n_keys.next_multiple_of(LANES);
        let d_padded = d_head.next_multiple_of(LANES);
        Self {
            d_head,
            keys: vec![0.0; d_head * n_padded],
            n_padded,
            values: vec![0.0; n_keys * d_padded],
            d_padded,
            queries: vec![0.0; n_tokens.next_multiple_of(QUERIES) * d_head],
            scores: vec![0.0; QUERIES * n_padded],
        }
    }

    #[inline(always)]
    fn load(&mut self, all: &[f32], more: More<'_>, index: usize, shape: Heads) {
        let (d_head, width) = (self.d_head, shape.width);
        if let Some((key, value)) = more {
            let part = index * d_head..(index + 1) * d_head;
            self.keep(0, &key[part.clone()], &value[part]);
        }
        let scale = 1.0 / (d_head as f32).sqrt();
        for (token, row) in all.chunks_exact(3 * width).enumerate() {
            let part = |which: usize| &row[which * width + index * d_head..][..d_head];
            let queries = &mut self.queries[token * d_head..][..d_head];
            for (query, value) in queries.iter_mut().zip(part(0)) {
                *query = value * scale;
            }
            self.keep(token + shape.n_more, part(1), part(2));
        }
    }

    /// Keeps a key and a value in their place.
    #[inline(always)]
    fn keep(&mut self, place: usize, key: &[f32], value: &[f32]) {
        let keys = self.keys[place..].iter_mut().step_by(self.n_padded);
        keys.zip(key).for_each(|(kept, value)| *kept = *value);
        self.values[place * self.d_padded..][..self.d_head].copy_from_slice(value);
    }

    #[inline(always)]
    fn mix(&mut self, mixed: &mut [f32], index: usize, shape: Heads, sees: Sees) {
        for first in (0..shape.n_tokens).step_by(QUERIES) {
            let last = (first + QUERIES).min(shape.n_tokens);
            // How many keys the last of these queries sees.
            let seen = sees.count(last - 1, shape.n_tokens) + shape.n_more;
            self.score(first, seen);
            let sums = self.soften(first..last, shape, sees);
            for column in (0..self.d_head).step_by(LANES) {
                let tile = self.gather(column, seen);
                let place = first * shape.width + index * self.d_head + column;
                let lanes = LANES.min(self.d_head - column);
                let rows = mixed[place..].chunks_mut(shape.width).take(last - first);
                let rows = rows.map(|row| &mut row[..lanes]);
                rows.zip(tile.iter().zip(sums)).for_each(share);
            }
        }
    }

    /// Makes the scores of some queries weights, each query its own; what they sum to.
    #[inline(always)]
    fn soften(&mut self, queries: Range<usize>, shape: Heads, sees: Sees) -> [f32; QUERIES] {
        let mut sums = [1.0; QUERIES];
        let scores = self.scores.chunks_exact_mut(self.n_padded);
        for ((query, scores), sum) in queries.zip(scores).zip(&mut sums) {
            *sum = soften(scores, sees.count(query, shape.n_tokens) + shape.n_more);
        }
        sums
    }

    /// Products of some queries with the first `seen` keys, or some more.
    #[inline(always)]
    fn score(&mut self, first: usize, seen: usize) {
        let queries = &self.queries[first * self.d_head..][..QUERIES * self.d_head];
        for column in (0..seen).step_by(LANES) {
            let mut tile: Tile = [[0.0; LANES]; QUERIES];
            for (at, keys) in self.keys.chunks_exact(self.n_padded).enumerate() {
                let keys: &[f32; LANES] = lanes(&keys[column..]);
                let weights = std::array::from_fn(|query| queries[query * self.d_head + at]);
                accumulate(&mut tile, weights, keys);
            }
            for (query, sums) in tile.iter().enumerate() {
                self.scores[query * self.n_padded + column..][..LANES].copy_from_slice(sums);
            }
        }
    }

    /// The first `seen` values, weighted with the scores of some queries.
    #[inline(always)]
    fn gather(&self, column: usize, seen: usize) -> Tile {
        let mut tile: Tile = [[0.0; LANES]; QUERIES];
        for (token, values) in self
            .values
            .chunks_exact(self.d_padded)
            .enumerate()
            .take(seen)
        {
            let values: &[f32; LANES] = lanes(&values[column..]);
            let weights = std::array::from_fn(|query| self.scores[query * self.n_padded + token]);
            accumulate(&mut tile, weights, values);
        }
        tile
    }
}

#[inline(always)]
fn lanes(values: &[f32]) -> &[f32; LANES] {
    values
        .first_chunk()
        .expect("rows are padded to whole vectors")
}

#[inline(always)]
fn accumulate(tile: &mut Tile, weights: [f32; QUERIES], values: &[f32; LANES]) {
    for (sums, weight) in tile.iter_mut().zip(weights) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
}

/// Writes what a query gathered, in shares of what its weights sum to.
#[inline(always)]
fn share((out, (values, sum)): (&mut [f32], (&[f32; LANES], f32))) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = value / sum;
    }
}

/// Makes the first `seen` scores weights, and the rest 0; what the weights sum to.
#[inline(always)]
fn soften(scores: &mut [f32], seen: usize) -> f32 {
    let (scores, rest) = scores.split_at_mut(seen);
    rest.fill(0.0);
    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in scores.iter_mut() {
        *score = exp(*score - highest);
    }
    scores.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heads, their width, and tokens.
    const SIZES: [[usize; 3]; 6] = [
        [1, 4, 1],
        [2, 16, 5],
        [3, 20, 17],
        [2, 64, 50],
        [1, 8, 77],
        [2, 4, 16], // one more key needs another vector
    ];

    fn waves(shape: [usize; 2]) -> Tensor<2> {
        let values = (0..shape[0] * shape[1]).map(|at| (at as f32 * 0.731).sin() * 2.0);
        let data = TensorData::new(values.collect::<Vec<f32>>(), shape);
        Tensor::from_data(data, &Device::flex())
    }

    fn assert_near(ours: Tensor<2>, theirs: Tensor<2>, sizes: [usize; 3]) {
        let difference: f32 = (ours - theirs).abs().max().into_scalar();
        assert!(difference < 3e-6, "{sizes:?}: {difference}");
    }

    #[test]
    fn heads_agree_with_the_attention_of_burn() {
        for [heads, d_head, n] in SIZES {
            let all = waves([2 * n, 3 * heads * d_head]);
            for sees in [Sees::All, Sees::Past] {
                let ours = mix_heads(all.clone(), [heads, n], sees, None);
                let theirs = by_burn(all.clone(), [heads, n], sees, None);
                assert_near(ours, theirs, [heads, d_head, n]);
            }
        }
    }

    #[test]
    fn a_further_key_and_value_are_seen_by_all() {
        for [heads, d_head, n] in SIZES {
            let all = waves([2 * n, 3 * heads * d_head]);
            let more = (0..heads * d_head).map(|at| (at as f32 * 0.3).cos());
            let more: Vec<f32> = more.collect();
            let value: Vec<f32> = more.iter().map(|value| 5.0 - value).collect();
            let more = KeyValue::new(more, &value, &Device::flex());
            let ours = mix_heads(all.clone(), [heads, n], Sees::All, Some(&more));
            let theirs = by_burn(all.clone(), [heads, n], Sees::All, Some(&more));
            assert_near(ours, theirs, [heads, d_head, n]);
        }
    }
}
