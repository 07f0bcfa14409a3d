//! One pre-norm block of a body.

use c3_kernels::{Activation, silu};
use pulp::Arch;

use super::attention::{Attention, Tokens};
use super::layers::{Dense, Norm};
use super::seen::KeyValues;

/// One pre-norm block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) norm_attention: Norm,
    pub(crate) attention: Attention,
    pub(crate) norm_mlp: Norm,
    pub(crate) mlp: Mlp,
}

/// The wide layers of a block.
#[derive(Debug)]
pub(crate) enum Mlp {
    /// An activation between two.
    Plain {
        widen: Dense,
        activation: Activation,
        narrow: Dense,
    },
    /// One gates the other, through `x * sigmoid(x)`.
    Gated {
        /// The gate and what it lets through, side by side.
        both: Dense,
        down: Dense,
    },
}

impl Block {
    /// Reads tokens: what it thinks of them goes into the stream, `[n_rows * n_new, d_model]`.
    pub(super) fn read(&self, stream: &mut [f32], tokens: &Tokens<'_>, seen: &mut KeyValues) {
        let normed = self.norm_attention.forward(stream);
        self.attention.add_to(stream, &normed, tokens, seen);
        let normed = self.norm_mlp.forward(stream);
        match &self.mlp {
            Mlp::Plain {
                widen,
                activation,
                narrow,
            } => narrow.add_to(&widen.forward(&normed, *activation), stream),
            Mlp::Gated { both, down } => {
                let count = tokens.rows.len() * tokens.n_new;
                let wide = both.forward(&normed, Activation::Identity);
                down.add_to(&gated(&wide, count), stream);
            }
        }
    }
}

/// `silu(gate) * rest`, `[rows, 2 * d_hidden]` to `[rows, d_hidden]`
fn gated(wide: &[f32], rows: usize) -> Vec<f32> {
    let d_hidden = wide.len() / rows / 2;
    let mut out = vec![0.0; rows * d_hidden];
    Arch::new().dispatch(|| {
        let pairs = out
            .chunks_exact_mut(d_hidden)
            .zip(wide.chunks_exact(2 * d_hidden));
        for (out, row) in pairs {
            let (gate, rest) = row.split_at(d_hidden);
            for (out, (gate, rest)) in out.iter_mut().zip(gate.iter().zip(rest)) {
                *out = silu(*gate) * rest;
            }
        }
    });
    out
}
