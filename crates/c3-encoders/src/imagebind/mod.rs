//! ImageBind: photos, videos, sounds and sentences into one space (Girdhar et al. 2023,
//! arXiv:2305.05665).
//!
//! Three towers of the published six: vision, which takes a picture for a video that stands
//! still, text, and audio. Read from `imagebind_huge.pth`, or from a `model.safetensors`
//! with the same names; see [`ImageBind::load`]. The published weights may not be used for
//! money: their licence is CC BY-NC 4.0.
//!
//! Sounds and videos come prepared, as [`AudioClip`] and [`VideoClip`]: nothing here opens
//! their files. Not read: the towers of depth, of heat and of motion.

mod audio;
mod clips;
mod config;
mod lengths;
mod model;
mod text;
mod vision;
mod weights;

pub use audio::AudioTower;
pub use clips::{AudioClip, VideoClip};
pub use config::{AudioConfig, ImageBindConfig, TextConfig, TrunkConfig, VisionConfig};
pub use lengths::Lengths;
pub use model::ImageBind;
pub use text::TextTower;
pub use vision::VisionTower;
