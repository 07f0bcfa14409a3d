//! Transformers that read patches or texts, as CLIP and ImageBind have them.
//!
//! Blocks normalize before they compute. A model names its tensors and says what its
//! blocks end with; [`Layers`] makes layers of those tensors.

mod blocks;
mod layers;
mod patches;
mod texts;

pub(crate) use blocks::{Block, Blocks, Norm};
pub(crate) use layers::Layers;
pub(crate) use patches::PatchTransformer;
pub(crate) use texts::TextTransformer;
