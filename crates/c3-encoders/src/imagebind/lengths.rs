//! What happens to embeddings after the towers: unit length, a factor, means over clips.

use c3_geometry::Embeddings;

use crate::EncoderError;

/// The largest factor that ImageBind multiplies with, whatever it learned.
const MOST: f32 = 100.0;

/// How long embeddings are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lengths {
    /// 1, also of the mean of several clips.
    #[default]
    Unit,
    /// As ImageBind gives them: 1 of pictures and videos, 20 of sounds, a learned number of
    /// at most 100 of texts. The mean of several clips is shorter.
    Published,
}

/// The end of a tower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    lengths: Lengths,
    /// The published length of an embedding.
    scale: f32,
}

impl Ending {
    /// # Shapes
    ///
    /// - `log_scale`: the logarithm of the published length, before that is limited
    pub(super) fn new(log_scale: f32) -> Self {
        Self {
            lengths: Lengths::default(),
            scale: log_scale.exp().min(MOST),
        }
    }

    pub(super) fn with_lengths(self, lengths: Lengths) -> Self {
        Self { lengths, ..self }
    }

    /// Gives rows their length, `[n, d_embed]`.
    pub(super) fn finish(&self, rows: Embeddings) -> Result<Embeddings, EncoderError> {
        let rows = rows.into_unit_length()?;
        match self.lengths {
            Lengths::Unit => Ok(rows),
            Lengths::Published => self.scaled(&rows),
        }
    }

    /// Means over the clips of each item, whose embeddings are `rows`, one item after another.
    ///
    /// As ImageBind has it, every clip counts the same: the mean is taken of embeddings that
    /// already have their length.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[counts.sum(), d_embed]`
    /// - result: `[counts.len(), d_embed]`
    pub(super) fn finish_items(
        &self,
        rows: Embeddings,
        counts: &[usize],
    ) -> Result<Embeddings, EncoderError> {
        let rows = rows.into_unit_length()?;
        let dim = rows.dim();
        let (mut means, mut first) = (Vec::with_capacity(counts.len() * dim), 0);
        for count in counts {
            let clips: Vec<usize> = (first..first + count).collect();
            let mean = rows.select(&clips).mean();
            means.extend(mean.into_iter().map(|value| value as f32));
            first += count;
        }
        let means = Embeddings::new(means, dim)?;
        match self.lengths {
            Lengths::Unit => Ok(means.into_unit_length()?),
            Lengths::Published => self.scaled(&means),
        }
    }

    fn scaled(&self, rows: &Embeddings) -> Result<Embeddings, EncoderError> {
        let values = rows.as_slice().iter().map(|value| self.scale * value);
        Ok(Embeddings::new(values.collect(), rows.dim())?)
    }
}

/// The clips of all items, one item after another, and how many each item has.
pub(super) fn flatten<C, I: AsRef<[C]>>(
    items: &[I],
) -> Result<(Vec<&C>, Vec<usize>), EncoderError> {
    let counts: Vec<usize> = items.iter().map(|item| item.as_ref().len()).collect();
    if let Some(row) = counts.iter().position(|count| *count == 0) {
        return Err(EncoderError::NoClips { row });
    }
    Ok((items.iter().flat_map(AsRef::as_ref).collect(), counts))
}
