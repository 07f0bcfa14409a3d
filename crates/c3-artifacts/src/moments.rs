//! Moments of a shard on disk, to be merged with those of others.
//!
//! A safetensors file: for bin `i` of the moments `sums.i` and `products.i`, u64
//! `[2 * values]`, each value as 128 bits, the low half first.

use std::path::Path;

use c3_geometry::{BinState, Moments, MomentsState};
use serde::{Deserialize, Serialize};

use crate::ArtifactError;
use crate::document::{self, Document};
use crate::tensors::{self, Tensor, TensorFile};

const ADVICE: &str = "write it with `measure --moments` first";

/// Moments, and what rows they are moments of.
#[derive(Clone, Debug, PartialEq)]
pub struct MomentsRecord {
    /// The moments.
    pub moments: Moments,
    /// Whether rows were brought to unit length first.
    pub unit_length: bool,
}

impl MomentsRecord {
    /// Writes the moments under `path`, all or nothing.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let state = MomentsState::from(&self.moments);
        let tag = Tag {
            dim: state.dim,
            paired: state.paired,
            unit_length: self.unit_length,
            bins: state
                .bins
                .iter()
                .map(|bin| BinTag {
                    scales: bin.scales,
                    rows: bin.rows,
                })
                .collect(),
        };
        let mut file = Vec::new();
        for (at, bin) in state.bins.iter().enumerate() {
            file.push((format!("sums.{at}"), Tensor::u64(&halves(&bin.sums))));
            let products = Tensor::u64(&halves(&bin.products));
            file.push((format!("products.{at}"), products));
        }
        tensors::write(path, &tag, file)
    }

    /// Reads moments that [`MomentsRecord::write`] wrote.
    ///
    /// # Errors
    ///
    /// What is wrong with the file: not there, not ours, of another version, cut
    /// off, a tensor missing or of another length.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = document::read_bytes(path, ADVICE)?;
        let (file, tag) = TensorFile::parse::<Tag>(path, &bytes)?;
        let mut bins = Vec::new();
        for (at, bin) in tag.bins.iter().enumerate() {
            bins.push(BinState {
                scales: bin.scales,
                rows: bin.rows,
                sums: whole(&file.integers(&format!("sums.{at}"))?),
                products: whole(&file.integers(&format!("products.{at}"))?),
            });
        }
        let state = MomentsState {
            dim: tag.dim,
            paired: tag.paired,
            bins,
        };
        let moments = Moments::try_from(&state).map_err(|source| ArtifactError::Embeddings {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            moments,
            unit_length: tag.unit_length,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Tag {
    dim: usize,
    paired: bool,
    unit_length: bool,
    bins: Vec<BinTag>,
}

#[derive(Serialize, Deserialize)]
struct BinTag {
    scales: [i16; 2],
    rows: u64,
}

impl Document for Tag {
    const FORMAT: &'static str = "c3-moments";
    const VERSION: u32 = 2;
}

fn halves(values: &[i128]) -> Vec<u64> {
    let halves = |value: &i128| [*value as u64, (*value >> 64) as u64];
    values.iter().flat_map(halves).collect()
}

fn whole(halves: &[u64]) -> Vec<i128> {
    let (pairs, _) = halves.as_chunks::<2>();
    let whole = |[low, high]: &[u64; 2]| (i128::from(*high as i64) << 64) | i128::from(*low);
    pairs.iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_make_the_whole_again() {
        let values = [0, -1, i128::MIN, i128::MAX, 1 << 64, -(1 << 70) + 5];
        assert_eq!(whole(&halves(&values)), values);
    }
}
