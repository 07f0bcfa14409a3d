//! Causal attention over what rows have read.

use c3_kernels::{Activation, add_scaled, dot, softmax};
use pulp::Arch;
use rayon::prelude::*;

use super::layers::Dense;
use super::seen::KeyValues;

/// Causal attention with several heads, some of which may share keys and values.
#[derive(Debug)]
pub(crate) struct Attention {
    /// Queries, keys and values side by side.
    pub(crate) all: Dense,
    pub(crate) project: Dense,
    pub(crate) n_heads: usize,
    /// Heads of the keys and values.
    pub(crate) n_shared: usize,
    pub(crate) d_head: usize,
}

/// The tokens that are being read, as many for each row.
pub(super) struct Tokens<'a> {
    /// The places of all tokens of each row, those that are being read the last.
    pub(super) rows: &'a [Vec<usize>],
    pub(super) n_new: usize,
    /// Where positions turn: how far those of the new tokens do.
    pub(super) angles: Option<Vec<Angles>>,
}

/// Cosine and sine of each pair of a head.
pub(super) type Angles = Vec<(f32, f32)>;

impl Attention {
    /// Adds to the stream what its tokens gather from those before them, and from themselves.
    ///
    /// # Shapes
    ///
    /// - `stream`, `normed`: `[n_rows * n_new, d_model]`
    pub(super) fn add_to(
        &self,
        stream: &mut [f32],
        normed: &[f32],
        tokens: &Tokens<'_>,
        seen: &mut KeyValues,
    ) {
        let mut all = self.all.forward(normed, Activation::Identity);
        let [d_query, d_shared] = [self.n_heads, self.n_shared].map(|heads| heads * self.d_head);
        let d_all = d_query + 2 * d_shared;
        if let Some(angles) = &tokens.angles {
            for (at, row) in all.chunks_exact_mut(d_all).enumerate() {
                let heads = row[..d_query + d_shared].chunks_exact_mut(self.d_head);
                heads.for_each(|head| turn(head, &angles[at % tokens.n_new]));
            }
        }
        for row in all.chunks_exact(d_all) {
            let (keys, values) = row[d_query..].split_at(d_shared);
            seen.keys.extend_from_slice(keys);
            seen.values.extend_from_slice(values);
        }
        let (seen, arch) = (&*seen, Arch::new());
        let mut mixed = vec![0.0; all.len() / d_all * d_query];
        let rows = mixed
            .par_chunks_exact_mut(d_query)
            .zip(all.par_chunks_exact(d_all));
        rows.enumerate().for_each(|(at, (out, row))| {
            let places = &tokens.rows[at / tokens.n_new];
            let later = tokens.n_new - 1 - at % tokens.n_new;
            let places = &places[..places.len() - later];
            arch.dispatch(|| self.mix(out, &row[..d_query], places, seen));
        });
        self.project.add_to(&mixed, stream);
    }

    /// What one token gathers from some places, `[n_heads * d_head]`.
    #[inline(always)]
    fn mix(&self, out: &mut [f32], query: &[f32], places: &[usize], seen: &KeyValues) {
        let (d_head, group) = (self.d_head, self.n_heads / self.n_shared);
        let d_shared = self.n_shared * d_head;
        let scale = 1.0 / (d_head as f32).sqrt();
        let mut shares = vec![0.0; self.n_heads * places.len()];
        let shared = |head: usize| head / group * d_head..(head / group + 1) * d_head;
        for (at, place) in places.iter().enumerate() {
            let keys = &seen.keys[place * d_shared..][..d_shared];
            for (head, query) in query.chunks_exact(d_head).enumerate() {
                shares[head * places.len() + at] = scale * dot(query, &keys[shared(head)]);
            }
        }
        shares.chunks_exact_mut(places.len()).for_each(softmax);
        for (at, place) in places.iter().enumerate() {
            let values = &seen.values[place * d_shared..][..d_shared];
            for (head, out) in out.chunks_exact_mut(d_head).enumerate() {
                add_scaled(out, &values[shared(head)], shares[head * places.len() + at]);
            }
        }
    }
}

/// Turns a query or a key; the two numbers of a pair stand half a head apart.
fn turn(head: &mut [f32], angles: &[(f32, f32)]) {
    let (left, right) = head.split_at_mut(angles.len());
    for ((left, right), (cosine, sine)) in left.iter_mut().zip(right).zip(angles) {
        (*left, *right) = (
            *left * cosine - *right * sine,
            *right * cosine + *left * sine,
        );
    }
}
