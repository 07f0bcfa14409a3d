//! What lies between the tokens that go in and the output weights.

use super::attention::Tokens;
use super::block::Block;
use super::layers::Norm;
use super::seen::Seen;
use crate::llama::Turn;

/// A causal transformer.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) positions: Positions,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: Norm,
}

/// How a body knows where a token stands.
#[derive(Debug)]
pub(crate) enum Positions {
    /// Something learned is added to it, `[n_positions, d_model]`.
    Learned(Vec<f32>),
    /// Queries and keys turn.
    Turning(Turn),
}

impl Body {
    /// Rows that have read nothing.
    pub(super) fn begin(&self, n_rows: usize) -> Seen {
        Seen::nothing(n_rows, self.blocks.len())
    }

    /// Reads the next tokens of each row; says what it thinks at the last of each.
    ///
    /// # Shapes
    ///
    /// - `stream`: `[n_rows, n_new, d_model]`
    /// - result: `[n_rows, d_model]`
    pub(super) fn read(&self, mut stream: Vec<f32>, n_new: usize, seen: &mut Seen) -> Vec<f32> {
        let n_before = seen.n_read();
        let d_model = stream.len() / (seen.n_rows() * n_new);
        let angles = match &self.positions {
            Positions::Learned(learned) => {
                let positions = &learned[n_before * d_model..][..n_new * d_model];
                for row in stream.chunks_exact_mut(n_new * d_model) {
                    let pairs = row.iter_mut().zip(positions);
                    pairs.for_each(|(token, position)| *token += position);
                }
                None
            }
            Positions::Turning(turn) => {
                let new = n_before..n_before + n_new;
                Some(new.map(|position| turn.at(position).collect()).collect())
            }
        };
        seen.grow(n_new);
        let (rows, caches) = seen.parts();
        let tokens = Tokens {
            rows,
            n_new,
            angles,
        };
        for (block, cache) in self.blocks.iter().zip(caches) {
            block.read(&mut stream, &tokens, cache);
        }
        let last = stream.chunks_exact(n_new * d_model);
        let last: Vec<f32> = last
            .flat_map(|row| &row[(n_new - 1) * d_model..])
            .copied()
            .collect();
        self.norm.forward(&last)
    }
}
