//! Both towers, and the temperature between them.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use c3_geometry::Embeddings;

use super::config::{DualEncoderConfig, Temperature};
use super::error::ConnectError;
use super::loss::info_nce;
use super::tower::Tower;

/// Rows encoded at once outside training.
const ROWS_PER_BATCH: usize = 512;

/// `log(1 / 0.01)`: CLIP keeps its learned temperature from falling below 0.01.
const MOST_LOG_SCALE: f64 = 4.605_170_185_988_092;

/// Two towers into one space.
#[derive(Module, Debug)]
pub struct DualEncoder {
    pub(super) image: Tower,
    pub(super) text: Tower,
    pub(super) log_scale: Param<Tensor<1>>, // log(1 / temperature)
    most_log_scale: f64,
    d_image: usize,
    d_text: usize,
}

impl DualEncoder {
    /// Builds both towers on `device`, with fresh weights of the device's generator.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Setting`] for sizes with which nothing can be built.
    pub fn new(config: &DualEncoderConfig, device: &Device) -> Result<Self, ConnectError> {
        config.check()?;
        let start = (1.0 / config.temperature.start()).ln();
        let log_scale = Param::from_tensor(Tensor::from_data([start], device));
        let (log_scale, most_log_scale) = match config.temperature {
            Temperature::Fixed(_) => (log_scale.set_require_grad(false), start),
            Temperature::Learned(_) => (log_scale, MOST_LOG_SCALE),
        };
        Ok(Self {
            image: Tower::new(&config.image, config.d_image, config.d_embed, device),
            text: Tower::new(&config.text, config.d_text, config.d_embed, device),
            log_scale,
            most_log_scale,
            d_image: config.d_image,
            d_text: config.d_text,
        })
    }

    /// Embeds rows of image features, `[n, d_image]` to unit rows `[n, d_embed]`.
    ///
    /// # Errors
    ///
    /// [`ConnectError::FeatureWidth`] if they have another width.
    pub fn encode_images(&self, features: &Embeddings) -> Result<Embeddings, ConnectError> {
        encode(&self.image, features, self.d_image, &self.device())
    }

    /// Embeds rows of text features, `[n, d_text]` to unit rows `[n, d_embed]`.
    ///
    /// # Errors
    ///
    /// [`ConnectError::FeatureWidth`] if they have another width.
    pub fn encode_texts(&self, features: &Embeddings) -> Result<Embeddings, ConnectError> {
        encode(&self.text, features, self.d_text, &self.device())
    }

    /// The temperature as it stands.
    #[must_use]
    pub fn temperature(&self) -> f64 {
        let log_scale = f64::from(self.log_scale.val().into_scalar::<f32>());
        (-log_scale.min(self.most_log_scale)).exp()
    }

    /// The contrastive loss of a batch of pairs: `[batch, d_image]`, `[batch, d_text]` to `[1]`.
    pub(super) fn loss(&self, images: Tensor<2>, texts: Tensor<2>) -> Tensor<1> {
        let scale = self.log_scale.val().clamp_max(self.most_log_scale).exp();
        info_nce(self.image.forward(images), self.text.forward(texts), scale)
    }

    pub(super) fn device(&self) -> Device {
        self.log_scale.val().device()
    }
}

fn encode(
    tower: &Tower,
    features: &Embeddings,
    d_input: usize,
    device: &Device,
) -> Result<Embeddings, ConnectError> {
    if features.dim() != d_input {
        return Err(ConnectError::FeatureWidth {
            expected: d_input,
            found: features.dim(),
        });
    }
    let mut values = Vec::new();
    let mut d_embed = 1;
    for rows in features.as_slice().chunks(ROWS_PER_BATCH * d_input) {
        let shape = [rows.len() / d_input, d_input];
        let rows = Tensor::<2>::from_data(TensorData::new(rows.to_vec(), shape), device);
        let embedded = tower.forward(rows); // [batch, d_embed]
        d_embed = embedded.dims()[1];
        values.extend(embedded.into_data().iter::<f32>());
    }
    Ok(Embeddings::new(values, d_embed)?)
}
