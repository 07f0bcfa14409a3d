//! Pictures cut into squares that touch and do not overlap.

use burn::tensor::{Device, Tensor, TensorData};

use super::Normalization;
use crate::Pixels;

impl Normalization {
    /// Cuts normalized pictures of one size into squares of `side` pixels, row after row.
    ///
    /// Pixels right of and below the last whole square are left out.
    ///
    /// # Shapes
    ///
    /// - result: `[batch * floor(size / side)^2, 3 * side^2]`: all red values of a
    ///   square, then green, then blue
    pub(crate) fn squares(&self, batch: &[Pixels], side: usize, device: &Device) -> Tensor<2> {
        let grid = batch.first().map_or(0, |pixels| pixels.size() / side);
        let levels = self.levels();
        let area = side * side;
        let mut values = Vec::with_capacity(batch.len() * grid * grid * 3 * area);
        for pixels in batch {
            let corners = (0..grid * grid).map(|place| [place / grid * side, place % grid * side]);
            for corner in corners {
                let channels = levels.iter().enumerate();
                values.extend(channels.flat_map(|channel| square(pixels, corner, side, channel)));
            }
        }
        let shape = [batch.len() * grid * grid, 3 * area];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// One colour of the square whose first pixel lies at `y`, `x`, row after row.
fn square<'a>(
    pixels: &'a Pixels,
    [y, x]: [usize; 2],
    side: usize,
    (channel, levels): (usize, &'a [f32; 256]),
) -> impl Iterator<Item = f32> + 'a {
    let rows = pixels.rgb().chunks_exact(3 * pixels.size()).skip(y);
    let rows = rows.take(side).map(move |row| &row[3 * x..][..3 * side]);
    let bytes = rows.flat_map(move |row| row[channel..].iter().step_by(3));
    bytes.map(|&byte| levels[usize::from(byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_lie_row_after_row_and_colour_after_colour() {
        let plain = Normalization {
            mean: [0.0, 10.0, 0.0],
            deviation: [1.0, 2.0, 1.0],
        };
        // Red counts the pixels of a picture of 5 x 5 from 0; green is 30, blue 60.
        let rgb = (0..25).flat_map(|index| [index, 30, 60]).collect();
        let pixels = Pixels::new(rgb, 5).unwrap();
        let squares = plain.squares(&[pixels], 2, &Device::flex());
        assert_eq!(squares.dims(), [4, 12]);
        let values: Vec<f32> = squares.into_data().try_to_vec().unwrap();
        let others = [[10.0; 4], [60.0; 4]].concat();
        assert_eq!(values[..12], [&[0.0, 1.0, 5.0, 6.0], &*others].concat());
        assert_eq!(
            values[24..36],
            [&[10.0, 11.0, 15.0, 16.0], &*others].concat()
        );
    }
}
