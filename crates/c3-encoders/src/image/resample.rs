//! Resizing with the rounding of Pillow.
//!
//! Pillow filters along rows first, rounds to bytes, then along columns; weights
//! are fixed-point numbers with 22 fractional bits. `fast_image_resize` keeps
//! fewer bits and differs from it in 15 % of all values.

use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};

use super::preprocess::Filter;

/// Fractional bits of a weight: 32 less 8 for the level and 2 for the overshoot.
const PRECISION: u32 = 32 - 8 - 2;

/// Half a level, so that cutting the fraction off rounds.
const HALF: i32 = 1 << (PRECISION - 1);

/// Rows filtered side by side: one vector of the widest processors.
const LANES: usize = 16;

/// What is kept of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Length of the axis, in pixels.
    pub(super) source: usize,
    /// Its length after resizing.
    pub(super) resized: usize,
    /// The first resized pixel that is kept.
    pub(super) offset: usize,
    /// How many are kept.
    pub(super) kept: usize,
}

impl Window {
    /// Whether no pixel has to be invented on this axis.
    fn only_cuts(self) -> bool {
        self.source == self.resized
    }

    /// Whether all pixels stay as they are.
    fn keeps_all(self) -> bool {
        self.only_cuts() && self.source == self.kept
    }
}

/// Resizes an interleaved RGB picture and cuts out the windows `[columns, rows]`.
pub(super) fn resample(rgb: Vec<u8>, [columns, rows]: [Window; 2], filter: Filter) -> Vec<u8> {
    if columns.keeps_all() && rows.keeps_all() {
        return rgb;
    }
    let down = Taps::new(rows, filter);
    let needed = if rows.only_cuts() {
        rows.offset..rows.offset + rows.kept
    } else {
        down.span()
    };
    let stride = 3 * columns.source;
    let rgb = &rgb[needed.start * stride..needed.end * stride];
    let processor = Arch::new();
    let narrow = if columns.only_cuts() {
        cut_rows(rgb, columns)
    } else {
        processor.dispatch(FilterRows {
            rgb,
            stride,
            taps: &Taps::new(columns, filter),
        })
    };
    if rows.only_cuts() {
        return narrow;
    }
    processor.dispatch(FilterColumns {
        rgb: &narrow,
        stride: 3 * columns.kept,
        taps: &down,
    })
}

/// The weights of every kept pixel of one axis.
struct Taps {
    /// First source pixel under each kept pixel.
    starts: Vec<usize>,
    /// `width` weights for each kept pixel; the last of them may be 0.
    weights: Vec<i32>,
    width: usize,
    source: usize,
}

impl Taps {
    fn new(window: Window, filter: Filter) -> Self {
        let scale = window.source as f64 / window.resized as f64;
        let spread = scale.max(1.0);
        let support = filter.support() * spread;
        let width = (support.ceil() as usize * 2 + 1).min(window.source);
        let mut starts = Vec::with_capacity(window.kept);
        let mut weights = Vec::with_capacity(window.kept * width);
        for index in window.offset..window.offset + window.kept {
            let center = (index as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let last = ((center + support + 0.5) as usize).min(window.source);
            let raw: Vec<f64> = (first..last)
                .map(|pixel| filter.weight((pixel as f64 - center + 0.5) / spread))
                .collect();
            let total: f64 = raw.iter().sum();
            let fixed = raw.iter().map(|weight| to_fixed(weight / total));
            starts.push(first);
            weights.extend(fixed.chain(std::iter::repeat(0)).take(width));
        }
        Self {
            starts,
            weights,
            width,
            source: window.source,
        }
    }

    /// Source pixels that carry weight.
    fn span(&self) -> Range<usize> {
        let start = self.starts.first().copied().unwrap_or(0);
        let end = self.starts.last().map_or(0, |last| last + self.width);
        start..end.min(self.source)
    }

    /// Each kept pixel: where its weights begin, and the weights.
    fn windows(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let starts = self.starts.iter().copied();
        starts.zip(self.weights.chunks_exact(self.width))
    }
}

impl Filter {
    /// Reach to either side, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    /// Weight at a distance of `x` pixels.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            Self::Bicubic => 0.0,
        }
    }
}

fn to_fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << PRECISION)).round() as i32 // weights are below 2
}

#[inline(always)]
fn to_level(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

fn cut_rows(rgb: &[u8], window: Window) -> Vec<u8> {
    let kept = 3 * window.offset..3 * (window.offset + window.kept);
    let rows = rgb.chunks_exact(3 * window.source);
    let rows: Vec<&[u8]> = rows.map(|row| &row[kept.clone()]).collect();
    rows.concat()
}

/// Filters along each row of `stride` bytes.
///
/// A type of its own, and `call` always inlined, so that all of it is compiled for
/// the processor that [`Arch`] found.
struct FilterRows<'a> {
    rgb: &'a [u8],
    stride: usize,
    taps: &'a Taps,
}

impl NullaryFnOnce for FilterRows<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn call(self) -> Vec<u8> {
        let Self { rgb, stride, taps } = self;
        let line = 3 * taps.starts.len();
        let mut narrow = vec![0; rgb.len() / stride * line];
        // The last windows reach past the row, with weights of 0.
        let mut columns = vec![[0; LANES]; stride + 3 * taps.width];
        let blocks = narrow.chunks_mut(LANES * line);
        for (out, rows) in blocks.zip(rgb.chunks(LANES * stride)) {
            turn(rows, stride, &mut columns);
            for (index, (start, weights)) in taps.windows().enumerate() {
                let pixels = columns[3 * start..].chunks_exact(3);
                let levels = weigh(pixels.zip(weights));
                let rows = out.chunks_exact_mut(line);
                write_column(rows.map(|row| &mut row[3 * index..][..3]), &levels);
            }
        }
        narrow
    }
}

/// Lays the values of up to [`LANES`] rows beside each other.
#[inline(always)]
fn turn(rows: &[u8], stride: usize, columns: &mut [[u8; LANES]]) {
    for (lane, row) in rows.chunks_exact(stride).enumerate() {
        for (column, value) in columns.iter_mut().zip(row) {
            column[lane] = *value;
        }
    }
}

/// One pixel of every row: the sums of each colour, as levels.
#[inline(always)]
fn weigh<'a>(taps: impl Iterator<Item = (&'a [[u8; LANES]], &'a i32)>) -> [[u8; LANES]; 3] {
    let mut sums = [[HALF; LANES]; 3];
    for (pixels, &weight) in taps {
        for (sums, values) in sums.iter_mut().zip(pixels) {
            for lane in 0..LANES {
                sums[lane] += i32::from(values[lane]) * weight;
            }
        }
    }
    sums.map(|sums| sums.map(to_level))
}

/// Writes one pixel of every row.
#[inline(always)]
fn write_column<'a>(pixels: impl Iterator<Item = &'a mut [u8]>, levels: &[[u8; LANES]; 3]) {
    for (lane, pixel) in pixels.enumerate() {
        for (value, levels) in pixel.iter_mut().zip(levels) {
            *value = levels[lane];
        }
    }
}

/// Filters along each column; `rgb` begins with the first row that carries weight.
struct FilterColumns<'a> {
    rgb: &'a [u8],
    stride: usize,
    taps: &'a Taps,
}

impl NullaryFnOnce for FilterColumns<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn call(self) -> Vec<u8> {
        let Self { rgb, stride, taps } = self;
        let top = taps.span().start;
        let mut short = vec![0; taps.starts.len() * stride];
        let mut sums = vec![0; stride];
        for ((start, weights), out) in taps.windows().zip(short.chunks_exact_mut(stride)) {
            sums.fill(HALF);
            let rows = rgb[(start - top) * stride..].chunks_exact(stride);
            for (row, &weight) in rows.zip(weights) {
                accumulate(&mut sums, row, weight);
            }
            for (level, &sum) in out.iter_mut().zip(&sums) {
                *level = to_level(sum);
            }
        }
        short
    }
}

#[inline(always)]
fn accumulate(sums: &mut [i32], row: &[u8], weight: i32) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum += i32::from(value) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(source: usize, resized: usize) -> Window {
        Window {
            source,
            resized,
            offset: 0,
            kept: resized,
        }
    }

    #[test]
    fn one_colour_stays_that_colour() {
        let rgb = [10, 200, 255].repeat(13 * 7);
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            for (width, height) in [(5, 3), (40, 20), (13, 7), (1, 1)] {
                let windows = [whole(13, width), whole(7, height)];
                let resized = resample(rgb.clone(), windows, filter);
                assert_eq!(resized, [10, 200, 255].repeat(width * height));
            }
        }
    }

    #[test]
    fn a_window_is_a_part_of_the_whole() {
        let rgb: Vec<u8> = (0..3 * 31 * 17)
            .map(|value| (value * 37 % 251) as u8)
            .collect();
        let all = resample(rgb.clone(), [whole(31, 20), whole(17, 17)], Filter::Bicubic);
        let part = |source, resized| Window {
            source,
            resized,
            offset: 4,
            kept: 9,
        };
        let cut = resample(rgb, [part(31, 20), part(17, 17)], Filter::Bicubic);
        for (row, ours) in cut.chunks_exact(3 * 9).enumerate() {
            let start = 3 * ((row + 4) * 20 + 4);
            assert_eq!(ours, &all[start..start + 3 * 9]);
        }
    }

    #[test]
    fn bicubic_makes_the_levels_of_pillow_beside_an_edge() {
        let rgb: Vec<u8> = [0, 0, 0, 255, 255, 255].map(|level| [level; 3]).concat();
        let wide = resample(rgb, [whole(6, 12), whole(1, 1)], Filter::Bicubic);
        let levels: Vec<u8> = wide.iter().step_by(3).copied().collect();
        assert_eq!(levels, [0, 0, 0, 0, 0, 52, 203, 255, 255, 255, 255, 255]);
    }
}
