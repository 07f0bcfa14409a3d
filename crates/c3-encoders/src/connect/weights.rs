//! The weights of both towers as a safetensors file.

use burn::store::{ModuleSnapshot, SafetensorsStore};
use burn::tensor::Device;

use super::config::DualEncoderConfig;
use super::error::{ConnectError, WeightFault};
use super::model::DualEncoder;

impl DualEncoder {
    /// The bytes of a safetensors file; equal weights give equal bytes.
    ///
    /// # Errors
    ///
    /// [`ConnectError::WeightsFile`] from the library.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ConnectError> {
        let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
        self.save_into(&mut store).map_err(weights_file)?;
        store.get_bytes().map_err(weights_file)
    }

    /// Reads what [`DualEncoder::to_safetensors`] wrote.
    ///
    /// # Errors
    ///
    /// [`ConnectError::WeightsFile`] if the bytes are no such file,
    /// [`ConnectError::Weights`] lists every tensor that is missing or of
    /// another shape, [`ConnectError::Setting`] if the sizes cannot be.
    pub fn from_safetensors(
        bytes: Vec<u8>,
        config: &DualEncoderConfig,
        device: &Device,
    ) -> Result<Self, ConnectError> {
        let mut encoder = Self::new(config, device)?;
        let mut store = SafetensorsStore::from_bytes(Some(bytes))
            .allow_partial(true)
            .validate(false);
        let loaded = encoder.load_from(&mut store).map_err(weights_file)?;
        let faults = WeightFault::of(&loaded);
        if faults.is_empty() {
            Ok(encoder)
        } else {
            Err(ConnectError::Weights { faults })
        }
    }
}

fn weights_file(source: burn::store::SafetensorsStoreError) -> ConnectError {
    ConnectError::WeightsFile {
        source: Box::new(source),
    }
}
