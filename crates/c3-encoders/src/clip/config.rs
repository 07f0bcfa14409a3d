//! Sizes of the two towers, however the folder tells them.

use crate::EncoderError;
use crate::image::Normalization;

/// Width of a head of attention wherever OpenAI did not say another.
pub(super) const HEAD_WIDTH: usize = 64;

/// Red, green and blue of the pictures that CLIP was trained on: mean and standard deviation.
pub(super) const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
pub(super) const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// Sizes of a CLIP model: two towers that end in one space.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    /// Width of an embedding.
    pub d_embed: usize,
    /// The tower of pictures.
    pub image: ImageConfig,
    /// The tower of texts.
    pub text: TextConfig,
    /// How bytes become what the tower of pictures sees.
    pub levels: Levels,
}

/// The tower of pictures, of one kind or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageConfig {
    /// A vision transformer.
    Vit(VitConfig),
    /// A residual network with an attention pool.
    ResNet(ResNetConfig),
}

/// Sizes of a vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VitConfig {
    /// Side of a picture, in pixels.
    pub size: usize,
    /// Side of a patch, in pixels.
    pub patch: usize,
    /// The blocks.
    pub blocks: BlocksConfig,
}

/// Sizes of CLIP's residual network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResNetConfig {
    /// Side of a picture, in pixels.
    pub size: usize,
    /// Channels after the stem.
    pub width: usize,
    /// Blocks in each of the four stages.
    pub stages: [usize; 4],
    /// Heads of the attention pool.
    pub n_heads: usize,
}

/// Sizes of the tower of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextConfig {
    /// Number of different tokens.
    pub n_vocab: usize,
    /// Most tokens of a text, its two marks included.
    pub context: usize,
    /// The blocks.
    pub blocks: BlocksConfig,
}

/// Sizes of a stack of transformer blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlocksConfig {
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub n_layers: usize,
    /// Heads of attention; they share the width.
    pub n_heads: usize,
    /// Width inside the feed-forward part.
    pub d_hidden: usize,
    /// The activation there.
    pub activation: Activation,
}

/// The activation of the feed-forward parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * sigmoid(1.702 x)`: what OpenAI trained with.
    QuickGelu,
    /// `x * (1 + erf(x / sqrt(2))) / 2`: what most others trained with.
    Gelu,
}

/// What a tower takes off each colour, and what it divides by; bytes count as 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// What becomes 0, of red, green and blue.
    pub mean: [f32; 3],
    /// What becomes 1 above the mean.
    pub deviation: [f32; 3],
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            mean: MEAN,
            deviation: DEVIATION,
        }
    }
}

impl Levels {
    /// The same for bytes of 0 to 255.
    pub(crate) fn of_bytes(self) -> Normalization {
        Normalization {
            mean: self.mean.map(|value| value * 255.0),
            deviation: self.deviation.map(|value| value * 255.0),
        }
    }
}

impl ImageConfig {
    /// Side of a picture, in pixels.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.size,
            Self::ResNet(resnet) => resnet.size,
        }
    }
}

impl VitConfig {
    /// Patches along one side.
    pub(super) fn grid(&self) -> usize {
        self.size / self.patch
    }
}

impl ResNetConfig {
    /// Channels of the last feature map.
    pub(super) fn d_features(&self) -> usize {
        32 * self.width
    }

    /// Pixels along one side of the last feature map.
    pub(super) fn grid(&self) -> usize {
        self.size / 32
    }
}

impl ClipConfig {
    /// Refuses sizes that cannot be built.
    pub(super) fn check(&self) -> Result<(), EncoderError> {
        let fault = |name, value, needs| Err(EncoderError::Setting { name, value, needs });
        self.text.blocks.check()?;
        if self.text.context < 3 {
            let needs = "has to hold one token between two marks";
            return fault("context", self.text.context, needs);
        }
        match &self.image {
            ImageConfig::Vit(vit) => {
                vit.blocks.check()?;
                if vit.patch == 0 || vit.grid() == 0 {
                    return fault("patch", vit.patch, "has to fit into a picture");
                }
            }
            ImageConfig::ResNet(resnet) => {
                let heads = resnet.n_heads;
                if heads == 0 || resnet.width < 2 || !resnet.d_features().is_multiple_of(heads) {
                    return fault("n_heads", heads, "has to divide the last channels");
                }
                if resnet.grid() == 0 {
                    return fault("size", resnet.size, "has to be at least 32");
                }
            }
        }
        Ok(())
    }
}

impl BlocksConfig {
    fn check(&self) -> Result<(), EncoderError> {
        if self.n_heads == 0 || self.width == 0 || !self.width.is_multiple_of(self.n_heads) {
            return Err(EncoderError::Setting {
                name: "n_heads",
                value: self.n_heads,
                needs: "has to divide the width",
            });
        }
        Ok(())
    }
}
