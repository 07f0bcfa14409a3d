//! A tensor as it lies in a file, and its numbers, widened.

use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

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
    /// Blocks of 32: a scale in half precision, then signed bytes.
    Q8_0,
    /// Blocks of 32: a scale in half precision, then half bytes that count from -8.
    Q4_0,
    /// Blocks of 32: a scale and a least value in half precision, then half bytes.
    Q4_1,
    /// Integers, masks: nothing that a model of ours is made of.
    Other,
}

/// Numbers of a quantised block.
const BLOCK: usize = 32;

impl Numbers {
    /// Numbers in a block, and the bytes of one; nothing for what is not read.
    pub(crate) fn block(self) -> Option<(usize, usize)> {
        match self {
            Self::F32 => Some((1, 4)),
            Self::F16 | Self::Bf16 => Some((1, 2)),
            Self::Q8_0 => Some((BLOCK, 2 + BLOCK)),
            Self::Q4_0 => Some((BLOCK, 2 + BLOCK / 2)),
            Self::Q4_1 => Some((BLOCK, 4 + BLOCK / 2)),
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
            Numbers::F16 => numbers(self.data, half_precision),
            Numbers::Bf16 => numbers(self.data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Numbers::Q8_0 => blocks(self.data, eight_bits),
            Numbers::Q4_0 => blocks(self.data, four_bits),
            Numbers::Q4_1 => blocks(self.data, four_bits_from),
            Numbers::Other => unreachable!("its shape is never that of floats"),
        }
    }

    /// What is wrong with a tensor that nothing asked for.
    pub(crate) fn unasked(&self, name: String) -> WeightFault {
        WeightFault {
            name,
            expected: None,
            found: self.shape_of_floats(),
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

fn blocks<const N: usize>(bytes: &[u8], block: impl Fn(&[u8; N]) -> [f32; BLOCK]) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<N>();
    whole.iter().flat_map(block).collect()
}

fn half_precision(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

fn eight_bits(block: &[u8; 34]) -> [f32; BLOCK] {
    let scale = half_precision([block[0], block[1]]);
    std::array::from_fn(|at| scale * f32::from(block[2 + at] as i8))
}

fn four_bits(block: &[u8; 18]) -> [f32; BLOCK] {
    let scale = half_precision([block[0], block[1]]);
    std::array::from_fn(|at| scale * (f32::from(half_byte(&block[2..], at)) - 8.0))
}

fn four_bits_from(block: &[u8; 20]) -> [f32; BLOCK] {
    let scale = half_precision([block[0], block[1]]);
    let least = half_precision([block[2], block[3]]);
    std::array::from_fn(|at| scale * f32::from(half_byte(&block[4..], at)) + least)
}

/// The lower halves of all bytes come first, then the upper ones.
fn half_byte(bytes: &[u8], at: usize) -> u8 {
    let byte = bytes[at % (BLOCK / 2)];
    if at < BLOCK / 2 { byte & 15 } else { byte >> 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half precision: 1 is 0x3C00, -2 is 0xC000.
    const ONE: [u8; 2] = [0x00, 0x3C];
    const MINUS_TWO: [u8; 2] = [0x00, 0xC0];

    fn floats(numbers: Numbers, data: &[u8]) -> Vec<f32> {
        let stored = Stored {
            shape: vec![32],
            numbers,
            data,
        };
        stored.floats()
    }

    #[test]
    fn blocks_are_scaled_and_halves_of_bytes_are_in_their_places() {
        let bytes: Vec<u8> = (0..32).map(|at: i8| (at - 16) as u8).collect();
        let found = floats(Numbers::Q8_0, &[&MINUS_TWO[..], &bytes].concat());
        let expected: Vec<f32> = (0..32).map(|at| -2.0 * (at as f32 - 16.0)).collect();
        assert_eq!(found, expected);

        let halves: Vec<u8> = (0..16).map(|at| at | (15 - at) << 4).collect();
        let found = floats(Numbers::Q4_0, &[&MINUS_TWO[..], &halves].concat());
        let quantum = |at: usize| if at < 16 { at } else { 31 - at } as f32;
        let expected: Vec<f32> = (0..32).map(|at| -2.0 * (quantum(at) - 8.0)).collect();
        assert_eq!(found, expected);

        let found = floats(Numbers::Q4_1, &[&ONE[..], &MINUS_TWO, &halves].concat());
        let expected: Vec<f32> = (0..32).map(|at| quantum(at) - 2.0).collect();
        assert_eq!(found, expected);
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
