//! Products of the digits of directions in tiles.

use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::super::COLUMNS;
use super::super::directions::{DIGITS, Slice, Steps, Totals};
use super::{Configured, Tiles, turn_bytes, turn_tiles};

impl Tiles {
    /// Cuts directions into digits, and adds their steps to the sums.
    pub(in crate::moments::digits) fn cut_steps(
        self,
        steps: &Steps,
        slice: &mut Slice,
        sums: &mut [i64; COLUMNS],
    ) {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { cut_steps(steps, slice, sums) }
    }

    /// As [`Tiles::turn`], of directions.
    pub(in crate::moments::digits) fn turn_digits(self, slice: &Slice, turned: &mut Slice) {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { turn_tiles(slice, turned) }
    }
}

/// Sums of products of directions in the tiles, to be stored.
pub(in crate::moments::digits) struct Summing<'a>(PhantomData<&'a Configured>);

impl Configured {
    /// Begins sums of products of 16 columns (turned) with 16 columns, by rank.
    pub(in crate::moments::digits) fn begin(&mut self) -> Summing<'_> {
        // SAFETY: the tiles are configured while `self` lives.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                options(nostack, nomem),
            );
        }
        Summing(PhantomData)
    }
}

impl Summing<'_> {
    /// Adds the products of one slice. No rank comes back before three others, and two digits of
    /// the left side are at hand.
    #[rustfmt::skip]
    pub(in crate::moments::digits) fn add(&mut self, left: &Slice, right: &Slice) {
        macro_rules! load {
            ($tile:literal, $side:literal, $digit:literal) => {
                concat!("tileloadd tmm", $tile, ", [{", $side, "} + {line}*1 + 1024*", $digit, "]")
            };
        }
        macro_rules! into {
            ($rank:literal, $left:literal) => {
                concat!("tdpbssd tmm", $rank, ", tmm", $left, ", tmm7")
            };
        }
        // SAFETY: both sides are four tiles of 1024 bytes; the tiles are configured, and nothing
        // but this uses them from `begin` to `store`.
        unsafe {
            asm!(
                load!(7, "right", 0), load!(5, "left", 0), into!(0, 5),
                load!(6, "left", 1), into!(1, 6),
                load!(5, "left", 2), into!(2, 5),
                load!(6, "left", 3), into!(3, 6),
                load!(7, "right", 1), into!(4, 6),
                load!(6, "left", 1), into!(2, 6), into!(3, 5),
                load!(5, "left", 0), into!(1, 5),
                load!(7, "right", 3), into!(4, 6), into!(3, 5),
                load!(7, "right", 2), into!(2, 5),
                load!(5, "left", 2), into!(4, 5), into!(3, 6),
                left = in(reg) left.as_ptr(),
                right = in(reg) right.as_ptr(),
                line = in(reg) 64_usize,
                options(nostack, readonly),
            );
        }
    }

    /// Stores the sums.
    pub(in crate::moments::digits) fn store(self, totals: &mut Totals) {
        // SAFETY: `totals` has as many tiles as are stored, and they are configured.
        unsafe {
            asm!(
                "tilestored [{totals} + {line}*1], tmm0",
                "tilestored [{totals} + {line}*1 + 1024], tmm1",
                "tilestored [{totals} + {line}*1 + 2048], tmm2",
                "tilestored [{totals} + {line}*1 + 3072], tmm3",
                "tilestored [{totals} + {line}*1 + 4096], tmm4",
                totals = in(reg) totals.0.as_mut_ptr(),
                line = in(reg) 64_usize,
                options(nostack),
            );
        }
    }
}

#[target_feature(enable = "avx512f")]
fn cut_steps(steps: &Steps, slice: &mut Slice, sums: &mut [i64; COLUMNS]) {
    // SAFETY: steps are aligned to 64 bytes, a row of 16 is a register, and any bits are a number.
    let rows: &[[__m512i; 4]; 16] = unsafe { &*std::ptr::from_ref(steps).cast() };
    // SAFETY: of the same size.
    let mut totals = unsafe { std::mem::transmute::<[i64; COLUMNS], [__m512i; 2]>(*sums) };
    // SAFETY: a tile is 16 registers of 64 bytes, aligned to them.
    let tiles: &mut [[__m512i; 16]; DIGITS] = unsafe { &mut *std::ptr::from_mut(slice).cast() };
    let halves = _mm512_set1_epi32(0x0080_8080);
    for (at, rows) in rows.iter().enumerate() {
        for row in rows {
            let half = |row| _mm512_cvtepi32_epi64(row);
            let (low, high) = (
                _mm512_castsi512_si256(*row),
                _mm512_extracti64x4_epi64::<1>(*row),
            );
            totals[0] = _mm512_add_epi64(totals[0], half(low));
            totals[1] = _mm512_add_epi64(totals[1], half(high));
        }
        let bytes = rows.map(|row| _mm512_xor_epi32(_mm512_add_epi32(row, halves), halves));
        let [d, c, b, a] = turn_bytes(bytes);
        for (tile, digit) in tiles.iter_mut().zip([a, b, c, d]) {
            tile[at] = digit;
        }
    }
    // SAFETY: of the same size.
    *sums = unsafe { std::mem::transmute::<[__m512i; 2], [i64; COLUMNS]>(totals) };
}
