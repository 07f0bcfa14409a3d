//! Numbers in quantised blocks, as llama.cpp keeps them.
//!
//! A block is a few scales and small whole numbers. The layouts:
//! <https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h>.

use std::array::from_fn;

use half::f16;

/// Numbers of a block whose scales stand for all of it.
pub(super) const SMALL: usize = 32;
/// Numbers of a block that has parts with scales of their own.
pub(super) const LARGE: usize = 256;

/// Widens all blocks of `BYTES` bytes and `COUNT` numbers.
pub(super) fn widen<const BYTES: usize, const COUNT: usize>(
    bytes: &[u8],
    block: impl Fn(&[u8; BYTES]) -> [f32; COUNT],
) -> Vec<f32> {
    let (whole, _) = bytes.as_chunks::<BYTES>();
    whole.iter().flat_map(block).collect()
}

/// A scale, then signed bytes.
pub(super) fn q8_0(block: &[u8; 34]) -> [f32; SMALL] {
    let scale = half(block, 0);
    from_fn(|at| scale * f32::from(block[2 + at] as i8))
}

/// A scale, then half bytes that count from -8.
pub(super) fn q4_0(block: &[u8; 18]) -> [f32; SMALL] {
    let scale = half(block, 0);
    from_fn(|at| scale * (f32::from(half_byte(&block[2..], at)) - 8.0))
}

/// A scale and a least value, then half bytes.
pub(super) fn q4_1(block: &[u8; 20]) -> [f32; SMALL] {
    let [scale, least] = [0, 2].map(|start| half(block, start));
    from_fn(|at| scale * f32::from(half_byte(&block[4..], at)) + least)
}

/// A scale, the fifth bit of every number, then half bytes; numbers count from -16.
pub(super) fn q5_0(block: &[u8; 22]) -> [f32; SMALL] {
    let scale = half(block, 0);
    let number = |at| half_byte(&block[6..], at) | fifth(&block[2..6], at);
    from_fn(|at| scale * (f32::from(number(at)) - 16.0))
}

/// A scale and a least value, the fifth bit of every number, then half bytes.
pub(super) fn q5_1(block: &[u8; 24]) -> [f32; SMALL] {
    let [scale, least] = [0, 2].map(|start| half(block, start));
    let number = |at| half_byte(&block[8..], at) | fifth(&block[4..8], at);
    from_fn(|at| scale * f32::from(number(at)) + least)
}

/// Sixteen scales and least values in half bytes, numbers of two bits, and what the former are
/// multiplied with.
pub(super) fn q2_k(block: &[u8; 84]) -> [f32; LARGE] {
    let [scale, least] = [80, 82].map(|start| half(block, start));
    from_fn(|at| {
        let part = block[at / 16];
        let low = least * f32::from(part >> 4);
        scale * f32::from(part & 15) * f32::from(quarter_byte(&block[16..80], at)) - low
    })
}

/// The third bit of every number, numbers of two bits, sixteen scales of six bits that count
/// from -32, and what they are multiplied with. Numbers count from -4.
pub(super) fn q3_k(block: &[u8; 110]) -> [f32; LARGE] {
    let scale = half(block, 108);
    let packed = &block[96..108];
    let scales: [f32; 16] = from_fn(|part| {
        let low = packed[part % 8] >> (part / 8 * 4) & 15;
        let high = packed[8 + part % 4] >> (part / 4 * 2) & 3;
        scale * (f32::from(low | high << 4) - 32.0)
    });
    from_fn(|at| {
        let third = block[at % 32] >> (at / 32) & 1;
        let number = quarter_byte(&block[32..96], at) | third << 2;
        scales[at / 16] * (f32::from(number) - 4.0)
    })
}

/// What scales and least values are multiplied with, eight of either in six bits, half bytes.
pub(super) fn q4_k(block: &[u8; 144]) -> [f32; LARGE] {
    let parts = eight_parts(block);
    from_fn(|at| {
        let (scale, least) = parts[at / 32];
        scale * f32::from(half_byte_of_pair(&block[16..], at)) - least
    })
}

/// As [`q4_k`], with the fifth bit of every number before the half bytes.
pub(super) fn q5_k(block: &[u8; 176]) -> [f32; LARGE] {
    let parts = eight_parts(block);
    from_fn(|at| {
        let (scale, least) = parts[at / 32];
        let fifth = block[16 + at % 32] >> (at / 32) & 1;
        let number = half_byte_of_pair(&block[48..], at) | fifth << 4;
        scale * f32::from(number) - least
    })
}

/// Half bytes, quarters of bytes above them, sixteen scales in signed bytes, and what they are
/// multiplied with. Numbers count from -32.
pub(super) fn q6_k(block: &[u8; 210]) -> [f32; LARGE] {
    let scale = half(block, 208);
    from_fn(|at| {
        let (side, within) = (at / 128, at % 128);
        let low = block[64 * side + within % 64] >> (within / 64 * 4) & 15;
        let high = quarter_byte(&block[128..192], at);
        let part = scale * f32::from(block[192 + at / 16] as i8);
        part * (f32::from(low | high << 4) - 32.0)
    })
}

fn half(block: &[u8], start: usize) -> f32 {
    f16::from_le_bytes([block[start], block[start + 1]]).to_f32()
}

/// The lower halves of sixteen bytes come first, then the upper ones.
fn half_byte(bytes: &[u8], at: usize) -> u8 {
    bytes[at % 16] >> (at / 16 * 4) & 15
}

/// The lower halves of 32 bytes come first, then the upper ones, then those of the next 32.
fn half_byte_of_pair(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 64 * 32 + at % 32] >> (at / 32 % 2 * 4) & 15
}

/// The lowest quarters of 32 bytes come first; the second 32 bytes hold the second 128 numbers.
fn quarter_byte(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 128 * 32 + at % 32] >> (at / 32 % 4 * 2) & 3
}

/// One bit of four bytes, as the fifth of a number.
fn fifth(bits: &[u8], at: usize) -> u8 {
    (bits[at / 8] >> (at % 8) & 1) << 4
}

/// Scale and least value of each eighth of a large block. The upper two bits of the last four lie
/// above the six of the first four.
fn eight_parts(block: &[u8]) -> [(f32, f32); 8] {
    let [scale, least] = [0, 2].map(|start| half(block, start));
    let packed = &block[4..16];
    from_fn(|part| {
        let (of_scale, of_least) = match part {
            0..4 => (packed[part] & 63, packed[part + 4] & 63),
            _ => (
                packed[part + 4] & 15 | packed[part - 4] >> 6 << 4,
                packed[part + 4] >> 4 | packed[part] >> 6 << 4,
            ),
        };
        (scale * f32::from(of_scale), least * f32::from(of_least))
    })
}
