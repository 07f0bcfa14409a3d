//! How captions are searched for.

use serde::{Deserialize, Serialize};

use super::sampling::Nucleus;
use crate::DecoderError;
use crate::prefix::check;

/// How captions are searched for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decoding {
    /// Hypotheses followed at once; 1 takes the likeliest token every time.
    pub beam: usize,
    /// Captions given per embedding; no more than the beam.
    pub n_best: usize,
    /// Hypotheses are compared by log-probability over length to this power: 0 compares whole
    /// sentences, 1 the mean token.
    pub length_power: f64,
    /// Most tokens of a caption, the end token counted; what the decoder can at most if absent.
    pub max_tokens: Option<usize>,
    /// Draws captions at random instead of searching for the likeliest; the beam is then 1, and
    /// `n_best` captions are drawn for every embedding.
    pub nucleus: Option<Nucleus>,
    /// Embeddings captioned at once.
    pub batch_size: usize,
}

impl Default for Decoding {
    fn default() -> Self {
        Self {
            beam: 1,
            n_best: 1,
            length_power: 1.0,
            max_tokens: None,
            nucleus: None,
            batch_size: 256,
        }
    }
}

impl Decoding {
    /// Says which setting is wrong, if one is, whatever the decoder.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Setting`] names the first one.
    pub fn check(&self) -> Result<(), DecoderError> {
        let Self { beam, n_best, .. } = *self;
        for (setting, count) in [
            ("beam", beam),
            ("batch_size", self.batch_size),
            ("max_tokens", self.max_tokens.unwrap_or(1)),
        ] {
            check(count > 0, setting, count as f64, "at least 1")?;
        }
        let most = if self.nucleus.is_some() {
            usize::MAX
        } else {
            beam
        };
        check(
            (1..=most).contains(&n_best),
            "n_best",
            n_best as f64,
            "from 1 to the beam",
        )?;
        if let Some(nucleus) = self.nucleus {
            let said = "1 where captions are drawn";
            check(beam == 1, "beam", beam as f64, said)?;
            nucleus.check()?;
        }
        let power = self.length_power;
        check(power.is_finite(), "length_power", power, "a number")
    }
}
