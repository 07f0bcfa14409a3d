//! Products of digits in the processor's tiles: Intel's AMX, on Linux.
//!
//! The language has no stable functions for tiles, so they are written in assembly here, and
//! nowhere else. Who holds [`Tiles`] has been let use them.

#![expect(
    unsafe_code,
    reason = "tiles exist in assembly only; each block says why it is sound"
)]

mod directions;

use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::sync::OnceLock;

use super::super::source::START;
use super::{COLUMNS, DIGITS, Rows, SLICES, Slice, Tile, Totals};

/// Proof that the processor has tiles and that the system lets this program use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiles(());

impl Tiles {
    /// Asks once.
    pub(crate) fn get() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        let found = FOUND
            .get_or_init(|| has_tiles() && is_x86_feature_detected!("avx512f") && is_granted());
        found.then_some(Self(()))
    }

    /// Readies the tiles of this thread.
    pub(super) fn configure(self) -> Configured {
        // SAFETY: `self` is the proof that the instruction exists; it reads the 64 bytes.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const LAYOUT, options(nostack, readonly)) }
        Configured(PhantomData)
    }

    /// Cuts rows into digits, scaled to below one by the factors of their columns, and adds
    /// their steps to the sums.
    pub(super) fn cut(
        self,
        rows: &Rows,
        factors: &[f64; COLUMNS],
        slice: &mut Slice,
        sums: &mut [i64; COLUMNS],
    ) {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { cut(rows, factors, slice, sums) }
    }

    /// Turns the tiles of a slice: what were columns of four bytes become rows.
    pub(super) fn turn(self, slice: &Slice, turned: &mut Slice) {
        // SAFETY: `self` is the proof that the processor has AVX-512.
        unsafe { turn(slice, turned) }
    }
}

fn has_tiles() -> bool {
    const TILE_AND_INT8: u32 = (1 << 24) | (1 << 25);
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8
}

/// Linux keeps the state of tiles only for programs that asked for it.
fn is_granted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XTILEDATA: i64 = 18;
    let answer: i64;
    // SAFETY: this call reads and writes no memory of ours; it may clobber the two registers.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[repr(C, align(64))]
struct Layout([u8; 64]);

/// Eight tiles of 16 rows of 64 bytes: palette 1, then widths, then heights.
static LAYOUT: Layout = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Layout(bytes)
};

/// The tiles of this thread while they are in use: it stays on its thread, and there is one
/// at a time.
pub(super) struct Configured(PhantomData<*const ()>);

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: only [`Tiles::configure`] makes one, so the instruction exists.
        unsafe { asm!("tilerelease", options(nostack, nomem)) }
    }
}

/// Loads a digit of the left side.
macro_rules! left {
    ($digit:literal) => {
        concat!("tileloadd tmm6, [{left} + {line}*1 + 1024*", $digit, "]")
    };
}

/// Loads a digit of the right side.
macro_rules! right {
    ($digit:literal) => {
        concat!("tileloadd tmm7, [{right} + {line}*1 + 1024*", $digit, "]")
    };
}

/// Multiplies the two into the total of their rank.
macro_rules! into {
    ($rank:literal) => {
        concat!("tdpbssd tmm", $rank, ", tmm6, tmm7")
    };
}

impl Configured {
    /// The products of 16 columns (turned) with 16 columns, summed over slices, by rank.
    ///
    /// Each pair of digits shares one with the pair before, so that one load is enough, and a
    /// rank comes back only after others have kept the multiplier busy. Where the lowest digits
    /// are all zeros, so are their products with the highest ones.
    #[rustfmt::skip]
    pub(super) fn multiply(&self, left: &[Slice], right: &[Slice], totals: &mut Totals) {
        assert_eq!(left.len(), right.len());
        assert!((1..=SLICES).contains(&left.len()), "so many sums fit 32 bits");
        // SAFETY: both sides hold `slices` slices, each of `DIGITS` tiles of 1024 bytes and then
        // the word at `lowest`, and `totals` as many tiles as are stored; the tiles are
        // configured while `self` lives.
        unsafe {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2",
                "tilezero tmm3", "tilezero tmm4", "tilezero tmm5",
                "2:",
                left!(3), right!(1), into!(4), right!(0), into!(3),
                "cmp qword ptr [{left} + {lowest}], 0", "je 3f", left!(5), into!(5), "3:",
                left!(2), into!(2), left!(0), into!(0), left!(4), into!(4),
                right!(1), into!(5), left!(0), into!(1), right!(3), into!(3),
                "cmp qword ptr [{right} + {lowest}], 0", "je 4f", right!(5), into!(5), "4:",
                right!(4), into!(4), right!(2), into!(2), left!(1), into!(3),
                left!(3), into!(5), left!(2), into!(4), right!(1), into!(3),
                right!(3), into!(5), left!(1), into!(4), right!(1), into!(2),
                right!(4), into!(5), right!(0), into!(1),
                "add {left}, {size}",
                "add {right}, {size}",
                "dec {slices}",
                "jnz 2b",
                "tilestored [{totals} + {line}*1], tmm0",
                "tilestored [{totals} + {line}*1 + 1024], tmm1",
                "tilestored [{totals} + {line}*1 + 2048], tmm2",
                "tilestored [{totals} + {line}*1 + 3072], tmm3",
                "tilestored [{totals} + {line}*1 + 4096], tmm4",
                "tilestored [{totals} + {line}*1 + 5120], tmm5",
                left = inout(reg) left.as_ptr() => _,
                right = inout(reg) right.as_ptr() => _,
                slices = inout(reg) left.len() => _,
                totals = in(reg) totals.as_mut_ptr(),
                line = in(reg) 64_usize,
                size = const size_of::<Slice>(),
                lowest = const offset_of!(Slice, lowest),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

const _: () = assert!(DIGITS == 6 && offset_of!(Slice, lowest) == 6 * 1024);
const _: () = assert!(size_of::<Totals>() == 6 * 1024);
const _: () = assert!(size_of::<Rows>() == 64 * 64 && align_of::<Rows>() == 64);
const _: () = assert!(align_of::<Slice>() == 64);

/// Carries the sign of a byte into the next one, and back.
const HALVES: i64 = 0x8080_8080_8080;

#[target_feature(enable = "avx512f")]
fn cut(rows: &Rows, factors: &[f64; COLUMNS], slice: &mut Slice, sums: &mut [i64; COLUMNS]) {
    // SAFETY: rows are aligned to 64 bytes, 16 values are two registers of 32, and any bits are
    // a number.
    let rows: &[[[__m256; 2]; 4]; 16] = unsafe { &*std::ptr::from_ref(rows).cast() };
    // SAFETY: of the same size.
    let factors = unsafe { std::mem::transmute::<[f64; COLUMNS], [__m512d; 2]>(*factors) };
    // SAFETY: of the same size.
    let mut totals = unsafe { std::mem::transmute::<[i64; COLUMNS], [__m512i; 2]>(*sums) };
    // SAFETY: a tile is 16 registers of 64 bytes, aligned to them.
    let tiles: &mut [[__m512i; 16]; DIGITS] =
        unsafe { &mut *std::ptr::from_mut(&mut slice.tiles).cast() };
    let mut lowest = _mm512_setzero_si512();
    for (at, rows) in rows.iter().enumerate() {
        for (tile, digit) in tiles.iter_mut().zip(digits(rows, &factors, &mut totals)) {
            tile[at] = digit;
        }
        lowest = _mm512_or_si512(lowest, tiles[DIGITS - 1][at]);
    }
    slice.lowest = u64::from(_mm512_test_epi32_mask(lowest, lowest));
    // SAFETY: of the same size.
    *sums = unsafe { std::mem::transmute::<[__m512i; 2], [i64; COLUMNS]>(totals) };
}

/// The digits of four rows of 16 columns, those of a column in one number, the first row lowest.
#[inline]
#[target_feature(enable = "avx512f")]
fn digits(
    rows: &[[__m256; 2]; 4],
    factors: &[__m512d; 2],
    totals: &mut [__m512i; 2],
) -> [__m512i; DIGITS] {
    let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    let mut halves = [[_mm512_setzero_si512(); 4]; 2];
    for (at, row) in rows.iter().enumerate() {
        let steps = [steps(row[0], factors[0]), steps(row[1], factors[1])];
        totals[0] = _mm512_add_epi64(totals[0], steps[0]);
        totals[1] = _mm512_add_epi64(totals[1], steps[1]);
        let [left, right] = steps.map(|steps| bytes(steps));
        halves[0][at] = _mm512_permutex2var_epi32(left, even, right);
        halves[1][at] = _mm512_permutex2var_epi32(left, odd, right);
    }
    let [[f, e, d, c], [b, a, ..]] = halves.map(|rows| turn_bytes(rows));
    [a, b, c, d, e, f]
}

/// Eight values in steps, each rounded once, as the product is exact.
#[inline]
#[target_feature(enable = "avx512f")]
fn steps(values: __m256, factors: __m512d) -> __m512i {
    let values = _mm512_fmadd_pd(_mm512_cvtps_pd(values), factors, _mm512_set1_pd(START));
    let start = _mm512_set1_epi64(START.to_bits() as i64);
    _mm512_sub_epi64(_mm512_castpd_si512(values), start)
}

/// Eight whole numbers as bytes of digits, the lowest first.
#[inline]
#[target_feature(enable = "avx512f")]
fn bytes(steps: __m512i) -> __m512i {
    let halves = _mm512_set1_epi64(HALVES);
    _mm512_xor_epi64(_mm512_add_epi64(steps, halves), halves)
}

/// Turns four rows of four bytes each, in every column.
#[inline]
#[target_feature(enable = "avx512f")]
fn turn_bytes([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    /// Bits of the second where the mask has ones, else of the third.
    const CHOOSE: i32 = 0xCA;
    let (bytes, words) = (_mm512_set1_epi32(0x00FF_00FF), _mm512_set1_epi32(0xFFFF));
    let pair = |a, b| {
        [
            _mm512_ternarylogic_epi32::<CHOOSE>(bytes, a, _mm512_slli_epi32::<8>(b)),
            _mm512_ternarylogic_epi32::<CHOOSE>(bytes, _mm512_srli_epi32::<8>(a), b),
        ]
    };
    let low = |ab, cd| _mm512_ternarylogic_epi32::<CHOOSE>(words, ab, _mm512_slli_epi32::<16>(cd));
    let high = |ab, cd| _mm512_ternarylogic_epi32::<CHOOSE>(words, _mm512_srli_epi32::<16>(ab), cd);
    let ([even_ab, odd_ab], [even_cd, odd_cd]) = (pair(a, b), pair(c, d));
    [
        low(even_ab, even_cd),
        low(odd_ab, odd_cd),
        high(even_ab, even_cd),
        high(odd_ab, odd_cd),
    ]
}

#[target_feature(enable = "avx512f")]
fn turn(slice: &Slice, turned: &mut Slice) {
    turned.lowest = slice.lowest;
    turn_tiles(&slice.tiles, &mut turned.tiles);
}

#[target_feature(enable = "avx512f")]
fn turn_tiles<const N: usize>(tiles: &[Tile; N], turned: &mut [Tile; N]) {
    // SAFETY: a tile is 16 registers of 64 bytes, aligned to them, and any bits are a number.
    let tiles: &[[__m512i; 16]; N] = unsafe { &*std::ptr::from_ref(tiles).cast() };
    // SAFETY: as above.
    let turned: &mut [[__m512i; 16]; N] = unsafe { &mut *std::ptr::from_mut(turned).cast() };
    for (turned, tile) in turned.iter_mut().zip(tiles) {
        *turned = turn_tile(tile);
    }
}

/// A square of 16 by 16 whole numbers: in fours, then fours of fours.
#[inline]
#[target_feature(enable = "avx512f")]
fn turn_tile(rows: &[__m512i; 16]) -> [__m512i; 16] {
    let mut fours = *rows;
    for at in (0..16).step_by(4) {
        let [a, b, c, d] = [rows[at], rows[at + 1], rows[at + 2], rows[at + 3]];
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        fours[at] = _mm512_unpacklo_epi64(ab, cd);
        fours[at + 1] = _mm512_unpackhi_epi64(ab, cd);
        let (ab, cd) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        fours[at + 2] = _mm512_unpacklo_epi64(ab, cd);
        fours[at + 3] = _mm512_unpackhi_epi64(ab, cd);
    }
    let mut turned = fours;
    for at in 0..4 {
        let [a, b, c, d] = [fours[at], fours[at + 4], fours[at + 8], fours[at + 12]];
        let even = [
            _mm512_shuffle_i32x4::<0x88>(a, b),
            _mm512_shuffle_i32x4::<0x88>(c, d),
        ];
        let odd = [
            _mm512_shuffle_i32x4::<0xDD>(a, b),
            _mm512_shuffle_i32x4::<0xDD>(c, d),
        ];
        turned[at] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
        turned[at + 4] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
        turned[at + 8] = _mm512_shuffle_i32x4::<0xDD>(even[0], even[1]);
        turned[at + 12] = _mm512_shuffle_i32x4::<0xDD>(odd[0], odd[1]);
    }
    turned
}
