//! Settings of the space: features, and how they become points of it.

use c3_encoders::connect::{ConnectConfig, DualEncoderConfig, Temperature, TowerConfig};
use serde::{Deserialize, Serialize};

/// How media become rows of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncodeSettings {
    pub(crate) image: ImageFeatures,
    pub(crate) text: TextFeatures,
}

impl EncodeSettings {
    /// Both towers of one CLIP.
    pub(crate) fn clip(model: &str) -> Self {
        let (image, text) = (model.to_owned(), model.to_owned());
        Self {
            image: ImageFeatures::Clip { model: image },
            text: TextFeatures::Clip { model: text },
        }
    }

    /// Two towers of one ImageBind.
    pub(crate) fn imagebind(model: &str) -> Self {
        let (image, text) = (model.to_owned(), model.to_owned());
        Self {
            image: ImageFeatures::ImageBind { model: image },
            text: TextFeatures::ImageBind { model: text },
        }
    }
}

/// Where the features of a picture come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ImageFeatures {
    /// Its pixels, scaled to a square of this side.
    Pixels { side: usize },
    /// The frozen EfficientNet-Lite0.
    #[serde(rename = "efficientnet_lite0")]
    EfficientNetLite0,
    /// The tower of pictures of a frozen CLIP: its name in the catalogue, that of a repository of
    /// the hub, or a path.
    Clip { model: String },
    /// The tower of pictures of a frozen ImageBind, named in the same ways.
    #[serde(rename = "imagebind")]
    ImageBind { model: String },
}

/// Where the features of a sentence come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TextFeatures {
    /// Its words, counted in this many buckets.
    HashedWords { n_buckets: usize },
    /// The frozen all-MiniLM-L6-v2.
    #[serde(rename = "minilm")]
    MiniLm,
    /// The tower of texts of a frozen CLIP: its name in the catalogue, that of a repository of
    /// the hub, or a path.
    Clip { model: String },
    /// The tower of texts of a frozen ImageBind, named in the same ways.
    #[serde(rename = "imagebind")]
    ImageBind { model: String },
}

/// How features become points of one space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ConnectSettings {
    /// They are already, as those of both towers of a CLIP; nothing is trained.
    Given,
    /// By two towers that are trained over them.
    Towers(TowerSettings),
}

impl ConnectSettings {
    /// Fixes fresh towers, if there are any.
    pub(crate) fn seed(&self) -> Option<u64> {
        match self {
            Self::Given => None,
            Self::Towers(settings) => Some(settings.seed),
        }
    }
}

/// The towers and how they are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TowerSettings {
    pub(crate) seed: u64,
    pub(crate) d_embed: usize,
    pub(crate) temperature: Temperature,
    pub(crate) image: TowerConfig,
    pub(crate) text: TowerConfig,
    pub(crate) training: ConnectConfig,
}

impl TowerSettings {
    /// The towers for features of these widths.
    pub(crate) fn towers(&self, d_image: usize, d_text: usize) -> DualEncoderConfig {
        DualEncoderConfig {
            d_embed: self.d_embed,
            d_image,
            d_text,
            image: self.image.clone(),
            text: self.text.clone(),
            temperature: self.temperature,
        }
    }
}
