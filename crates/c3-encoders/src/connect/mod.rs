//! Connect: two towers into one contrastive space.
//!
//! Step 1 of C3. Each modality has a [`Tower`]: a projection head over the
//! features of a frozen model, or a small convolutional network over pixels.
//! The symmetric InfoNCE loss of CLIP (Radford et al. 2021, arXiv:2103.00020)
//! pulls matched pairs together; nothing here removes the modality gap.

mod config;
mod error;
mod journal;
mod loss;
mod model;
mod pairs;
mod tower;
mod training;
mod weights;

pub use config::{
    Activation, Augment, ConvConfig, DualEncoderConfig, HeadConfig, Temperature, TowerConfig,
};
pub use error::{ConnectError, WeightFault};
pub use journal::EpochLoss;
pub use model::DualEncoder;
pub use pairs::Pairs;
pub use tower::Tower;
pub use training::{ConnectConfig, ConnectSession, Connected, connect};
