//! Rows times a matrix, on the host.
//!
//! The matrix is kept in panels of some columns, which a product reads from front to end;
//! rows are read where they lie. A tile of sums stays in registers for all of the inputs, so
//! each sum is made in one order, whatever the number of rows and of threads.

#[cfg(test)]
mod tests;

use std::array::from_fn;
use std::iter::repeat_with;

use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

use crate::{Activation, gelu, gelu_tanh, quick_gelu, relu6};

/// Columns side by side in a line of the cache: one AVX-512 register.
const LINE: usize = 16;

/// Lines of a panel. Each is a stretch of memory of its own, so that the processor fetches
/// as many of them ahead: a model's weights come from beyond the caches.
const LINES: usize = 3;

/// Columns of a panel.
const PANEL: usize = LINES * LINE;

/// Vectors of a row of a tile.
const VECTORS: usize = 3;

/// Lines that a thread arranges at least.
const LEAST: usize = 4096;

/// A line of the cache: a vector that lies in two of them takes twice as long.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// A matrix by panels of 48 columns, the last filled up with zeros.
#[derive(Debug)]
pub struct Panels {
    /// `[n_panels, LINES, d_input]`
    lines: Vec<Line>,
    d_input: usize,
    d_output: usize,
}

/// Where sums with their bias go.
#[derive(Clone, Copy, Debug)]
pub enum Last {
    /// Over what was there, after an activation.
    Over(Activation),
    /// Added to what was there.
    Onto,
}

impl Panels {
    /// Arranges a matrix that lies the other way round, as files have it.
    ///
    /// # Shapes
    ///
    /// - `turned`: `[d_output, d_input]`
    ///
    /// # Panics
    ///
    /// If it is of another shape.
    #[must_use]
    pub fn new(turned: &[f32], [d_output, d_input]: [usize; 2]) -> Self {
        assert_eq!(turned.len(), d_output * d_input, "a matrix of that shape");
        Self::arranged([d_output, d_input], |first, input| {
            from_fn(|column| {
                let value = turned.get((first + column) * d_input + input);
                value.copied().unwrap_or(0.0)
            })
        })
    }

    /// Arranges matrices as one, their columns side by side.
    ///
    /// # Shapes
    ///
    /// - `matrices`: each `[d_input, d_part]`
    #[must_use]
    pub fn side_by_side(matrices: &[&[f32]], d_input: usize) -> Self {
        let mut d_output = 0;
        let parts = matrices.iter().map(|values| {
            let (start, width) = (d_output, values.len() / d_input.max(1));
            assert_eq!(values.len(), width * d_input, "a matrix of whole rows");
            d_output += width;
            Beside {
                values,
                start,
                width,
            }
        });
        let parts: Vec<Beside<'_>> = parts.collect();
        Self::arranged([d_output, d_input], |first, input| {
            let mut line = [0.0; LINE];
            for part in &parts {
                part.write(first, input, &mut line);
            }
            line
        })
    }

    /// Gathers the lines, each from its first column and its input.
    fn arranged(
        [d_output, d_input]: [usize; 2],
        line: impl Fn(usize, usize) -> [f32; LINE] + Sync,
    ) -> Self {
        let n_lines = d_output.next_multiple_of(PANEL) / LINE * d_input;
        let mut lines = Vec::new();
        let arranged = (0..n_lines).into_par_iter().with_min_len(LEAST);
        let arranged = arranged.map(|at| Line(line(at / d_input * LINE, at % d_input)));
        arranged.collect_into_vec(&mut lines);
        Self {
            lines,
            d_input,
            d_output,
        }
    }

    /// Rows of the matrix.
    #[must_use]
    pub fn d_input(&self) -> usize {
        self.d_input
    }

    /// Columns of the matrix.
    #[must_use]
    pub fn d_output(&self) -> usize {
        self.d_output
    }

    /// One column of the matrix, `[d_input]`.
    ///
    /// # Panics
    ///
    /// If there is no such column.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f32> {
        assert!(column < self.d_output, "a column of the matrix");
        let lines = &self.lines[column / LINE * self.d_input..][..self.d_input];
        lines.iter().map(move |line| line.0[column % LINE])
    }

    /// Multiplies rows with the matrix, and adds a bias.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, d_input]`
    /// - `bias`: `[d_output]`
    /// - `out`: `[rows, d_output]`
    ///
    /// # Panics
    ///
    /// If one is of another shape.
    pub fn multiply(&self, x: &[f32], bias: &[f32], out: &mut [f32], last: Last) {
        assert_eq!(bias.len(), self.d_output, "a bias for each output");
        if out.is_empty() {
            assert!(x.is_empty() || self.d_output == 0, "no rows on both sides");
            return;
        }
        let rows = out.len() / self.d_output;
        assert_eq!(out.len(), rows * self.d_output, "whole rows");
        assert_eq!(x.len(), rows * self.d_input, "rows as wide as the matrix");
        let arch = Arch::new();
        let parts = columns(out, self.d_output).into_par_iter().enumerate();
        parts.for_each(|(index, out)| {
            arch.dispatch(Part {
                x,
                panel: self.panel(index),
                bias: &bias[index * PANEL..],
                out,
                last,
            });
        });
    }

    fn panel(&self, index: usize) -> &[Line] {
        let size = LINES * self.d_input;
        &self.lines[index * size..][..size]
    }
}

/// A matrix whose columns are some of a larger one.
struct Beside<'a> {
    /// `[d_input, width]`
    values: &'a [f32],
    /// Its first column in the larger one.
    start: usize,
    width: usize,
}

impl Beside<'_> {
    /// Writes those of its numbers that lie in a line.
    fn write(&self, first: usize, input: usize, line: &mut [f32; LINE]) {
        let end = self.start + self.width;
        let (from, to) = (first.max(self.start), (first + LINE).min(end));
        if from < to {
            let row = &self.values[input * self.width..][..self.width];
            let columns = &row[from - self.start..to - self.start];
            line[from - first..to - first].copy_from_slice(columns);
        }
    }
}

/// The pieces of all rows that lie under a panel, for each panel.
fn columns(out: &mut [f32], d_output: usize) -> Vec<Vec<&mut [f32]>> {
    let rows = out.len() / d_output;
    let parts = repeat_with(|| Vec::with_capacity(rows)).take(d_output.div_ceil(PANEL));
    let mut parts: Vec<Vec<&mut [f32]>> = parts.collect();
    for row in out.chunks_exact_mut(d_output) {
        for (part, piece) in parts.iter_mut().zip(row.chunks_mut(PANEL)) {
            part.push(piece);
        }
    }
    parts
}

/// All rows times one panel.
struct Part<'a> {
    /// `[out.len(), d_input]`
    x: &'a [f32],
    /// `[LINES, d_input]`
    panel: &'a [Line],
    /// A number for each column, or more.
    bias: &'a [f32],
    out: Vec<&'a mut [f32]>,
    last: Last,
}

impl WithSimd for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 8>(simd), // 24 sums of 32 registers
            8 => self.run::<S, 4>(simd),  // 12 of 16
            4 => self.run::<S, 8>(simd),  // 24 of 32
            _ => self.run::<S, 4>(simd),
        }
    }
}

impl Part<'_> {
    /// Tiles of `M` rows.
    #[inline(always)]
    fn run<S: Simd, const M: usize>(mut self, simd: S) {
        let d_input = self.panel.len() / LINES;
        let end = self.out.len();
        for (first, column) in corners([end, M], VECTORS * S::F32_LANES) {
            // Where there are no more rows, the last is computed again and left out.
            let row = |m: usize| (first + m).min(end - 1);
            let rows = from_fn(|m| &self.x[row(m) * d_input..][..d_input]);
            let tile = tile::<S, M>(simd, rows, self.panel, column);
            for (out, sums) in self.out[first..].iter_mut().zip(&tile) {
                // The last panel may have fewer columns.
                let out = out.get_mut(column..).unwrap_or_default();
                let bias = self.bias.get(column..).unwrap_or_default();
                self.last.write(out, bytemuck::cast_slice(sums), bias);
            }
        }
    }
}

/// The first row and column of every tile of a panel.
#[inline(always)]
fn corners([end, rows]: [usize; 2], columns: usize) -> impl Iterator<Item = (usize, usize)> {
    let firsts = (0..end).step_by(rows);
    firsts.flat_map(move |first| {
        (0..PANEL)
            .step_by(columns)
            .map(move |column| (first, column))
    })
}

impl Last {
    #[inline(always)]
    fn write(self, out: &mut [f32], sums: &[f32], bias: &[f32]) {
        match self {
            Self::Over(Activation::Identity) => each(out, sums, bias, |_, sum| sum),
            Self::Over(Activation::Relu) => each(out, sums, bias, |_, sum| sum.max(0.0)),
            Self::Over(Activation::Relu6) => each(out, sums, bias, |_, sum| relu6(sum)),
            Self::Over(Activation::Gelu) => each(out, sums, bias, |_, sum| gelu(sum)),
            Self::Over(Activation::GeluTanh) => each(out, sums, bias, |_, sum| gelu_tanh(sum)),
            Self::Over(Activation::QuickGelu) => each(out, sums, bias, |_, sum| quick_gelu(sum)),
            Self::Onto => each(out, sums, bias, |there, sum| there + sum),
        }
    }
}

#[inline(always)]
fn each(out: &mut [f32], sums: &[f32], bias: &[f32], last: impl Fn(f32, f32) -> f32) {
    for (out, (sum, bias)) in out.iter_mut().zip(sums.iter().zip(bias)) {
        *out = last(*out, sum + bias);
    }
}

/// Rows times three vectors of a panel, from a column on.
#[inline(always)]
fn tile<S: Simd, const M: usize>(
    simd: S,
    rows: [&[f32]; M],
    panel: &[Line],
    column: usize,
) -> [[S::f32s; VECTORS]; M] {
    let mut total = [[simd.splat_f32s(0.0); VECTORS]; M];
    let d_input = rows[0].len();
    let column = |v: usize| column + v * S::F32_LANES;
    let lines: [&[Line]; VECTORS] = from_fn(|v| &panel[column(v) / LINE * d_input..][..d_input]);
    let inside: [usize; VECTORS] = from_fn(|v| column(v) % LINE / S::F32_LANES);
    for k in 0..d_input {
        let right: [S::f32s; VECTORS] =
            from_fn(|v| bytemuck::cast_slice(&lines[v][k].0)[inside[v]]);
        for (total, row) in total.iter_mut().zip(rows) {
            let left = simd.splat_f32s(row[k]);
            for (total, right) in total.iter_mut().zip(right) {
                *total = simd.mul_add_f32s(left, right, *total);
            }
        }
    }
    total
}
