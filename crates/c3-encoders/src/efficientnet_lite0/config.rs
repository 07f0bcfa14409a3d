//! Sizes of the network.

use burn::config::Config;

/// Sizes of an [`EfficientNetLite0`](super::EfficientNetLite0).
///
/// The default is the published network; others exist for tests.
#[derive(Config, Debug)]
pub struct EfficientNetLite0Config {
    /// Side of a picture, in pixels.
    #[config(default = 224)]
    pub size: usize,
    /// Channels after the first convolution.
    #[config(default = 32)]
    pub d_stem: usize,
    /// The stages of inverted residual blocks, in order.
    #[config(default = "Stage::published()")]
    pub stages: Vec<Stage>,
    /// Channels of the last convolution: the width of an embedding.
    #[config(default = 1280)]
    pub d_embed: usize,
}

/// Blocks of one width; only the first of them may shrink the picture.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Number of blocks.
    pub repeats: usize,
    /// Side of the depthwise kernel, in pixels.
    pub kernel: usize,
    /// Step of the first block's depthwise kernel, in pixels.
    pub stride: usize,
    /// How many times wider a block is inside; 1 leaves the widening layer out.
    pub expand: usize,
    /// Channels that leave the stage.
    pub channels: usize,
}

impl Stage {
    /// The seven stages of the published network.
    #[must_use]
    pub fn published() -> Vec<Self> {
        [
            [1, 3, 1, 1, 16],
            [2, 3, 2, 6, 24],
            [2, 5, 2, 6, 40],
            [3, 3, 2, 6, 80],
            [3, 5, 1, 6, 112],
            [4, 5, 2, 6, 192],
            [1, 3, 1, 6, 320],
        ]
        .map(|[repeats, kernel, stride, expand, channels]| {
            Self::new(repeats, kernel, stride, expand, channels)
        })
        .to_vec()
    }
}
