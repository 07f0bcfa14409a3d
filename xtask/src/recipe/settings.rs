//! What a recipe holds, table by table.

use std::path::PathBuf;

use anyhow::ensure;
use c3_decoders::TrainingConfig;
use c3_decoders::{
    Activation, Decoding, Mapper, Output, PrefixDecoderConfig, PretrainedPrefix, PretrainedUse,
    Stop, TokenizerConfig, Tune,
};
use c3_encoders::connect::{ConnectConfig, DualEncoderConfig, Temperature, TowerConfig};
use c3_transforms::{Arm, Directions, Renorm};
use serde::{Deserialize, Deserializer, Serialize};

/// Every setting of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// What the run folder is called after.
    pub(crate) name: String,
    pub(crate) data: DataSettings,
    pub(crate) text: TextSettings,
    pub(crate) encode: EncodeSettings,
    pub(crate) connect: ConnectSettings,
    pub(crate) transform: TransformSettings,
    pub(crate) decoder: DecoderSettings,
    pub(crate) training: TrainingConfig,
    pub(crate) decoding: Decoding,
    pub(crate) run: RunSettings,
}

/// Which pictures and sentences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataSettings {
    pub(crate) kind: DataKind,
    /// Folder of the data set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// Split on which the arms are compared.
    pub(crate) evaluate: c3_datasets::Split,
    /// Training pictures whose captions the decoders are validated on, and not trained on.
    pub(crate) valid_pictures: usize,
    /// Most pictures of each split, for a quick look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
}

/// What the decoders read beside the captions of the data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextSettings {
    /// Files of further sentences, one a line; a single path will do.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) extra: Vec<PathBuf>,
}

/// Reads a path, or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Paths {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(source)? {
        Paths::One(path) => vec![path],
        Paths::Many(paths) => paths,
    })
}

/// A data set that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataKind {
    Emoji,
    Flickr8k,
}

/// How media become rows of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncodeSettings {
    pub(crate) image: ImageFeatures,
    pub(crate) text: TextFeatures,
}

impl EncodeSettings {
    /// Both towers of one CLIP.
    pub(crate) fn clip(model: &str) -> Self {
        let (image, text) = (model.to_owned(), model.to_owned());
        Self {
            image: ImageFeatures::Clip { model: image },
            text: TextFeatures::Clip { model: text },
        }
    }
}

/// Where the features of a picture come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ImageFeatures {
    /// Its pixels, scaled to a square of this side.
    Pixels { side: usize },
    /// The frozen EfficientNet-Lite0.
    #[serde(rename = "efficientnet_lite0")]
    EfficientNetLite0,
    /// The tower of pictures of a frozen CLIP: its name in the catalogue, or a path.
    Clip { model: String },
}

/// Where the features of a sentence come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TextFeatures {
    /// Its words, counted in this many buckets.
    HashedWords { n_buckets: usize },
    /// The frozen all-MiniLM-L6-v2.
    #[serde(rename = "minilm")]
    MiniLm,
    /// The tower of texts of a frozen CLIP: its name in the catalogue, or a path.
    Clip { model: String },
}

/// The towers and how they are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectSettings {
    pub(crate) seed: u64,
    pub(crate) d_embed: usize,
    pub(crate) temperature: Temperature,
    pub(crate) image: TowerConfig,
    pub(crate) text: TowerConfig,
    pub(crate) training: ConnectConfig,
}

impl ConnectSettings {
    /// The towers for features of these widths.
    pub(crate) fn towers(&self, d_image: usize, d_text: usize) -> DualEncoderConfig {
        DualEncoderConfig {
            d_embed: self.d_embed,
            d_image,
            d_text,
            image: self.image.clone(),
            text: self.text.clone(),
            temperature: self.temperature,
        }
    }
}

/// Collapse and Corrupt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransformSettings {
    /// When unit length is restored (trap D1).
    pub(crate) renorm: Renorm,
    /// What the image mean is taken over (trap D3).
    pub(crate) image_mean: ImageMean,
    /// In which precision the means are taken (trap D4).
    pub(crate) mean_precision: MeanPrecision,
    /// The noise of the arms that corrupt.
    pub(crate) sigma: SigmaRule,
    /// Which directions that noise takes; `residual` looks at pairs.
    #[serde(default)]
    pub(crate) directions: Directions,
    /// Whether validation text gets noise too (trap D6).
    pub(crate) noise_on_validation: bool,
}

/// What the image mean is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImageMean {
    /// Every picture once.
    Items,
    /// Every picture once for each of its captions.
    Rows,
}

/// In which precision the means are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MeanPrecision {
    /// Unit rows, summed in f64.
    Full,
    /// Normalised in half precision, as the original's script does.
    Half,
}

/// How the noise is chosen; no rule looks at a pair of picture and caption.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SigmaRule {
    /// This standard deviation in every arm that corrupts.
    Value(f64),
    /// A rule.
    Rule(NamedRule),
}

/// A rule for the noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NamedRule {
    /// As far from itself as a picture stands from captions of a thing like it, arm by arm:
    /// the cosine of pairs, estimated without a pair.
    Mates,
    /// As far from itself as two captions of one picture stand apart, arm by arm.
    CaptionSpread,
    /// The paper's 0.1265 in every arm.
    Paper,
}

/// The decoder, but for what follows from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecoderSettings {
    pub(crate) d_model: usize,
    pub(crate) n_layers: usize,
    pub(crate) n_heads: usize,
    pub(crate) n_prefix: usize,
    pub(crate) mapper: Mapper,
    pub(crate) activation: Activation,
    pub(crate) output: Output,
    pub(crate) dropout: f32,
    pub(crate) tokenizer: TokenizerConfig,
    /// Folder or GGUF of a decoder to start from, whose sizes, activation and tokens are then used;
    /// of the settings here, prefix, mapper and dropout stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pretrained: Option<PathBuf>,
    /// What ends a caption (trap D7).
    #[serde(default)]
    pub(crate) stop: Stop,
}

impl DecoderSettings {
    /// What stands before a pretrained decoder in a space of this width, and how long captions get.
    pub(crate) fn before_pretrained(&self, d_embed: usize, max_tokens: usize) -> PretrainedUse {
        PretrainedUse {
            fresh: Some(PretrainedPrefix {
                d_embed,
                n_prefix: self.n_prefix,
                mapper: self.mapper,
            }),
            max_tokens,
            dropout: self.dropout,
        }
    }

    /// The decoder for a space of this width and captions of these tokens.
    pub(crate) fn sized(
        &self,
        d_embed: usize,
        n_vocab: usize,
        max_tokens: usize,
    ) -> PrefixDecoderConfig {
        PrefixDecoderConfig {
            d_embed,
            d_model: self.d_model,
            n_layers: self.n_layers,
            n_heads: self.n_heads,
            n_prefix: self.n_prefix,
            n_vocab,
            max_tokens,
            mapper: self.mapper,
            activation: self.activation,
            output: self.output,
            dropout: self.dropout,
            ..Default::default()
        }
    }
}

/// Which decoders are trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunSettings {
    pub(crate) arms: Vec<Arm>,
    /// Whether the upper bound, trained on pairs, is trained too.
    pub(crate) paired: bool,
    /// One decoder of every arm for each.
    pub(crate) seeds: Vec<u64>,
    /// Decoders trained side by side; 0 means one for each core.
    pub(crate) jobs: usize,
}

impl Recipe {
    /// Refuses what no step can use, before anything is begun.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.run.seeds.is_empty(),
            "`run.seeds` is empty; give at least one seed"
        );
        ensure!(
            !self.run.arms.is_empty() || self.run.paired,
            "`run.arms` is empty and `run.paired` is false; there is nothing to train"
        );
        ensure!(
            self.decoder.pretrained.is_some() || self.training.tune == Tune::All,
            "`training.tune` leaves a part of the decoder as it is, but a fresh one has learned \
             nothing yet; name one with `decoder.pretrained`, or leave `training.tune` out"
        );
        if let SigmaRule::Value(sigma) = self.transform.sigma {
            let good = sigma.is_finite() && sigma >= 0.0;
            ensure!(good, "`transform.sigma` is {sigma}; it must be at least 0");
        }
        Ok(())
    }
}
