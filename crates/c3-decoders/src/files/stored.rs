//! A tensor as it lies in a file, and its numbers, widened.

use std::collections::{BTreeMap, BTreeSet};

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::blocks::{self, LARGE, SMALL, widen};
use crate::{DecoderError, WeightFault};

/// A tensor of somebody's file.
#[derive(Clone, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Numbers,
    pub(crate) data: &'a [u8],
}

/// How numbers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    F32,
    F16,
    Bf16,
    /// Small whole numbers in blocks with scales, by the name that ggml has for them.
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    /// Integers, masks: nothing that a model of ours is made of.
    Other,
}

impl Numbers {
    /// Numbers in a block, and the bytes of one; nothing for what is not read.
    pub(crate) fn block(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Q4_0 => Some((SMALL, 18)),
            Self::Q4_1 => Some((SMALL, 20)),
            Self::Q5_0 => Some((SMALL, 22)),
            Self::Q5_1 => Some((SMALL, 24)),
            Self::Q8_0 => Some((SMALL, 34)),
            Self::Q2K => Some((LARGE, 84)),
            Self::Q3K => Some((LARGE, 110)),
            Self::Q4K => Some((LARGE, 144)),
            Self::Q5K => Some((LARGE, 176)),
            Self::Q6K => Some((LARGE, 210)),
            Self::Other => None,
        }
    }
}

impl Stored<'_> {
    /// The shape of a tensor of numbers that are read.
    pub(crate) fn shape_of_floats(&self) -> Option<Vec<usize>> {
        let is_float = self.numbers != Numbers::Other;
        is_float.then(|| self.shape.clone())
    }

    /// Its numbers in single precision, row after row.
    pub(crate) fn floats(&self) -> Vec<f32> {
        match self.numbers {
            Numbers::F32 => numbers(self.data, f32::from_le_bytes),
            Numbers::F16 => numbers(self.data, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Numbers::Bf16 => numbers(self.data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Numbers::Q4_0 => widen(self.data, blocks::q4_0),
            Numbers::Q4_1 => widen(self.data, blocks::q4_1),
            Numbers::Q5_0 => widen(self.data, blocks::q5_0),
            Numbers::Q5_1 => widen(self.data, blocks::q5_1),
            Numbers::Q8_0 => widen(self.data, blocks::q8_0),
            Numbers::Q2K => widen(self.data, blocks::q2_k),
            Numbers::Q3K => widen(self.data, blocks::q3_k),
            Numbers::Q4K => widen(self.data, blocks::q4_k),
            Numbers::Q5K => widen(self.data, blocks::q5_k),
            Numbers::Q6K => widen(self.data, blocks::q6_k),
            Numbers::Other => unreachable!("its shape is never that of floats"),
        }
    }
}

impl<'a> From<TensorView<'a>> for Stored<'a> {
    fn from(view: TensorView<'a>) -> Self {
        Self {
            shape: view.shape().to_vec(),
            numbers: match view.dtype() {
                Dtype::F32 => Numbers::F32,
                Dtype::F16 => Numbers::F16,
                Dtype::BF16 => Numbers::Bf16,
                _ => Numbers::Other,
            },
            data: view.data(),
        }
    }
}

/// A fault for every tensor that was not used and is not known to be of no use.
pub(crate) fn unasked(
    tensors: &BTreeMap<String, Stored<'_>>,
    used: &BTreeSet<String>,
    is_known: impl Fn(&str) -> bool,
) -> Vec<WeightFault> {
    let left = tensors.iter();
    let left = left.filter(|(name, _)| !used.contains(*name) && !is_known(name));
    let faults = left.map(|(name, stored)| WeightFault {
        name: name.clone(),
        expected: None,
        found: stored.shape_of_floats(),
    });
    faults.collect()
}

/// Of rows `[columns, rows]` the matrix `[rows, columns]`.
pub(crate) fn turned(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let &[rows, columns] = shape else {
        unreachable!("only matrices are turned");
    };
    let mut turned = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        turned.extend((0..columns).map(|column| values[column * rows + row]));
    }
    turned
}

/// The tensors of one safetensors file, or of the shards of one.
///
/// # Errors
///
/// [`DecoderError::WeightsFile`] for other bytes, [`DecoderError::TensorTwice`] if two shards
/// hold the same tensor.
pub(crate) fn safetensors<'a>(
    shards: &[&'a [u8]],
) -> Result<BTreeMap<String, Stored<'a>>, DecoderError> {
    let mut tensors = BTreeMap::new();
    for bytes in shards {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|source| DecoderError::WeightsFile { source })?;
        for (name, view) in file.tensors() {
            if tensors.insert(name.clone(), view.into()).is_some() {
                return Err(DecoderError::TensorTwice { name });
            }
        }
    }
    Ok(tensors)
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<N>();
    whole.iter().map(|bytes| number(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_widened_as_by_the_package_of_llama_cpp() {
        let golden = std::fs::read("tests/golden/blocks.safetensors").unwrap(); // run in the crate
        let golden = SafeTensors::deserialize(&golden).unwrap();
        for (name, numbers, count) in [
            ("Q4_0", Numbers::Q4_0, 32),
            ("Q4_1", Numbers::Q4_1, 32),
            ("Q5_0", Numbers::Q5_0, 32),
            ("Q5_1", Numbers::Q5_1, 32),
            ("Q8_0", Numbers::Q8_0, 32),
            ("Q2_K", Numbers::Q2K, 256),
            ("Q3_K", Numbers::Q3K, 256),
            ("Q4_K", Numbers::Q4K, 256),
            ("Q5_K", Numbers::Q5K, 256),
            ("Q6_K", Numbers::Q6K, 256),
        ] {
            let stored = golden.tensor(&format!("{name}.bytes")).unwrap();
            let length = stored.data().len();
            assert_eq!(numbers.block(), Some((count, length / 2)), "{name}");
            let stored = Stored {
                shape: vec![2, count],
                numbers,
                data: stored.data(),
            };
            let expected: Stored = golden.tensor(&format!("{name}.numbers")).unwrap().into();
            assert_eq!(stored.floats(), expected.floats(), "{name}");
        }
    }

    #[test]
    fn a_tensor_in_two_shards_is_refused() {
        let data = 1.5_f32.to_le_bytes();
        let file = |name: &str| {
            let view = TensorView::new(Dtype::F32, vec![1], &data).unwrap();
            safetensors::serialize([(name, view)], None).unwrap()
        };
        let (left, right) = (file("left"), file("right"));
        let both = super::safetensors(&[&left, &right]).unwrap();
        assert_eq!(both["left"].floats(), [1.5]);
        assert_eq!(both.len(), 2);
        let error = super::safetensors(&[&left, &right, &left]).unwrap_err();
        assert!(error.to_string().contains("`left`"), "{error}");
    }
}
