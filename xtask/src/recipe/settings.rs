//! What a recipe holds, table by table.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use c3_decoders::{Decoding, TrainingConfig, Tune};
use c3_encoders::connect::TowerConfig;
use c3_transforms::{Arm, Directions, Renorm};
use serde::{Deserialize, Deserializer, Serialize};

use super::decoders::{DecoderSettings, FineTuning};
use super::spaces::{ConnectSettings, EncodeSettings, ImageFeatures, TextFeatures};

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
    /// The second stage, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fine_tuning: Option<FineTuning>,
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
    /// Karpathy's file of splits below the folder; the one that is there if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<PathBuf>,
    /// Folder below that of the data set which names of pictures start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pictures: Option<PathBuf>,
    /// Where the captions come from that the decoders are validated on.
    #[serde(default)]
    pub(crate) validation: Validation,
    /// Pictures whose captions the decoders are validated on, and not trained on.
    pub(crate) valid_pictures: usize,
    /// Most pictures of each split, for a quick look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
}

/// Where the captions come from that the decoders are validated on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Validation {
    /// Pictures of the training split that are held out.
    #[default]
    HeldOut,
    /// The first pictures of the split `dev`.
    Dev,
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
    /// The pictures that are compiled in.
    Emoji,
    /// Flickr8k's own files.
    Flickr8k,
    /// Karpathy's splits of COCO, Flickr30k or Flickr8k.
    Karpathy,
    /// Embeddings that somebody made before, as `import` writes them.
    Embeddings,
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
    /// What the best epoch of a decoder is chosen by (trap D5).
    #[serde(default)]
    pub(crate) select_by: SelectBy,
}

impl RunSettings {
    /// How many decoders the first stage trains.
    pub(crate) fn n_decoders(&self) -> usize {
        self.seeds.len() * (self.arms.len() + usize::from(self.paired))
    }
}

/// What the best epoch of a decoder is chosen by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SelectBy {
    /// The loss on captions that are rebuilt from what the decoder is trained on.
    #[default]
    Text,
    /// The loss on captions of pictures: it looks at pairs, as the original did at first, though
    /// by METEOR.
    Pairs,
}

impl Recipe {
    /// Every name or path of a model that was trained before.
    pub(crate) fn models_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let image = match &mut self.encode.image {
            ImageFeatures::Clip { model } | ImageFeatures::ImageBind { model } => Some(model),
            ImageFeatures::Pixels { .. } | ImageFeatures::EfficientNetLite0 => None,
        };
        let text = match &mut self.encode.text {
            TextFeatures::Clip { model } | TextFeatures::ImageBind { model } => Some(model),
            TextFeatures::HashedWords { .. } | TextFeatures::MiniLm => None,
        };
        [image, text, self.decoder.pretrained.as_mut()]
            .into_iter()
            .flatten()
    }

    /// A convolutional tower sees pixels, and nothing else; the rest whatever the features will be.
    fn check_towers(&self) -> anyhow::Result<()> {
        let ConnectSettings::Towers(towers) = &self.connect else {
            return Ok(());
        };
        let sees_pixels = matches!(self.encode.image, ImageFeatures::Pixels { .. });
        let is_convolution = matches!(towers.image, TowerConfig::Conv(_));
        ensure!(
            sees_pixels || !is_convolution,
            "the convolutional tower in `connect.image` reads pixels, not the features that \
             `encode.image` makes; take a head, as recipe `flickr8k` does"
        );
        let d_image = match self.encode.image {
            ImageFeatures::Pixels { side } => 3 * side * side,
            _ => 1,
        };
        let sizes = towers.towers(d_image, 1);
        sizes.check().context("the recipe's `connect`")?;
        let training = towers.training.check();
        training.context("the recipe's `connect.training`")
    }

    /// Refuses what no step can use, before anything is begun.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.run.seeds.is_empty(),
            "`run.seeds` is empty; give at least one seed"
        );
        let seeds: BTreeSet<u64> = self.run.seeds.iter().copied().collect();
        let arms: BTreeSet<&str> = self.run.arms.iter().map(|arm| arm.name()).collect();
        ensure!(
            seeds.len() == self.run.seeds.len() && arms.len() == self.run.arms.len(),
            "`run.seeds` or `run.arms` names one twice"
        );
        self.check_towers()?;
        ensure!(
            !self.run.arms.is_empty() || self.run.paired,
            "`run.arms` is empty and `run.paired` is false; there is nothing to train"
        );
        ensure!(
            self.data.validation == Validation::HeldOut
                || self.data.evaluate != c3_datasets::Split::Dev,
            "`data.validation` and `data.evaluate` are both `dev`: decoders would be chosen on \
             what they are measured on; evaluate on `test`, or validate on `held_out`"
        );
        if let Some(settings) = &self.fine_tuning {
            crate::train::check_fine_tuning(settings)?;
        }
        ensure!(
            self.decoder.pretrained.is_some() || self.training.tune == Tune::All,
            "`training.tune` leaves a part of the decoder as it is, but a fresh one has learned \
             nothing yet; name one with `decoder.pretrained`, or leave `training.tune` out"
        );
        self.training.check().context("the recipe's `training`")?;
        self.decoding.check().context("the recipe's `decoding`")?;
        if self.decoder.pretrained.is_none() {
            // Whatever the data will be.
            let sizes = self.decoder.sized(1, 1, 1);
            sizes.check().context("the recipe's `decoder`")?;
        }
        if let SigmaRule::Value(sigma) = self.transform.sigma {
            let good = sigma.is_finite() && sigma >= 0.0;
            ensure!(good, "`transform.sigma` is {sigma}; it must be at least 0");
        }
        Ok(())
    }
}
