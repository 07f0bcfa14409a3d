//! The model's files, and the names of its tensors.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::clips::FRAMES;
use super::config::TrunkConfig;
use super::lengths::Ending;
use super::{AudioTower, ImageBind, ImageBindConfig, TextTower, VisionTower, audio, vision};
use crate::clip::{ClipTokenizer, Levels};
use crate::folder::{self, Model};
use crate::kernels::{Activation, KeyValue};
use crate::tensors::TensorFile;
use crate::transformer::{Block, Blocks, Layers, PatchTransformer, TextTransformer};
use crate::{EncoderError, Preprocess};

/// Keeps the variance away from zero in layer normalization.
const EPSILON: f64 = 1e-6;

/// The same in the stem of the sounds, where ImageBind left PyTorch's own.
const STEM_EPSILON: f64 = 1e-5;

/// Weight files of a folder, the preferred first.
const FILES: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "imagebind_huge.pth",
    "model.pth",
];

/// What every file of ImageBind has in some names.
const TRUNKS: &str = "modality_trunks.";

/// Whether the weights at `path` are those of ImageBind.
pub(super) fn is_at(path: &Path) -> bool {
    let tensors = locate(path).and_then(|(_, file)| TensorFile::open(&file));
    tensors.is_ok_and(|tensors| Model::of(&tensors) == Model::ImageBind)
}

/// Looks for all that a model is made of, and reads no tensor; gives the width of its space.
pub(super) fn check(path: &Path) -> Result<usize, EncoderError> {
    let opened = Opened::new(path)?;
    opened.tokenizer()?;
    Ok(opened.config.d_embed)
}

/// Loads the three towers.
pub(super) fn load(path: &Path, device: &Device) -> Result<ImageBind, EncoderError> {
    let opened = Opened::new(path)?;
    let tokenizer = opened.tokenizer()?;
    let mut reader = Reader::new(opened, device);
    let model = ImageBind {
        vision: reader.vision(),
        text: reader.text(tokenizer),
        audio: reader.audio(),
    };
    reader.finish(&[Modality::Vision, Modality::Text, Modality::Audio])?;
    Ok(model)
}

/// Loads the tower of pictures and videos; tensors of the others are not looked at.
pub(super) fn load_vision(path: &Path, device: &Device) -> Result<VisionTower, EncoderError> {
    let mut reader = Reader::new(Opened::new(path)?, device);
    let tower = reader.vision();
    reader.finish(&[Modality::Vision])?;
    Ok(tower)
}

/// Loads the tower of texts; tensors of the others are not looked at.
pub(super) fn load_text(path: &Path, device: &Device) -> Result<TextTower, EncoderError> {
    let opened = Opened::new(path)?;
    let tokenizer = opened.tokenizer()?;
    let mut reader = Reader::new(opened, device);
    let tower = reader.text(tokenizer);
    reader.finish(&[Modality::Text])?;
    Ok(tower)
}

/// Loads the tower of sounds; tensors of the others are not looked at.
pub(super) fn load_audio(path: &Path, device: &Device) -> Result<AudioTower, EncoderError> {
    let mut reader = Reader::new(Opened::new(path)?, device);
    let tower = reader.audio();
    reader.finish(&[Modality::Audio])?;
    Ok(tower)
}

/// What a tower is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Modality {
    Vision,
    Text,
    Audio,
}

impl Modality {
    /// Everything that ImageBind has a tower for.
    const NAMES: [&str; 6] = ["vision", "text", "audio", "depth", "thermal", "imu"];

    fn name(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Text => "text",
            Self::Audio => "audio",
        }
    }
}

/// A model of which only the header was read.
struct Opened {
    tensors: TensorFile,
    folder: PathBuf,
    /// What all names begin with.
    prefix: String,
    config: ImageBindConfig,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, EncoderError> {
        let (folder, file) = locate(path)?;
        let tensors = TensorFile::open(&file)?;
        let prefixes = tensors.names().filter_map(|name| name.split_once(TRUNKS));
        let prefix = prefixes.map(|(prefix, _)| prefix.to_owned()).min();
        let prefix =
            prefix.ok_or_else(|| Model::of(&tensors).instead_of(Model::ImageBind, &file))?;
        let config = ImageBindConfig::by_shapes(&tensors, &prefix);
        config.check()?;
        Ok(Self {
            tensors,
            folder,
            prefix,
            config,
        })
    }

    fn tokenizer(&self) -> Result<ClipTokenizer, EncoderError> {
        let text = &self.config.text;
        ClipTokenizer::load_for(&self.folder, text.context, text.n_vocab)
    }
}

/// Takes the tensors of one tower after another.
struct Reader<'a> {
    layers: Layers<'a>,
    prefix: String,
    config: ImageBindConfig,
}

impl<'a> Reader<'a> {
    fn new(opened: Opened, device: &'a Device) -> Self {
        let Opened {
            tensors,
            prefix,
            config,
            ..
        } = opened;
        Self {
            layers: Layers::new(tensors, device),
            prefix,
            config,
        }
    }

    /// Names every tensor that does not fit, and those of `read` towers that nobody took.
    fn finish(self, read: &[Modality]) -> Result<(), EncoderError> {
        let prefix = self.prefix;
        self.layers.tensors.finish_whole(|name| {
            let name = name.strip_prefix(&prefix).unwrap_or(name);
            let mut parts = name
                .split('.')
                .skip_while(|part| !part.starts_with("modality_"));
            let modality = parts.nth(1).unwrap_or_default();
            let is_read = read.iter().any(|tower| tower.name() == modality);
            // A mask that says what a causal transformer sees anyway.
            let is_mask = name == "modality_preprocessors.text.mask";
            is_mask || Modality::NAMES.contains(&modality) && !is_read
        })
    }

    /// The name of a part of a tower in the file.
    fn name(&self, part: &str) -> String {
        format!("{}{part}", self.prefix)
    }

    fn vision(&mut self) -> VisionTower {
        let config = self.config.vision.clone();
        let [width, patch] = [config.trunk.width, config.patch];
        let stem = self.name("modality_preprocessors.vision.rgbt_stem.proj.1.weight");
        let stem = self.layers.take(&stem, &[width, 3, FRAMES, patch, patch]);
        let still = add_frames(&stem, patch * patch);
        let grid = config.grid();
        VisionTower {
            network: vision::Network {
                moving: self.layers.turned(stem, [width, config.d_patch()]),
                still: self
                    .layers
                    .turned(still, [width, config.d_patch() / FRAMES]),
                transformer: self.patches(Modality::Vision, config.trunk, grid * grid),
            },
            preprocess: Preprocess::new(config.size),
            normalization: Levels::default().of_bytes(),
            config,
            device: self.layers.device.clone(),
            d_embed: self.config.d_embed,
            ending: Ending::new(0.0), // a length of 1
        }
    }

    fn audio(&mut self) -> AudioTower {
        let config = self.config.audio.clone();
        let [width, patch] = [config.trunk.width, config.patch];
        let stem = self.name("modality_preprocessors.audio.rgbt_stem.proj.weight");
        let stem = self.layers.take(&stem, &[width, 1, patch, patch]);
        let norm = self.name("modality_preprocessors.audio.rgbt_stem.norm_layer");
        let [along_bins, along_frames] = config.grid();
        let n_patches = along_bins * along_frames;
        AudioTower {
            network: audio::Network {
                stem: self.layers.turned(stem, [width, patch * patch]),
                norm: self.layers.norm(&norm, width, STEM_EPSILON),
                transformer: self.patches(Modality::Audio, config.trunk, n_patches),
            },
            config,
            device: self.layers.device.clone(),
            d_embed: self.config.d_embed,
            ending: self.ending(Modality::Audio),
        }
    }

    fn text(&mut self, tokenizer: ClipTokenizer) -> TextTower {
        let config = self.config.text.clone();
        let (width, d_embed) = (config.trunk.width, self.config.d_embed);
        let part = |part: &str| format!("{}modality_preprocessors.text.{part}", self.prefix);
        let [words, places] = ["token_embedding.weight", "pos_embed"].map(part);
        let [norm, project] =
            ["0", "1"].map(|part| self.name(&format!("modality_heads.text.proj.{part}")));
        let places = self.layers.take(&places, &[1, config.context, width]);
        TextTower {
            tokenizer,
            network: TextTransformer {
                words: self.layers.by_name(&words, [config.n_vocab, width]),
                places: self.layers.tensor(places, [config.context, width]),
                blocks: self.blocks(Modality::Text, config.trunk),
                norm: self.layers.norm(&norm, width, EPSILON),
                project: self.layers.turned_by_name(&project, [width, d_embed]),
            },
            config,
            device: self.layers.device.clone(),
            d_embed,
            ending: self.ending(Modality::Text),
        }
    }

    fn ending(&mut self, modality: Modality) -> Ending {
        let modality = modality.name();
        let name = self.name(&format!(
            "modality_postprocessors.{modality}.1.log_logit_scale"
        ));
        Ending::new(self.layers.take(&name, &[])[0])
    }

    /// What comes after the stem of pictures and of sounds.
    fn patches(
        &mut self,
        modality: Modality,
        trunk: TrunkConfig,
        n_patches: usize,
    ) -> PatchTransformer {
        let (width, d_embed, name) = (trunk.width, self.config.d_embed, modality.name());
        let [class, places, before, after, project] = [
            format!("modality_preprocessors.{name}.cls_token"),
            format!("modality_preprocessors.{name}.pos_embedding_helper.pos_embed"),
            format!("modality_trunks.{name}.pre_transformer_layer.0"),
            format!("modality_heads.{name}.0"),
            format!("modality_heads.{name}.2"),
        ]
        .map(|part| self.name(&part));
        let (class, places) = self.layers.class_and_places(
            (&class, &[1, 1, width]),
            (&places, &[1, n_patches + 1, width]),
            width,
        );
        PatchTransformer {
            class,
            places,
            norm_before: (modality == Modality::Vision)
                .then(|| self.layers.norm(&before, width, EPSILON)),
            blocks: self.blocks(modality, trunk),
            norm_after: self.layers.norm(&after, width, EPSILON),
            project: self.layers.turned_by_name(&project, [width, d_embed]),
        }
    }

    fn blocks(&mut self, modality: Modality, trunk: TrunkConfig) -> Blocks {
        let blocks = (0..trunk.n_layers).map(|index| self.block(modality, trunk, index));
        Blocks {
            blocks: blocks.collect(),
        }
    }

    fn block(&mut self, modality: Modality, trunk: TrunkConfig, index: usize) -> Block {
        let (width, d_hidden) = (trunk.width, trunk.d_hidden);
        let prefix = self.name(&format!(
            "modality_trunks.{}.blocks.{index}",
            modality.name()
        ));
        let part = |part: &str| format!("{prefix}.{part}");
        let query_key_value = ["weight", "bias"].map(|name| part(&format!("attn.in_proj_{name}")));
        Block {
            norm_1: self.layers.norm(&part("norm_1"), width, EPSILON),
            query_key_value: self
                .layers
                .dense_named(&[query_key_value], [width, 3 * width]),
            more: (modality == Modality::Audio).then(|| self.more(&part("attn"), width)),
            attended: self.layers.dense(&part("attn.out_proj"), [width, width]),
            norm_2: self.layers.norm(&part("norm_2"), width, EPSILON),
            widen: self.layers.dense(&part("mlp.fc1"), [width, d_hidden]),
            narrow: self.layers.dense(&part("mlp.fc2"), [d_hidden, width]),
            n_heads: trunk.n_heads,
            activation: Activation::Gelu,
        }
    }

    /// The key and the value that PyTorch's attention learns with `add_bias_kv`.
    fn more(&mut self, attention: &str, width: usize) -> KeyValue {
        let [key, value] = ["bias_k", "bias_v"].map(|part| {
            let name = format!("{attention}.{part}");
            self.layers.take(&name, &[1, 1, width])
        });
        KeyValue::new(key, &value, self.layers.device)
    }
}

/// Filters of frames that are the same: the sums over both.
///
/// # Shapes
///
/// - `filters`: `[width * 3, 2, area]`
/// - result: `[width * 3, area]`
fn add_frames(filters: &[f32], area: usize) -> Vec<f32> {
    let pairs = filters.chunks_exact(FRAMES * area);
    let sums = pairs.flat_map(|pair| {
        let (first, second) = pair.split_at(area);
        first
            .iter()
            .zip(second)
            .map(|(first, second)| first + second)
    });
    sums.collect()
}

/// The folder of a model, and its weights.
fn locate(path: &Path) -> Result<(PathBuf, PathBuf), EncoderError> {
    let what = "weights of ImageBind (imagebind_huge.pth, model.safetensors)";
    folder::locate(path, &FILES, what)
}
