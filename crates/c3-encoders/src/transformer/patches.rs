//! A transformer over the patches of a picture or of a sound.

use burn::tensor::{Int, Tensor};

use super::Layers;
use super::blocks::{Blocks, Norm, Tokens};
use crate::kernels::Sees;

/// A token from each patch, and one token that gathers them.
#[derive(Debug)]
pub(crate) struct PatchTransformer {
    /// The token that gathers, with its place added, `[1, 1, width]`.
    pub(crate) class: Tensor<3>,
    /// The places of the patches, `[1, n_patches, width]`.
    pub(crate) places: Tensor<3>,
    pub(crate) norm_before: Option<Norm>,
    pub(crate) blocks: Blocks,
    pub(crate) norm_after: Norm,
    /// `[width, d_embed]`
    pub(crate) project: Tensor<2>,
}

impl PatchTransformer {
    /// # Shapes
    ///
    /// - `patches`: `[batch * n_patches, width]`, without their places
    /// - result: `[batch, d_embed]`
    pub(crate) fn forward(&self, patches: Tensor<2>) -> Tensor<2> {
        let [_, n_patches, width] = self.places.dims();
        let [rows, _] = patches.dims();
        let batch = rows / n_patches;
        let placed = patches.reshape([batch, n_patches, width]) + self.places.clone();
        let class = self.class.clone().expand([batch, 1, width]);
        let n_tokens = n_patches + 1;
        let tokens = Tensor::cat(vec![class, placed], 1); // [batch, n_tokens, width]
        let first = tokens.reshape([batch * n_tokens, width]);
        let first = match &self.norm_before {
            Some(norm) => norm.forward(first),
            None => first,
        };

        let device = first.device();
        let ends = (batch * n_tokens) as i64;
        let classes: Tensor<1, Int> = Tensor::arange_step(0..ends, n_tokens, &device);
        let tokens = Tokens {
            n_tokens,
            sees: Sees::All,
        };
        let last = self.blocks.forward(first, tokens, classes);
        self.norm_after.forward(last).matmul(self.project.clone())
    }
}

impl Layers<'_> {
    /// Takes the token that gathers, and the places of all tokens, of which its own is the first.
    ///
    /// Their leading axes of 1, which some files have, are part of the shapes.
    ///
    /// # Shapes
    ///
    /// - `class`: `[..., width]`, `places`: `[..., n_patches + 1, width]`
    /// - result: `[1, 1, width]` with its place added, and `[1, n_patches, width]`
    pub(crate) fn class_and_places(
        &mut self,
        (class, class_shape): (&str, &[usize]),
        (places, places_shape): (&str, &[usize]),
        width: usize,
    ) -> (Tensor<3>, Tensor<3>) {
        let mut class = self.tensors.take(class, class_shape);
        let mut places = self.tensors.take(places, places_shape);
        let patches = places.split_off(width);
        class
            .iter_mut()
            .zip(places)
            .for_each(|(class, place)| *class += place);
        let n_patches = patches.len() / width;
        let places = self.tensor(patches, [1, n_patches, width]);
        (self.tensor(class, [1, 1, width]), places)
    }
}
