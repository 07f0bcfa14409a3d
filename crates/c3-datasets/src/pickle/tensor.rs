//! Arrays of numbers, wherever they lie.

use std::borrow::Cow;

use half::{bf16, f16};

use super::{Bytes, PickleError};

/// How one number is stored, smallest byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dtype {
    /// A truth value in one byte.
    Bool,
    /// 8 bits without a sign.
    U8,
    /// 8 bits.
    I8,
    /// 16 bits.
    I16,
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Dtype {
    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether it has a fraction.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }
}

/// The same type in safetensors.
impl From<Dtype> for safetensors::Dtype {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Bool => Self::BOOL,
            Dtype::U8 => Self::U8,
            Dtype::I8 => Self::I8,
            Dtype::I16 => Self::I16,
            Dtype::I32 => Self::I32,
            Dtype::I64 => Self::I64,
            Dtype::F16 => Self::F16,
            Dtype::Bf16 => Self::BF16,
            Dtype::F32 => Self::F32,
            Dtype::F64 => Self::F64,
        }
    }
}

/// An array of any shape, its numbers strided over a storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    /// In numbers, one for each axis.
    strides: Vec<usize>,
    /// First number.
    offset: usize,
    storage: Bytes<'a>,
}

/// Along which axis neighbours in a storage are neighbours in a dense array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As C has it.
    LastFastest,
    /// As Fortran has it.
    FirstFastest,
}

/// Where the numbers of a tensor lie in its storage, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) offset: usize,
}

impl Layout {
    /// One number after the other.
    ///
    /// # Errors
    ///
    /// [`PickleError::Tensor`] for a shape beyond all memory.
    pub(super) fn dense(shape: Vec<usize>, order: Order) -> Result<Self, PickleError> {
        let mut strides = vec![0; shape.len()];
        let mut step = Some(1_usize);
        let axes: Vec<usize> = match order {
            Order::FirstFastest => (0..shape.len()).collect(),
            Order::LastFastest => (0..shape.len()).rev().collect(),
        };
        for axis in axes {
            let Some(here) = step else {
                return Err(PickleError::Tensor { shape, held: 0 });
            };
            strides[axis] = here;
            step = here.checked_mul(shape[axis]);
        }
        let offset = 0;
        Ok(Self {
            shape,
            strides,
            offset,
        })
    }

    /// How many numbers there are, if they all lie within `held` of a storage.
    fn count(&self, held: usize) -> Option<usize> {
        let count = self
            .shape
            .iter()
            .try_fold(1_usize, |count, axis| count.checked_mul(*axis))?;
        if count == 0 {
            return Some(0);
        }
        let mut last = self.offset;
        for (axis, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((axis - 1).checked_mul(*stride)?)?;
        }
        // A number used a thousand times over is how small files ask for a lot of memory.
        (last < held && count <= held).then_some(count)
    }
}

impl<'a> Tensor<'a> {
    pub(super) fn new(
        dtype: Dtype,
        layout: Layout,
        storage: Bytes<'a>,
    ) -> Result<Self, PickleError> {
        let held = storage.len() / dtype.size();
        if layout.shape.len() != layout.strides.len() || layout.count(held).is_none() {
            let shape = layout.shape;
            return Err(PickleError::Tensor { shape, held });
        }
        Ok(Self {
            dtype,
            shape: layout.shape,
            strides: layout.strides,
            offset: layout.offset,
            storage,
        })
    }

    /// How the numbers are stored.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of the numbers, the last axis fastest.
    #[must_use]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        let size = self.dtype.size();
        if self.count() == 0 {
            return Cow::Borrowed(&[]);
        }
        if self.is_dense() {
            let start = self.offset * size;
            return Cow::Borrowed(&self.storage[start..start + self.count() * size]);
        }
        let mut bytes = Vec::with_capacity(self.count() * size);
        for place in self.places() {
            bytes.extend_from_slice(&self.storage[place * size..(place + 1) * size]);
        }
        Cow::Owned(bytes)
    }

    /// The numbers in single precision, the last axis fastest.
    ///
    /// # Errors
    ///
    /// [`PickleError::Kind`] if they are not floating-point numbers.
    pub fn floats(&self) -> Result<Vec<f32>, PickleError> {
        let bytes = self.bytes();
        Ok(match self.dtype {
            Dtype::F16 => numbers(&bytes, |b| f16::from_le_bytes(b).to_f32()),
            Dtype::Bf16 => numbers(&bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Dtype::F32 => numbers(&bytes, f32::from_le_bytes),
            Dtype::F64 => numbers(&bytes, |b| f64::from_le_bytes(b) as f32),
            other => {
                let kind = format!("{other:?}").to_lowercase();
                return Err(PickleError::Kind { kind });
            }
        })
    }

    fn is_dense(&self) -> bool {
        let mut step = 1;
        for (axis, stride) in self.shape.iter().zip(&self.strides).rev() {
            if *axis != 1 && *stride != step {
                return false;
            }
            step *= axis;
        }
        true
    }

    /// Where each number lies in the storage, the last axis fastest.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.count()).map(|at| {
            let axes = self.shape.iter().zip(&self.strides).rev();
            let mut rest = at;
            let steps = axes.map(|(axis, stride)| {
                let here = rest % axis;
                rest /= axis;
                here * stride
            });
            self.offset + steps.sum::<usize>()
        })
    }
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<N>();
    whole.iter().map(|bytes| number(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(layout: Layout) -> Result<Tensor<'static>, PickleError> {
        Tensor::new(Dtype::U8, layout, Bytes::File(&[0, 1, 2, 3, 4, 5]))
    }

    #[test]
    fn numbers_come_in_the_order_of_the_last_axis() {
        let dense = of(Layout::dense(vec![2, 3], Order::LastFastest).unwrap()).unwrap();
        assert!(matches!(dense.bytes(), Cow::Borrowed([0, 1, 2, 3, 4, 5])));
        let fortran = of(Layout::dense(vec![2, 3], Order::FirstFastest).unwrap()).unwrap();
        assert_eq!(&*fortran.bytes(), [0, 2, 4, 1, 3, 5]);
        let column = Layout {
            shape: vec![2],
            strides: vec![3],
            offset: 1,
        };
        assert_eq!(&*of(column).unwrap().bytes(), [1, 4]);
    }

    #[test]
    fn a_tensor_beyond_its_storage_is_refused() {
        let layout = |shape: &[usize], strides: &[usize], offset| Layout {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            offset,
        };
        for refused in [
            layout(&[7], &[1], 0),
            layout(&[3], &[3], 0),
            layout(&[2], &[1], 5),
            layout(&[usize::MAX, 2], &[0, 0], 0),
            layout(&[1_000_000], &[0], 0),
            layout(&[2], &[usize::MAX], usize::MAX),
            layout(&[2, 2], &[1], 0),
        ] {
            assert!(of(refused.clone()).is_err(), "{refused:?}");
        }
        assert!(of(layout(&[0, 9], &[9, 1], 0)).unwrap().bytes().is_empty());
        assert!(Layout::dense(vec![2, usize::MAX, 2], Order::LastFastest).is_err());
    }
}
