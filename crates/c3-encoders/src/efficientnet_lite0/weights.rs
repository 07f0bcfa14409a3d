//! The names under which others store the network, and folding its normalization.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::EfficientNetLite0Config;
use super::model::{Block, Features, Pointwise};
use crate::EncoderError;
use crate::kernels::{Bias, Depthwise};
use crate::tensors::TensorFile;

/// Keeps the variance away from zero, as TensorFlow does.
const EPSILON: f64 = 1e-3;

/// Reads all convolutions of the network.
pub(super) fn load(
    config: &EfficientNetLite0Config,
    file: &Path,
    device: &Device,
) -> Result<Features, EncoderError> {
    let tensors = TensorFile::open(file)?;
    let names = if tensors.has("conv_stem.weight") {
        Names::Timm
    } else {
        Names::Lukemelas
    };
    let mut reader = Reader {
        tensors,
        names,
        device,
    };
    let stem = reader.pointwise(&names.stem(), [config.d_stem, 3, 3]);
    let mut blocks = Vec::new();
    let mut d_input = config.d_stem;
    for (stage_index, stage) in config.stages.iter().enumerate() {
        for repeat in 0..stage.repeats {
            let place = Place {
                stage: stage_index,
                repeat,
                block: blocks.len(),
            };
            let shape = BlockShape {
                d_input,
                d_wide: d_input * stage.expand,
                d_output: stage.channels,
                kernel: stage.kernel,
                stride: if repeat == 0 { stage.stride } else { 1 },
            };
            blocks.push(reader.block(place, shape));
            d_input = stage.channels;
        }
    }
    let head = reader.pointwise(&names.head(), [config.d_embed, d_input, 1]);
    reader.tensors.finish()?;
    Ok(Features { stem, blocks, head })
}

/// Where a block stands.
#[derive(Clone, Copy)]
struct Place {
    stage: usize,
    /// Within its stage.
    repeat: usize,
    /// Within the network.
    block: usize,
}

#[derive(Clone, Copy)]
struct BlockShape {
    d_input: usize,
    d_wide: usize,
    d_output: usize,
    kernel: usize,
    stride: usize,
}

struct Reader<'a> {
    tensors: TensorFile,
    names: Names,
    device: &'a Device,
}

impl Reader<'_> {
    fn block(&mut self, place: Place, shape: BlockShape) -> Block {
        let BlockShape {
            d_input,
            d_wide,
            d_output,
            kernel,
            stride,
        } = shape;
        let is_wide = d_wide != d_input;
        let names = self.names.block(place, is_wide);
        let widen = is_wide.then(|| self.pointwise(&names.widen, [d_wide, d_input, 1]));
        let (filters, bias) = self.convolution(&names.filter, [d_wide, 1, kernel]);
        let filter = Depthwise::new(filters, bias, [kernel, stride], self.device);
        let narrow = self.pointwise(&names.narrow, [d_output, d_wide, 1]);
        Block {
            widen,
            filter,
            narrow,
            stride,
            residual: stride == 1 && d_input == d_output,
        }
    }

    /// Reads a convolution as a product of patches, `[kernel^2 * d_input, d_output]`.
    fn pointwise(&mut self, layer: &Layer, shape: [usize; 3]) -> Pointwise {
        let [d_output, d_input, kernel] = shape;
        let (filters, bias) = self.convolution(layer, shape);
        let area = kernel * kernel;
        let at = |row: usize, output: usize| {
            let (pixel, input) = (row / d_input, row % d_input);
            filters[(output * d_input + input) * area + pixel]
        };
        let rows = 0..area * d_input;
        let weight = rows.flat_map(|row| (0..d_output).map(move |output| (row, output)));
        let weight: Vec<f32> = weight.map(|(row, output)| at(row, output)).collect();
        let data = TensorData::new(weight, [area * d_input, d_output]);
        Pointwise {
            weight: Tensor::from_data(data, self.device),
            bias: Bias::new(bias, self.device),
        }
    }

    /// Reads the filters of a convolution and the normalization behind it, and makes them one.
    ///
    /// `(w * x - mean) * gain / sqrt(variance + epsilon) + offset` is again a
    /// convolution with a bias.
    fn convolution(
        &mut self,
        Layer { weight, norm }: &Layer,
        [d_output, d_input, kernel]: [usize; 3],
    ) -> (Vec<f32>, Vec<f32>) {
        let shape = [d_output, d_input, kernel, kernel];
        let mut filters = self.tensors.take(&format!("{weight}.weight"), &shape);
        let mut of_norm = |part: &str| self.tensors.take(&format!("{norm}.{part}"), &[d_output]);
        let gains = of_norm("weight");
        let offsets = of_norm("bias");
        let means = of_norm("running_mean");
        let variances = of_norm("running_var");

        let mut bias = Vec::with_capacity(d_output);
        let of_channels = filters.chunks_exact_mut(d_input * kernel * kernel);
        for (channel, filter) in of_channels.enumerate() {
            let spread = (f64::from(variances[channel]) + EPSILON).sqrt();
            let scale = f64::from(gains[channel]) / spread;
            for value in filter {
                *value = (f64::from(*value) * scale) as f32;
            }
            let shift = f64::from(offsets[channel]) - f64::from(means[channel]) * scale;
            bias.push(shift as f32);
        }
        (filters, bias)
    }
}

/// Who named the tensors.
#[derive(Clone, Copy)]
enum Names {
    /// `efficientnet-lite-pytorch`, after `lukemelas/EfficientNet-PyTorch`.
    Lukemelas,
    /// `timm`.
    Timm,
}

/// A convolution and its normalization, as the file names them.
struct Layer {
    weight: String,
    norm: String,
}

struct BlockNames {
    widen: Layer,
    filter: Layer,
    narrow: Layer,
}

impl Names {
    fn stem(self) -> Layer {
        match self {
            Self::Lukemelas => Layer::new("", "_conv_stem", "_bn0"),
            Self::Timm => Layer::new("", "conv_stem", "bn1"),
        }
    }

    fn head(self) -> Layer {
        match self {
            Self::Lukemelas => Layer::new("", "_conv_head", "_bn1"),
            Self::Timm => Layer::new("", "conv_head", "bn2"),
        }
    }

    fn block(self, place: Place, is_wide: bool) -> BlockNames {
        let Place {
            stage,
            repeat,
            block,
        } = place;
        let (prefix, [widen, filter, narrow]) = match (self, is_wide) {
            (Self::Lukemelas, _) => (
                format!("_blocks.{block}."),
                [
                    ["_expand_conv", "_bn0"],
                    ["_depthwise_conv", "_bn1"],
                    ["_project_conv", "_bn2"],
                ],
            ),
            (Self::Timm, true) => (
                format!("blocks.{stage}.{repeat}."),
                [["conv_pw", "bn1"], ["conv_dw", "bn2"], ["conv_pwl", "bn3"]],
            ),
            // timm counts from the first layer that is there.
            (Self::Timm, false) => (
                format!("blocks.{stage}.{repeat}."),
                [["", ""], ["conv_dw", "bn1"], ["conv_pw", "bn2"]],
            ),
        };
        let layer = |[weight, norm]: [&str; 2]| Layer::new(&prefix, weight, norm);
        BlockNames {
            widen: layer(widen),
            filter: layer(filter),
            narrow: layer(narrow),
        }
    }
}

impl Layer {
    fn new(prefix: &str, weight: &str, norm: &str) -> Self {
        Self {
            weight: format!("{prefix}{weight}"),
            norm: format!("{prefix}{norm}"),
        }
    }
}
