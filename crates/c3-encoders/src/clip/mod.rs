//! CLIP: photos and sentences into one space (Radford et al. 2021, arXiv:2103.00020).
//!
//! Two towers. Sentences go through a causal transformer, photos through a vision
//! transformer (ViT-B/32, B/16, L/14 and their like) or through a residual network
//! with an attention pool (RN50, RN50x4). Read from the files of transformers, of
//! `open_clip`, or with the names of OpenAI's own; see [`Clip::load`].
//!
//! Not read: towers of `timm` (SigLIP's among them: other pooling, another tokenizer),
//! text towers of transformers, and CoCa's attentional pool.

mod clean;
mod config;
mod described;
mod images;
mod model;
mod resnet;
mod resnet_weights;
mod texts;
mod tokens;
mod vit;
mod weights;

pub use clean::clean;
pub use config::{
    Activation, BlocksConfig, ClipConfig, ImageConfig, Levels, ResNetConfig, TextConfig, VitConfig,
};
pub use images::ImageTower;
pub use model::Clip;
pub use texts::TextTower;
pub use tokens::{ClipTokenizer, Overlong};
