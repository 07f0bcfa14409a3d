//! Pictures cut into the patches that a first convolution looks at.

use burn::tensor::{Device, Tensor, TensorData};

use crate::Pixels;
use crate::kernels::Grid;

/// Side of a patch, and the distance from one to the next, in pixels.
const PATCH: usize = 3;
const STRIDE: usize = 2;

/// How a tower shifts and scales bytes: `(byte - mean) / deviation`, in levels of 0 to 255.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalization {
    /// What becomes 0, of red, green and blue.
    pub(crate) mean: [f32; 3],
    /// What becomes 1 above the mean.
    pub(crate) deviation: [f32; 3],
}

impl Normalization {
    /// Cuts normalized pictures of one size into patches of 3 x 3 pixels, two apart.
    ///
    /// What lies over the edge is 0, as TensorFlow pads: one pixel in all, below
    /// and to the right of an even size.
    ///
    /// # Shapes
    ///
    /// - result: `[batch * ceil(size / 2)^2, 27]`: pixel after pixel of a patch,
    ///   red, green and blue of each; and the grid of patches.
    pub(crate) fn patches(&self, batch: &[Pixels], device: &Device) -> (Tensor<2>, Grid) {
        let pictures = Grid {
            batch: batch.len(),
            side: batch.first().map_or(0, Pixels::size),
        };
        let grid = pictures.strided(STRIDE);
        let levels = self.levels();
        let mut frame = Frame::new(pictures);
        let mut values =
            Vec::with_capacity(batch.len() * grid.side * grid.side * 3 * PATCH * PATCH);
        for pixels in batch {
            frame.fill(pixels, &levels);
            for place in 0..grid.side * grid.side {
                let [y, x] = [place / grid.side, place % grid.side];
                values.extend(frame.patch(STRIDE * y, STRIDE * x));
            }
        }
        let shape = [grid.batch * grid.side * grid.side, 3 * PATCH * PATCH];
        let data = TensorData::new(values, shape);
        (Tensor::from_data(data, device), grid)
    }

    /// What each byte becomes, of red, green and blue.
    pub(crate) fn levels(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| {
            let (mean, deviation) = (self.mean[channel], self.deviation[channel]);
            std::array::from_fn(|level| (level as f32 - mean) / deviation)
        })
    }
}

/// A normalized picture in a frame of zeros, wide enough for the last patch.
struct Frame {
    values: Vec<f32>,
    /// Values in a line.
    line: usize,
    /// Pixels of the frame above the picture, and to its left.
    pad: usize,
}

impl Frame {
    fn new(pictures: Grid) -> Self {
        let (pad, _) = pictures.padding(PATCH, STRIDE);
        let side = pictures.strided(STRIDE).side * STRIDE + PATCH;
        Self {
            values: vec![0.0; 3 * side * side],
            line: 3 * side,
            pad,
        }
    }

    fn fill(&mut self, pixels: &Pixels, levels: &[[f32; 256]; 3]) {
        let lines = self.values.chunks_exact_mut(self.line).skip(self.pad);
        for (line, rgb) in lines.zip(pixels.rgb().chunks_exact(3 * pixels.size())) {
            let framed = line[3 * self.pad..].chunks_exact_mut(3);
            for (out, pixel) in framed.zip(rgb.chunks_exact(3)) {
                let channels = levels.iter().zip(pixel);
                let normalized = channels.map(|(levels, &byte)| levels[usize::from(byte)]);
                out.iter_mut()
                    .zip(normalized)
                    .for_each(|(out, value)| *out = value);
            }
        }
    }

    /// The patch whose first pixel lies at `y`, `x` of the frame.
    fn patch(&self, y: usize, x: usize) -> impl Iterator<Item = f32> {
        let lines = self.values[y * self.line..].chunks_exact(self.line);
        let rows = lines
            .take(PATCH)
            .map(move |line| &line[3 * x..][..3 * PATCH]);
        rows.flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Normalization = Normalization {
        mean: [0.0, 10.0, 20.0],
        deviation: [1.0, 2.0, 4.0],
    };

    /// Patches of a picture whose red counts its pixels from 1; green is 30, blue 60.
    fn patches(size: usize) -> (Vec<f32>, Grid) {
        let rgb = (1..=size * size).flat_map(|index| [index as u8, 30, 60]);
        let pixels = Pixels::new(rgb.collect(), size).unwrap();
        let (patches, grid) = PLAIN.patches(&[pixels], &Device::flex());
        (patches.into_data().try_to_vec().unwrap(), grid)
    }

    #[test]
    fn an_even_picture_is_padded_below_and_to_the_right() {
        let (values, grid) = patches(4);
        assert_eq!(grid, Grid { batch: 1, side: 2 });
        let first: Vec<f32> = values[..27].iter().step_by(3).copied().collect();
        assert_eq!(first, [1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 9.0, 10.0, 11.0]);
        let last: Vec<f32> = values[3 * 27..].iter().step_by(3).copied().collect();
        assert_eq!(last, [11.0, 12.0, 0.0, 15.0, 16.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn an_odd_picture_is_padded_all_around() {
        let (values, grid) = patches(3);
        assert_eq!(grid, Grid { batch: 1, side: 2 });
        let first: Vec<f32> = values[..27].iter().step_by(3).copied().collect();
        assert_eq!(first, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 4.0, 5.0]);
    }

    #[test]
    fn each_colour_is_normalized_by_its_own_numbers() {
        let (values, _) = patches(4);
        assert_eq!(values[..3], [1.0, 10.0, 10.0]);
    }
}
