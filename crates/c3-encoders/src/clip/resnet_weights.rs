//! The names of the tensors of the residual network, the same for everybody.

use super::config::ResNetConfig;
use super::resnet::{AttentionPool, Bottleneck, Convolution, ResNet};
use super::weights::Reader;

/// Keeps the variance away from zero in batch normalization.
const EPSILON: f64 = 1e-5;

impl Reader<'_> {
    pub(super) fn resnet(&mut self, config: &ResNetConfig) -> ResNet {
        let width = config.width;
        let stem = [[3, width / 2], [width / 2, width / 2], [width / 2, width]];
        let stem = std::array::from_fn(|index| {
            let names = ["conv", "bn"].map(|part| format!("visual.{part}{}", index + 1));
            let stride = if index == 0 { 2 } else { 1 };
            self.convolution(&names, stem[index], [3, stride])
        });
        let mut blocks = Vec::new();
        for (stage, count) in config.stages.into_iter().enumerate() {
            blocks.extend((0..count).map(|index| self.bottleneck([stage, index], width)));
        }
        ResNet {
            stem,
            blocks,
            pool: self.attention_pool(config),
        }
    }

    /// A stage is twice as wide as the one before and half as large; its first block makes it so.
    fn bottleneck(&mut self, [stage, index]: [usize; 2], width: usize) -> Bottleneck {
        let prefix = format!("visual.layer{}.{index}", stage + 1);
        let planes = width << stage;
        let d_input = match (stage, index) {
            (0, 0) => width,
            (_, 0) => 2 * planes,
            _ => 4 * planes,
        };
        let stride = if stage > 0 && index == 0 { 2 } else { 1 };
        let layer = |index: usize| ["conv", "bn"].map(|part| format!("{prefix}.{part}{index}"));
        let shortcut = ["0", "1"].map(|part| format!("{prefix}.downsample.{part}"));
        let fits = stride == 1 && d_input == 4 * planes;
        Bottleneck {
            narrow: self.convolution(&layer(1), [d_input, planes], [1, 1]),
            filter: self.convolution(&layer(2), [planes, planes], [3, 1]),
            widen: self.convolution(&layer(3), [planes, 4 * planes], [1, 1]),
            shortcut: (!fits).then(|| self.convolution(&shortcut, [d_input, 4 * planes], [1, 1])),
            stride,
        }
    }

    /// Reads a convolution and the normalization behind it, and makes them one.
    ///
    /// `(w * x - mean) * gain / sqrt(variance + epsilon) + offset` is again a
    /// convolution with a bias.
    fn convolution(
        &mut self,
        [weight, norm]: &[String; 2],
        [d_input, d_output]: [usize; 2],
        [kernel, stride]: [usize; 2],
    ) -> Convolution {
        let shape = [d_output, d_input, kernel, kernel];
        let mut filters = self.layers.take(&format!("{weight}.weight"), &shape);
        let parts = ["weight", "bias", "running_mean", "running_var"];
        let [gains, mut bias, means, variances] =
            parts.map(|part| self.layers.take(&format!("{norm}.{part}"), &[d_output]));
        for (channel, filter) in filters
            .chunks_exact_mut(d_input * kernel * kernel)
            .enumerate()
        {
            let spread = (f64::from(variances[channel]) + EPSILON).sqrt();
            let scale = f64::from(gains[channel]) / spread;
            for value in filter {
                *value = (f64::from(*value) * scale) as f32;
            }
            bias[channel] -= (f64::from(means[channel]) * scale) as f32;
        }
        Convolution {
            weight: self.layers.tensor(filters, shape),
            bias: self.layers.tensor(bias, [d_output]),
            stride,
        }
    }

    fn attention_pool(&mut self, config: &ResNetConfig) -> AttentionPool {
        let (channels, d_embed) = (config.d_features(), self.config.d_embed);
        let n_tokens = config.grid() * config.grid() + 1;
        let places = "visual.attnpool.positional_embedding";
        let places = self.layers.take(places, &[n_tokens, channels]);
        let mut dense = |part: &str, d_output: usize| {
            self.layers.dense(
                &format!("visual.attnpool.{part}_proj"),
                [channels, d_output],
            )
        };
        AttentionPool {
            query: dense("q", channels),
            key: dense("k", channels),
            value: dense("v", channels),
            project: dense("c", d_embed),
            places: self.layers.tensor(places, [1, n_tokens, channels]),
            n_heads: config.n_heads,
        }
    }
}
