//! Numbers as they lie in a file, row after row, smallest byte first.

use std::ops::Range;

use pulp::Arch;

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

/// `half` widens eight at a time and hands each eight over on the stack, where they may lie across
/// a line of the cache: then they are slow to come back.
fn halves(bytes: &[u8], into: &mut [f32]) {
    let (whole, _) = bytes.as_chunks::<2>();
    Arch::new().dispatch(|| {
        for (value, bytes) in into.iter_mut().zip(whole) {
            *value = widened(u16::from_le_bytes(*bytes));
        }
    });
}

/// A half-precision number from its bits, without a branch, so that it takes vectors.
#[inline(always)]
fn widened(bits: u16) -> f32 {
    /// Where an exponent is in single precision, and how much larger it is there.
    const EXPONENT: u32 = 23;
    const LARGER: u32 = 127 - 15;
    /// The bits of an exponent in half precision, moved there.
    const ALL: u32 = 0x1F << EXPONENT;
    let moved = u32::from(bits & 0x7FFF) << (EXPONENT - 10);
    let exponent = moved & ALL;
    // Infinities and what is no number have all bits of an exponent; the sum keeps what is below.
    let special = if exponent == ALL { LARGER } else { 0 };
    // Below the smallest exponent there is no leading one: it is put there, and taken away again.
    let (leading, less) = match exponent {
        0 => (1, f32::from_bits((LARGER + 1) << EXPONENT)),
        _ => (0, 0.0),
    };
    let size = f32::from_bits(moved + ((LARGER + special + leading) << EXPONENT)) - less;
    f32::from_bits(size.to_bits() | (u32::from(bits & 0x8000) << 16))
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
    fn halves_of_all_bits_are_widened() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let bytes: Vec<u8> = all.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let mut found = vec![0.0; all.len()];
        halves(&bytes, &mut found);
        for (bits, found) in all.iter().zip(found) {
            let expected = half::f16::from_bits(*bits).to_f32();
            assert_eq!(found.is_nan(), expected.is_nan(), "{bits:#x}");
            assert!(
                found.is_nan() || found.to_bits() == expected.to_bits(),
                "{bits:#x}"
            );
        }
    }

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
