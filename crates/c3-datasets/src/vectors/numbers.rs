//! Numbers as they lie in a file, row after row, smallest byte first.

use std::ops::Range;

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

use crate::DatasetError;

/// How one number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
    /// Double precision; read as single.
    F64,
}

impl Kind {
    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The name that NumPy gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    fn read(self, bytes: &[u8], into: &mut [f32]) {
        match self {
            Self::F16 => halves(bytes, into),
            Self::F32 => numbers(bytes, into, f32::from_le_bytes),
            Self::F64 => numbers(bytes, into, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

fn numbers<const N: usize>(bytes: &[u8], into: &mut [f32], number: impl Fn([u8; N]) -> f32) {
    let (whole, _) = bytes.as_chunks::<N>();
    into.iter_mut()
        .zip(whole)
        .for_each(|(value, bytes)| *value = number(*bytes));
}

/// Many at a time, because the processor widens several at once.
fn halves(bytes: &[u8], into: &mut [f32]) {
    let (whole, _) = bytes.as_chunks::<2>();
    // Where files are mapped into memory, they lie there as the processor has them.
    if cfg!(target_endian = "little")
        && let Ok(bits) = bytemuck::try_cast_slice::<[u8; 2], u16>(whole)
    {
        let n = into.len().min(bits.len());
        let halves = bits[..n].reinterpret_cast::<f16>();
        return halves.convert_to_f32_slice(&mut into[..n]);
    }
    let mut halves = [f16::ZERO; 256];
    for (whole, into) in whole
        .chunks(halves.len())
        .zip(into.chunks_mut(halves.len()))
    {
        let halves = &mut halves[..whole.len()];
        halves
            .iter_mut()
            .zip(whole)
            .for_each(|(half, bytes)| *half = f16::from_le_bytes(*bytes));
        halves.convert_to_f32_slice(into);
    }
}

/// An array of any shape in a file.
#[derive(Clone, Debug)]
pub struct Numbers<'a> {
    shape: Vec<usize>,
    kind: Kind,
    bytes: &'a [u8],
}

impl<'a> Numbers<'a> {
    /// Takes the bytes that follow a header; more than the shape asks for are left alone.
    ///
    /// # Errors
    ///
    /// [`DatasetError::CutOff`] if there are fewer.
    pub(super) fn new(
        shape: Vec<usize>,
        kind: Kind,
        bytes: &'a [u8],
    ) -> Result<Self, DatasetError> {
        // Without rows, too, a row has to have a size.
        let axes = shape.iter().filter(|axis| **axis > 0);
        let size = axes
            .copied()
            .try_fold(kind.size(), usize::checked_mul)
            .map(|size| if shape.contains(&0) { 0 } else { size });
        match size.and_then(|size| bytes.get(..size)) {
            Some(bytes) => Ok(Self { shape, kind, bytes }),
            None => Err(DatasetError::CutOff {
                promised: size,
                found: bytes.len(),
            }),
        }
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How the numbers are stored.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The array as tables of rows: one if it is `[n, d]`, two if it is `[2, n, d]`.
    ///
    /// # Errors
    ///
    /// [`DatasetError::VectorShape`] for any other shape, or a width of zero.
    pub fn matrices(&self) -> Result<Vec<Matrix<'a>>, DatasetError> {
        let (tables, columns) = match self.shape[..] {
            [_, columns] if columns > 0 => (1, columns),
            [2, _, columns] if columns > 0 => (2, columns),
            _ => {
                let shape = self.shape.clone();
                return Err(DatasetError::VectorShape { shape });
            }
        };
        let (bytes, kind) = (self.bytes, self.kind);
        let part = bytes.len() / tables;
        let table = |at: usize| Matrix {
            columns,
            kind,
            bytes: &bytes[at * part..(at + 1) * part],
        };
        Ok((0..tables).map(table).collect())
    }
}

/// Rows of one width in a file.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    columns: usize,
    kind: Kind,
    bytes: &'a [u8],
}

impl Matrix<'_> {
    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.bytes.len() / self.row_size()
    }

    /// Width of a row.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns
    }

    /// How the numbers are stored.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Reads some rows, one after the other, `[rows * columns]`.
    ///
    /// # Panics
    ///
    /// If there are no such rows.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * self.columns];
        self.read(rows.start, &mut values);
        values
    }

    /// Reads whole rows from `first` on, as many as there is room for.
    ///
    /// # Panics
    ///
    /// If there are no such rows.
    pub fn read(&self, first: usize, into: &mut [f32]) {
        let (size, rows) = (self.row_size(), into.len() / self.columns);
        let bytes = &self.bytes[first * size..(first + rows) * size];
        self.kind.read(bytes, into);
    }

    fn row_size(&self) -> usize {
        self.columns * self.kind.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_layout_is_cut_in_two() {
        let bytes: Vec<u8> = (0..12_u8)
            .flat_map(|i| f32::from(i).to_le_bytes())
            .collect();
        let numbers = Numbers::new(vec![2, 3, 2], Kind::F32, &bytes).unwrap();
        let matrices = numbers.matrices().unwrap();
        assert_eq!(matrices.len(), 2);
        assert_eq!((matrices[1].n_rows(), matrices[1].n_columns()), (3, 2));
        assert_eq!(matrices[1].rows(1..3), [8.0, 9.0, 10.0, 11.0]);
    }

    #[test]
    fn double_precision_is_rounded() {
        let bytes: Vec<u8> = [0.1_f64, -2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let numbers = Numbers::new(vec![1, 2], Kind::F64, &bytes).unwrap();
        assert_eq!(numbers.matrices().unwrap()[0].rows(0..1), [0.1_f32, -2.0]);
    }

    #[test]
    fn a_shape_that_makes_no_rows_is_refused() {
        let of = |shape: &[usize]| Numbers::new(shape.to_vec(), Kind::F16, &[0; 24]).unwrap();
        for shape in [&[12][..], &[3, 2, 2], &[3, 0], &[1, 2, 3, 2]] {
            let error = of(shape).matrices().unwrap_err().to_string();
            assert!(error.contains("expected [n, d] or [2, n, d]"), "{error}");
        }
    }

    #[test]
    fn a_size_beyond_all_memory_is_cut_off() {
        // Of no rows too: the size of one would wrap around to nothing.
        for shape in [[usize::MAX, 9], [0, 1 << 61]] {
            let error = Numbers::new(shape.to_vec(), Kind::F64, &[]).unwrap_err();
            assert!(matches!(error, DatasetError::CutOff { promised: None, .. }));
        }
    }
}
