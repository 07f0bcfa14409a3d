//! A convolution of each channel with its own small filter.

use std::ops::Range;

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use c3_kernels::relu6;
use pulp::{Arch, NullaryFnOnce};

use super::bias::Finish;
use super::{Activation, Bias, is_host};

/// How the rows of a tensor `[batch * side * side, channels]` lie in square pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) batch: usize,
    pub(crate) side: usize,
}

impl Grid {
    /// The grid that a filter of some `stride` leaves.
    pub(crate) fn strided(self, stride: usize) -> Self {
        Self {
            side: self.side.div_ceil(stride),
            ..self
        }
    }

    /// Padding before and after a side, as TensorFlow's `SAME`: what is uneven goes behind.
    pub(crate) fn padding(self, kernel: usize, stride: usize) -> (usize, usize) {
        let reach = (self.side.div_ceil(stride) - 1) * stride + kernel;
        let total = reach.saturating_sub(self.side);
        (total / 2, total - total / 2)
    }
}

/// One square filter for each channel, a bias, and ReLU6.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    /// All channels of the first pixel of the filters, then of the second: `[kernel^2, channels]`.
    taps: Vec<f32>,
    bias: Bias,
    /// `[channels, 1, kernel, kernel]`
    filters: Tensor<4>,
    kernel: usize,
    stride: usize,
}

impl Depthwise {
    /// `filters` are `[channels, kernel, kernel]`.
    pub(crate) fn new(
        filters: Vec<f32>,
        bias: Vec<f32>,
        [kernel, stride]: [usize; 2],
        device: &Device,
    ) -> Self {
        let channels = bias.len();
        let area = kernel * kernel;
        let taps = (0..area * channels).map(|at| filters[at % channels * area + at / channels]);
        Self {
            taps: taps.collect(),
            bias: Bias::new(bias, device),
            filters: Tensor::from_data(
                TensorData::new(filters, [channels, 1, kernel, kernel]),
                device,
            ),
            kernel,
            stride,
        }
    }

    /// Filters a grid of pixels that is `relu6(x + before)`, or `x` as it is.
    ///
    /// # Shapes
    ///
    /// - `x`: `[batch * side^2, channels]`
    /// - result: `[batch * (side / stride)^2, channels]`
    pub(crate) fn forward(&self, x: Tensor<2>, grid: Grid, before: Option<&Bias>) -> Tensor<2> {
        let device = x.device();
        if !is_host(&device) {
            let x = match before {
                Some(bias) => bias.finish(x, Activation::Relu6),
                None => x,
            };
            return self.convolve(x, grid);
        }
        let mut data = x.into_data();
        let pixels = data.as_mut_slice().expect("towers compute in f32");
        let channels = self.bias.values().len();
        let side = grid.strided(self.stride).side;
        let mut filtered = vec![0.0; grid.batch * side * side * channels];
        Arch::new().dispatch(Filter {
            depthwise: self,
            pixels,
            filtered: &mut filtered,
            grid,
            before: before.map(Bias::values),
        });
        let shape = [grid.batch * side * side, channels];
        Tensor::from_data(TensorData::new(filtered, shape), &device)
    }

    /// The same through burn's convolution.
    fn convolve(&self, x: Tensor<2>, Grid { batch, side }: Grid) -> Tensor<2> {
        let [_, channels] = x.dims();
        let grid = Grid { batch, side };
        let padding = grid.padding(self.kernel, self.stride);
        let options =
            ConvOptions::new_with_padding([self.stride; 2], [padding; 2], [1, 1], channels);
        let planes = x
            .reshape([batch, side, side, channels])
            .permute([0, 3, 1, 2]); // [batch, channels, side, side]
        let filtered = conv2d(planes, self.filters.clone(), None, options);
        let [_, _, side, _] = filtered.dims();
        let rows = filtered
            .permute([0, 2, 3, 1])
            .reshape([batch * side * side, channels]);
        self.bias.finish(rows, Activation::Relu6)
    }

    #[inline(always)]
    fn line(&self, picture: &[f32], line: &mut [f32], grid: Grid, rows: &Reach) {
        let pixels = line.chunks_exact_mut(self.bias.values().len());
        for (x, pixel) in pixels.enumerate() {
            self.pixel(picture, pixel, grid.side, [rows, &self.reach(x, grid)]);
        }
    }

    #[inline(always)]
    fn pixel(&self, picture: &[f32], out: &mut [f32], side: usize, [rows, columns]: [&Reach; 2]) {
        let channels = out.len();
        out.copy_from_slice(self.bias.values());
        for (tap_y, y) in (rows.tap..).zip(rows.source.clone()) {
            let values = &picture[(y * side + columns.source.start) * channels..];
            let taps = &self.taps[(tap_y * self.kernel + columns.tap) * channels..];
            let pairs = values
                .chunks_exact(channels)
                .zip(taps.chunks_exact(channels));
            for (values, taps) in pairs.take(columns.source.len()) {
                accumulate(out, values, taps);
            }
        }
        for value in out {
            *value = relu6(*value);
        }
    }

    /// What the filter covers on one axis, from the output pixel at `place`.
    #[inline(always)]
    fn reach(&self, place: usize, grid: Grid) -> Reach {
        let (pad, _) = grid.padding(self.kernel, self.stride);
        let first = place * self.stride; // of the padded side
        let start = first.max(pad);
        let end = (first + self.kernel).min(grid.side + pad);
        Reach {
            source: start - pad..end - pad,
            tap: start - first,
        }
    }
}

/// Filters every picture of a batch.
struct Filter<'a> {
    depthwise: &'a Depthwise,
    pixels: &'a mut [f32],
    filtered: &'a mut [f32],
    grid: Grid,
    before: Option<&'a [f32]>,
}

impl NullaryFnOnce for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let channels = self.depthwise.bias.values().len();
        let side = self.grid.strided(self.depthwise.stride).side;
        let pictures = self
            .pixels
            .chunks_exact_mut(self.grid.side * self.grid.side * channels);
        let outputs = self.filtered.chunks_exact_mut(side * side * channels);
        for (picture, output) in pictures.zip(outputs) {
            let mut finished = 0;
            for (y, line) in output.chunks_exact_mut(side * channels).enumerate() {
                // Lines are finished just before they are first read.
                let rows = self.depthwise.reach(y, self.grid);
                let end = rows.source.end * self.grid.side * channels;
                finish(picture, finished..end, self.before);
                finished = finished.max(end);
                self.depthwise.line(picture, line, self.grid, &rows);
            }
        }
    }
}

#[inline(always)]
fn finish(picture: &mut [f32], part: Range<usize>, bias: Option<&[f32]>) {
    if let Some(bias) = bias
        && !part.is_empty()
    {
        let finish = Finish {
            rows: &mut picture[part],
            bias,
            activation: Activation::Relu6,
        };
        finish.call();
    }
}

/// Pixels under a filter on one axis, and the first tap that lies on one.
struct Reach {
    source: Range<usize>,
    tap: usize,
}

#[inline(always)]
fn accumulate(sums: &mut [f32], values: &[f32], taps: &[f32]) {
    for (sum, (value, tap)) in sums.iter_mut().zip(values.iter().zip(taps)) {
        *sum += value * tap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count)
            .map(|index| (index as f32 * step).sin())
            .collect()
    }

    #[test]
    fn the_kernel_agrees_with_the_convolution_of_burn() {
        let device = Device::flex();
        let sides = [1, 2, 5, 7, 8];
        let settings = [[3, 1], [3, 2], [5, 1], [5, 2]];
        for (side, setting) in sides.iter().flat_map(|&side| settings.map(|s| (side, s))) {
            let (batch, channels) = (2, 19);
            let area = setting[0] * setting[0];
            let filters = wave(channels * area, 0.71);
            let depthwise = Depthwise::new(filters, wave(channels, 0.3), setting, &device);
            let before = Bias::new(wave(channels, 1.7), &device);
            let shape = [batch * side * side, channels];
            let x = TensorData::new(wave(shape[0] * shape[1], 0.37), shape);
            let x: Tensor<2> = Tensor::from_data(x, &device);
            let grid = Grid { batch, side };

            let ours = depthwise.forward(x.clone(), grid, Some(&before));
            let theirs = depthwise.convolve(before.finish(x, Activation::Relu6), grid);
            assert_eq!(ours.dims(), theirs.dims());
            let difference: f32 = (ours - theirs).abs().max().into_scalar();
            assert!(difference < 1e-5, "{side} {setting:?}: {difference}");
        }
    }
}
