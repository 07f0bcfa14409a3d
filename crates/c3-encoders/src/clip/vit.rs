//! The vision transformer.

use burn::tensor::{Int, Tensor};

use super::blocks::{Blocks, Norm, Tokens};
use crate::kernels::Sees;

/// A photo cut into squares, a token from each, and one token that gathers them.
#[derive(Debug)]
pub(super) struct Vit {
    /// `[3 * patch^2, width]`
    pub(super) stem: Tensor<2>,
    /// The token that gathers, with its place added, `[1, 1, width]`.
    pub(super) class: Tensor<3>,
    /// The places of the squares, `[1, grid^2, width]`.
    pub(super) places: Tensor<3>,
    pub(super) norm_before: Norm,
    pub(super) blocks: Blocks,
    pub(super) norm_after: Norm,
    /// `[width, d_embed]`
    pub(super) project: Tensor<2>,
}

impl Vit {
    /// # Shapes
    ///
    /// - `squares`: `[batch * grid^2, 3 * patch^2]`
    /// - result: `[batch, d_embed]`
    pub(super) fn forward(&self, squares: Tensor<2>) -> Tensor<2> {
        let [_, n_squares, width] = self.places.dims();
        let [rows, _] = squares.dims();
        let batch = rows / n_squares;
        let seen = squares.matmul(self.stem.clone());
        let placed = seen.reshape([batch, n_squares, width]) + self.places.clone();
        let class = self.class.clone().expand([batch, 1, width]);
        let n_tokens = n_squares + 1;
        let tokens = Tensor::cat(vec![class, placed], 1); // [batch, n_tokens, width]
        let first = self
            .norm_before
            .forward(tokens.reshape([batch * n_tokens, width]));

        let device = first.device();
        let ends = (batch * n_tokens) as i64;
        let classes: Tensor<1, Int> = Tensor::arange_step(0..ends, n_tokens, &device);
        let tokens = Tokens {
            batch,
            n_tokens,
            sees: Sees::All,
        };
        let last = self.blocks.forward(first, tokens, classes);
        self.norm_after.forward(last).matmul(self.project.clone())
    }
}
