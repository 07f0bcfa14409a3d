//! Moments as plain numbers, to be kept in a file and merged elsewhere.

use super::bin::Bin;
use super::scales::Scales;
use super::{BTreeMap, Moments};
use crate::GeometryError;

/// Everything that [`Moments`] know, as plain numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MomentsState {
    /// Width of a row of one modality.
    pub dim: usize,
    /// Whether these are moments of pairs.
    pub paired: bool,
    /// One for each scale that rows have.
    pub bins: Vec<BinState>,
}

/// Sums over the rows of one scale: values in steps of `2^-46` of the scale, products in steps
/// of `2^-52` of the product of the scales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinState {
    /// Exponents of two that bound the rows of `x` and of `y`.
    pub scales: [i16; 2],
    /// How many rows.
    pub rows: u64,
    /// Sum of each column, `[width]`; `x` and then `y`.
    pub sums: Vec<i128>,
    /// Sum of the products of columns `i <= j`, row after row, `[width * (width + 1) / 2]`.
    pub products: Vec<i128>,
}

impl From<&Moments> for MomentsState {
    fn from(moments: &Moments) -> Self {
        let width = moments.width();
        let bin = |(scales, bin): (&Scales, &Bin)| BinState {
            scales: scales.0,
            rows: bin.rows(),
            sums: (0..width).map(|at| bin.sum(at)).collect(),
            products: (0..width)
                .flat_map(|i| (i..width).map(move |j| bin.product(i, j)))
                .collect(),
        };
        Self {
            dim: moments.dim,
            paired: moments.paired,
            bins: moments.bins.iter().map(bin).collect(),
        }
    }
}

impl TryFrom<&MomentsState> for Moments {
    type Error = GeometryError;

    /// # Errors
    ///
    /// [`GeometryError::RaggedRows`] if a list has not the length that the width asks for.
    fn try_from(state: &MomentsState) -> Result<Self, GeometryError> {
        let mut moments = match state.paired {
            true => Self::paired(state.dim),
            false => Self::unpaired(state.dim),
        };
        let width = moments.width();
        let mut bins = BTreeMap::new();
        for bin in &state.bins {
            let lengths = [
                (bin.sums.len(), width),
                (bin.products.len(), width * (width + 1) / 2),
            ];
            let ragged = lengths
                .iter()
                .find(|(found, wanted)| found != wanted || width == 0);
            if let Some((values, _)) = ragged {
                let (values, dim) = (*values, state.dim);
                return Err(GeometryError::RaggedRows { values, dim });
            }
            let restored = Bin::restore(width, bin.rows, &bin.sums, &bin.products);
            bins.insert(Scales(bin.scales), restored);
        }
        moments.bins = bins;
        Ok(moments)
    }
}
