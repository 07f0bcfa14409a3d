//! What the decoder sees of a clean embedding.

use std::sync::Arc;

use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;

use super::captions::CaptionSet;
use crate::{DecoderError, PrefixDecoderConfig};

/// Turns clean embeddings into those that the decoder reads, one batch at a time.
///
/// Collapse and corrupt come in through here, so that the decoder knows
/// neither. Any closure of the same shape is a view.
pub trait View: Send + Sync {
    /// Views one batch; `rng` is fresh for every batch of every epoch, and the same on every
    /// device. Must keep the number of rows and, from batch to batch, the width.
    fn view(&self, clean: Embeddings, rng: &mut ChaCha8Rng) -> Embeddings;
}

impl<F> View for F
where
    F: Fn(Embeddings, &mut ChaCha8Rng) -> Embeddings + Send + Sync,
{
    fn view(&self, clean: Embeddings, rng: &mut ChaCha8Rng) -> Embeddings {
        self(clean, rng)
    }
}

/// Captions and how they are looked at: one for training, another for validation.
#[derive(Clone)]
pub struct Split {
    pub(super) captions: Arc<CaptionSet>,
    pub(super) view: Arc<dyn View>,
}

impl Split {
    /// Looks at `captions` through `view`.
    ///
    /// In validation the view gets the same generator every epoch, so that
    /// epochs can be compared even where noise is validated with.
    pub fn new(captions: impl Into<Arc<CaptionSet>>, view: impl View + 'static) -> Self {
        Self {
            captions: captions.into(),
            view: Arc::new(view),
        }
    }

    /// Refuses captions that a decoder of these sizes cannot read, and a view of another width.
    pub(super) fn check(
        &self,
        decoder: &PrefixDecoderConfig,
        mut rng: ChaCha8Rng,
    ) -> Result<(), DecoderError> {
        self.captions.check(decoder)?;
        let seen = self.view.view(self.captions.embeddings(&[0]), &mut rng);
        let (expected, found) = (decoder.d_embed, seen.dim());
        if found == expected {
            return Ok(());
        }
        Err(DecoderError::WidthMismatch { expected, found })
    }
}
