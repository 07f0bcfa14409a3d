//! Pictures, texts and sounds into one embedding space.
//!
//! A photo walks `bytes → Pixels → Embeddings`, a sentence `&str → Embeddings`.
//! The towers run on whatever [`burn`] device the caller chose; no tensor leaves
//! this crate. One model is one folder: `config`, `model`, `weights`.

mod batches;
pub mod clip;
pub mod connect;
pub mod efficientnet_lite0;
mod error;
mod folder;
pub mod image;
pub mod imagebind;
mod kernels;
pub mod minilm;
mod numbers;
mod raw;
mod tensors;
mod transformer;

pub use clip::Clip;
pub use efficientnet_lite0::EfficientNetLite0;
pub use error::{EncoderError, TensorFault};
pub use image::{Pixels, Preprocess};
pub use imagebind::ImageBind;
pub use minilm::MiniLm;
pub use raw::{HashedWords, pixel_rows};
