//! The vision transformer.

use burn::tensor::Tensor;

use crate::transformer::PatchTransformer;

/// A photo cut into squares, a token from each, and one token that gathers them.
#[derive(Debug)]
pub(super) struct Vit {
    /// `[3 * patch^2, width]`
    pub(super) stem: Tensor<2>,
    pub(super) transformer: PatchTransformer,
}

impl Vit {
    /// # Shapes
    ///
    /// - `squares`: `[batch * grid^2, 3 * patch^2]`
    /// - result: `[batch, d_embed]`
    pub(super) fn forward(&self, squares: Tensor<2>) -> Tensor<2> {
        self.transformer.forward(squares.matmul(self.stem.clone()))
    }
}
