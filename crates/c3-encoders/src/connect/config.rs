//! Sizes of the two towers and the temperature between them.

use serde::{Deserialize, Serialize};

use super::error::ConnectError;

/// Sizes of a [`DualEncoder`](super::DualEncoder).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DualEncoderConfig {
    /// Width of the shared space.
    pub d_embed: usize,
    /// Width of a row of image features.
    pub d_image: usize,
    /// Width of a row of text features.
    pub d_text: usize,
    /// The image side.
    pub image: TowerConfig,
    /// The text side.
    pub text: TowerConfig,
    /// Temperature of the softmax.
    pub temperature: Temperature,
}

/// One side of the space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TowerConfig {
    /// A projection head over features.
    Head(HeadConfig),
    /// A convolutional network over pixels.
    Conv(ConvConfig),
}

/// A projection head: hidden layers, then a linear map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Features are multiplied by this first: a frozen model may speak softly.
    pub scale: f64,
    /// Hidden layers; none makes the head linear.
    pub n_hidden: usize,
    /// Width of a hidden layer.
    pub d_hidden: usize,
    /// What follows a hidden layer.
    pub activation: Activation,
    /// Share of the hidden units dropped while training, from 0 to below 1.
    pub dropout: f64,
    /// Share of the input features dropped while training, from 0 to below 1.
    pub input_dropout: f64,
    /// Length of a constant offset that the head starts with, in a random direction.
    ///
    /// A modality starts from its own narrow cone (Liang et al. 2022,
    /// arXiv:2203.02053). A hidden layer makes one by itself; this widens the gap.
    pub cone: f64,
}

/// A convolutional network over square pictures: halving convolutions, then a linear map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvConfig {
    /// Side of a picture in pixels.
    pub side: usize,
    /// Channels after each convolution; each halves the side.
    pub channels: Vec<usize>,
    /// Share of the last features dropped while training, from 0 to below 1.
    pub dropout: f64,
    /// As [`HeadConfig::cone`].
    pub cone: f64,
    /// How training pictures are varied.
    pub augment: Augment,
}

/// How a training picture is varied at every visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Most pixels it is moved, each way.
    pub shift: usize,
    /// Standard deviation of the change of contrast, relative.
    pub contrast: f32,
    /// Standard deviation of the noise on every value.
    pub noise: f32,
}

/// What follows a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x * Phi(x)`.
    Gelu,
}

/// Temperature of the softmax over similarities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Temperature {
    /// Stays as it is.
    Fixed(f64),
    /// Starts here and is learned; never below 0.01, as in CLIP.
    Learned(f64),
}

impl Temperature {
    /// The temperature before the first step.
    #[must_use]
    pub fn start(self) -> f64 {
        match self {
            Self::Fixed(start) | Self::Learned(start) => start,
        }
    }
}

impl DualEncoderConfig {
    /// Refuses sizes with which nothing can be built.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Setting`]
    pub fn check(&self) -> Result<(), ConnectError> {
        let start = self.temperature.start();
        setting(
            "temperature",
            start,
            "above 0",
            start > 0.0 && start.is_finite(),
        )?;
        setting(
            "d_embed",
            self.d_embed as f64,
            "at least 1",
            self.d_embed > 0,
        )?;
        check_tower(&self.image, self.d_image)?;
        check_tower(&self.text, self.d_text)
    }
}

fn check_tower(tower: &TowerConfig, d_input: usize) -> Result<(), ConnectError> {
    match tower {
        TowerConfig::Head(head) => {
            share("dropout", head.dropout)?;
            share("input_dropout", head.input_dropout)?;
            let whole = head.n_hidden == 0 || head.d_hidden > 0;
            setting("d_hidden", head.d_hidden as f64, "at least 1", whole)
        }
        TowerConfig::Conv(conv) => {
            share("dropout", conv.dropout)?;
            let values = 3 * conv.side * conv.side;
            let fits = values == d_input && conv.side >> conv.channels.len() > 0;
            setting(
                "side",
                conv.side as f64,
                "the side of the pictures, and halved above 0",
                fits,
            )
        }
    }
}

fn share(name: &'static str, value: f64) -> Result<(), ConnectError> {
    setting(
        name,
        value,
        "from 0 to below 1",
        (0.0..1.0).contains(&value),
    )
}

/// Refuses a value, saying what would have been right.
pub(super) fn setting(
    name: &'static str,
    value: f64,
    expected: &'static str,
    good: bool,
) -> Result<(), ConnectError> {
    if good {
        Ok(())
    } else {
        Err(ConnectError::Setting {
            setting: name,
            value,
            expected,
        })
    }
}
