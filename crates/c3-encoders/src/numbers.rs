//! Numbers of a file, widened to single precision while they are read.

use std::io::{self, Read};

use burn::tensor::{bf16, f16};
use safetensors::Dtype;

/// Bytes read at once: they are widened while they still lie in the processor's cache.
const CHUNK: usize = 256 * 1024;

/// Adds `count` numbers of a type to `values`; whether they are floating-point numbers, and all of
/// them finite.
pub(crate) fn widen_all(
    source: impl Read,
    count: usize,
    dtype: Dtype,
    values: &mut Vec<f32>,
) -> io::Result<bool> {
    match dtype {
        Dtype::F64 => widen(source, count, values, |bytes| {
            f64::from_le_bytes(bytes) as f32
        }),
        Dtype::F32 => widen(source, count, values, f32::from_le_bytes),
        Dtype::F16 => widen(source, count, values, |bytes| {
            f16::from_le_bytes(bytes).to_f32()
        }),
        Dtype::BF16 => widen(source, count, values, |bytes| {
            bf16::from_le_bytes(bytes).to_f32()
        }),
        _ => Ok(false), // counters and masks
    }
}

/// Adds `count` numbers of `N` bytes; whether all of them are finite.
fn widen<const N: usize>(
    mut source: impl Read,
    count: usize,
    values: &mut Vec<f32>,
    number: impl Fn([u8; N]) -> f32,
) -> io::Result<bool> {
    let end = values.len() + count;
    values.reserve(count);
    let mut chunk = vec![0; CHUNK.min(count * N)];
    let mut is_finite = true;
    while values.len() < end {
        let length = CHUNK.min((end - values.len()) * N);
        let bytes = &mut chunk[..length];
        source.read_exact(bytes)?;
        let first = values.len();
        let numbers = bytes.as_chunks().0;
        values.extend(numbers.iter().map(|bytes| number(*bytes)));
        // Of a number that is not finite, and of no other, 0 times it is not 0.
        is_finite &= values[first..]
            .iter()
            .fold(true, |all, value| all & (value * 0.0 == 0.0));
    }
    Ok(is_finite)
}
