//! The model's files, and the names of its tensors.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use super::config::{BlocksConfig, TextConfig, VitConfig};
use super::images::Network;
use super::vit::Vit;
use super::{Activation, ClipConfig, ClipTokenizer, ImageConfig, ImageTower, TextTower, described};
use crate::EncoderError;
use crate::folder::{self, Model};
use crate::kernels::{self, Dense};
use crate::tensors::TensorFile;
use crate::transformer::{Block, Blocks, Layers, PatchTransformer, TextTransformer};

/// Keeps the variance away from zero in layer normalization.
const EPSILON: f64 = 1e-5;

/// Weight files of a folder, the preferred first.
const FILES: [&str; 7] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "model.pth",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
    "imagebind_huge.pth", // to say what it is
];

/// What OpenAI's files and scripted models hold beside weights, and older files of transformers.
const SPARE: [&str; 6] = [
    "attn_mask",
    "input_resolution",
    "context_length",
    "vocab_size",
    "vision_model.embeddings.position_ids",
    "text_model.embeddings.position_ids",
];

/// Looks for all that a model is made of, and reads no tensor; gives the width of its space.
pub(super) fn check(path: &Path) -> Result<usize, EncoderError> {
    let (folder, file) = locate(path)?;
    let tensors = open(&file)?;
    let described = describe(&folder, &tensors, Names::of(&tensors))?;
    described.check()?;
    let text = &described.text;
    ClipTokenizer::load_for(&folder, text.context, text.n_vocab)?;
    Ok(described.d_embed)
}

/// Loads both towers and the logarithm of the scale of their cosines.
pub(super) fn load(
    path: &Path,
    device: &Device,
) -> Result<(ImageTower, TextTower, f32), EncoderError> {
    let mut reader = Reader::open(path, device)?;
    let images = reader.images();
    let texts = reader.texts()?;
    let scale = reader.layers.take("logit_scale", &[])[0];
    reader.finish(|_| false)?;
    Ok((images, texts, scale))
}

/// Loads the tower of pictures; tensors of the other one are not looked at.
pub(super) fn load_images(path: &Path, device: &Device) -> Result<ImageTower, EncoderError> {
    let mut reader = Reader::open(path, device)?;
    let images = reader.images();
    reader.finish(|name| !is_of_images(name))?;
    Ok(images)
}

/// Loads the tower of texts; tensors of the other one are not looked at.
pub(super) fn load_texts(path: &Path, device: &Device) -> Result<TextTower, EncoderError> {
    let mut reader = Reader::open(path, device)?;
    let texts = reader.texts()?;
    reader.finish(|name| is_of_images(name) || name == "logit_scale")?;
    Ok(texts)
}

fn is_of_images(name: &str) -> bool {
    name.starts_with("visual") || name.starts_with("vision_model.")
}

/// Who named the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// OpenAI, and `open_clip` after it.
    OpenAi,
    /// `open_clip`, where the tower of texts is a module of its own.
    OpenClip,
    /// `transformers`.
    HuggingFace,
}

impl Names {
    fn of(tensors: &TensorFile) -> Self {
        if tensors.names().any(|name| name.starts_with("text_model.")) {
            Self::HuggingFace
        } else if tensors.has("text.token_embedding.weight") {
            Self::OpenClip
        } else {
            Self::OpenAi
        }
    }

    /// Before the numbers of the blocks of the tower of pictures.
    fn image_blocks(self) -> &'static str {
        match self {
            Self::HuggingFace => "vision_model.encoder.layers",
            Self::OpenAi | Self::OpenClip => "visual.transformer.resblocks",
        }
    }

    /// Before the numbers of the blocks of the tower of texts.
    fn text_blocks(self) -> &'static str {
        match self {
            Self::HuggingFace => "text_model.encoder.layers",
            Self::OpenClip => "text.transformer.resblocks",
            Self::OpenAi => "transformer.resblocks",
        }
    }
}

pub(super) struct Reader<'a> {
    pub(super) layers: Layers<'a>,
    names: Names,
    folder: PathBuf,
    pub(super) config: ClipConfig,
}

impl<'a> Reader<'a> {
    fn open(path: &Path, device: &'a Device) -> Result<Self, EncoderError> {
        let (folder, file) = locate(path)?;
        let tensors = open(&file)?;
        let names = Names::of(&tensors);
        let config = describe(&folder, &tensors, names)?;
        config.check()?;
        Ok(Self {
            layers: Layers::new(tensors, device),
            names,
            folder,
            config,
        })
    }

    fn finish(self, is_other: impl Fn(&str) -> bool) -> Result<(), EncoderError> {
        let is_counter = |name: &str| name.ends_with(".num_batches_tracked");
        let is_spare = |name: &str| SPARE.contains(&name) || is_counter(name) || is_other(name);
        self.layers.tensors.finish_whole(is_spare)
    }

    fn images(&mut self) -> ImageTower {
        let network = match self.config.image.clone() {
            ImageConfig::Vit(vit) => Network::Vit {
                patch: vit.patch,
                vit: Box::new(self.vit(&vit)),
            },
            ImageConfig::ResNet(resnet) => Network::ResNet(Box::new(self.resnet(&resnet))),
        };
        ImageTower::new(&self.config, network, self.layers.device)
    }

    fn vit(&mut self, vit: &VitConfig) -> Vit {
        let (width, d_embed) = (vit.blocks.width, self.config.d_embed);
        let n_squares = vit.grid() * vit.grid();
        let [class, stem, places, before, after] = match self.names {
            Names::HuggingFace => [
                "vision_model.embeddings.class_embedding",
                "vision_model.embeddings.patch_embedding.weight",
                "vision_model.embeddings.position_embedding.weight",
                "vision_model.pre_layrnorm", // so it is spelt there
                "vision_model.post_layernorm",
            ],
            _ => [
                "visual.class_embedding",
                "visual.conv1.weight",
                "visual.positional_embedding",
                "visual.ln_pre",
                "visual.ln_post",
            ],
        };
        let stem = self.layers.take(stem, &[width, 3, vit.patch, vit.patch]);
        let (class, places) = self.layers.class_and_places(
            (class, &[width]),
            (places, &[n_squares + 1, width]),
            width,
        );
        Vit {
            stem: self.layers.turned(stem, [width, 3 * vit.patch * vit.patch]),
            transformer: PatchTransformer {
                class,
                places,
                norm_before: Some(self.layers.norm(before, width, EPSILON)),
                blocks: self.blocks(self.names.image_blocks(), vit.blocks),
                norm_after: self.layers.norm(after, width, EPSILON),
                project: self.project_images([width, d_embed]),
            },
        }
    }

    fn project_images(&mut self, shape: [usize; 2]) -> Tensor<2> {
        match self.names {
            Names::HuggingFace => self.layers.turned_by_name("visual_projection", shape),
            _ => self.layers.by_name("visual.proj", shape),
        }
    }

    fn texts(&mut self) -> Result<TextTower, EncoderError> {
        let text = self.config.text.clone();
        let tokenizer = ClipTokenizer::load_for(&self.folder, text.context, text.n_vocab)?;
        Ok(TextTower {
            tokenizer,
            network: self.text_network(&text),
            device: self.layers.device.clone(),
            d_embed: self.config.d_embed,
        })
    }

    fn text_network(&mut self, text: &TextConfig) -> TextTransformer {
        let (width, d_embed) = (text.blocks.width, self.config.d_embed);
        let [words, places, norm, project] = match self.names {
            Names::HuggingFace => [
                "text_model.embeddings.token_embedding.weight",
                "text_model.embeddings.position_embedding.weight",
                "text_model.final_layer_norm",
                "text_projection",
            ],
            Names::OpenClip => [
                "text.token_embedding.weight",
                "text.positional_embedding",
                "text.ln_final",
                "text.text_projection",
            ],
            Names::OpenAi => [
                "token_embedding.weight",
                "positional_embedding",
                "ln_final",
                "text_projection",
            ],
        };
        TextTransformer {
            words: self.layers.by_name(words, [text.n_vocab, width]),
            places: self.layers.by_name(places, [text.context, width]),
            blocks: self.blocks(self.names.text_blocks(), text.blocks),
            norm: self.layers.norm(norm, width, EPSILON),
            project: if self.layers.tensors.has(&format!("{project}.weight")) {
                self.layers.turned_by_name(project, [width, d_embed])
            } else {
                self.layers.by_name(project, [width, d_embed])
            },
        }
    }

    fn blocks(&mut self, prefix: &str, config: BlocksConfig) -> Blocks {
        let blocks = (0..config.n_layers).map(|index| {
            let prefix = format!("{prefix}.{index}");
            self.block(&prefix, config)
        });
        Blocks {
            blocks: blocks.collect(),
        }
    }

    fn block(&mut self, prefix: &str, config: BlocksConfig) -> Block {
        let (width, d_hidden) = (config.width, config.d_hidden);
        let [norm_1, attended, norm_2, widen, narrow] = match self.names {
            Names::HuggingFace => [
                "layer_norm1",
                "self_attn.out_proj",
                "layer_norm2",
                "mlp.fc1",
                "mlp.fc2",
            ],
            _ => ["ln_1", "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"],
        }
        .map(|part| format!("{prefix}.{part}"));
        Block {
            norm_1: self.layers.norm(&norm_1, width, EPSILON),
            query_key_value: self.query_key_value(prefix, width),
            more: None,
            attended: self.layers.dense(&attended, [width, width]),
            norm_2: self.layers.norm(&norm_2, width, EPSILON),
            widen: self.layers.dense(&widen, [width, d_hidden]),
            narrow: self.layers.dense(&narrow, [d_hidden, width]),
            n_heads: config.n_heads,
            activation: match config.activation {
                Activation::QuickGelu => kernels::Activation::QuickGelu,
                Activation::Gelu => kernels::Activation::Gelu,
            },
        }
    }

    fn query_key_value(&mut self, prefix: &str, width: usize) -> Dense {
        if self.names != Names::HuggingFace {
            let names = ["weight", "bias"].map(|part| format!("{prefix}.attn.in_proj_{part}"));
            return self.layers.dense_named(&[names], [width, 3 * width]);
        }
        let parts = ["q", "k", "v"].map(|part| format!("{prefix}.self_attn.{part}_proj"));
        self.layers.dense_beside(&parts, [width, width])
    }
}

/// The folder of a model, and its weights.
fn locate(path: &Path) -> Result<(PathBuf, PathBuf), EncoderError> {
    let what = "weights (model.safetensors, open_clip_model.safetensors, model.pth, one .pt)";
    folder::locate(path, &FILES, what)
}

/// Opens weights, if they are those of a CLIP.
fn open(file: &Path) -> Result<TensorFile, EncoderError> {
    let tensors = TensorFile::open(file)?;
    match Model::of(&tensors) {
        Model::Clip => Ok(tensors),
        other => Err(other.instead_of(Model::Clip, file)),
    }
}

/// The sizes, from whatever describes weights of such names.
fn describe(folder: &Path, tensors: &TensorFile, names: Names) -> Result<ClipConfig, EncoderError> {
    if names == Names::HuggingFace {
        return described::by_transformers(folder);
    }
    let beside = folder.join("open_clip_config.json");
    if beside.exists() {
        return described::by_open_clip(&beside);
    }
    described::by_shapes(tensors).ok_or_else(|| EncoderError::Incomplete {
        folder: folder.to_owned(),
        what: "open_clip_config.json, and the weights do not say that they are OpenAI's: \
               which activation they were trained with is unknown",
    })
}
