//! Sizes from what lies beside the weights, or from the weights themselves.

use std::path::Path;

use serde::Deserialize;

use super::ClipConfig;
use super::config::{
    Activation, BlocksConfig, HEAD_WIDTH, ImageConfig, Levels, ResNetConfig, TextConfig, VitConfig,
};
use crate::EncoderError;
use crate::folder::read_json;
use crate::tensors::TensorFile;

/// `config.json` of transformers; what is absent has the value of `clip-vit-base-patch32`.
#[derive(Deserialize)]
struct HuggingFace {
    projection_dim: Option<usize>,
    #[serde(default)]
    vision_config: Vision,
    #[serde(default)]
    text_config: Text,
}

#[derive(Deserialize)]
#[serde(default)]
struct Vision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: Activation,
}

#[derive(Deserialize)]
#[serde(default)]
struct Text {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: Activation,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
        }
    }
}

/// `preprocessor_config.json` of transformers.
#[derive(Deserialize)]
struct Preprocessor {
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

/// Reads `config.json` of transformers, and `preprocessor_config.json` if it lies beside it.
pub(super) fn by_transformers(folder: &Path) -> Result<ClipConfig, EncoderError> {
    let config: HuggingFace = read_json(&folder.join("config.json"))?;
    let (vision, text) = (config.vision_config, config.text_config);
    let beside = folder.join("preprocessor_config.json");
    let levels = if beside.exists() {
        let read: Preprocessor = read_json(&beside)?;
        Levels {
            mean: read.image_mean,
            deviation: read.image_std,
        }
    } else {
        Levels::default()
    };
    Ok(ClipConfig {
        d_embed: config.projection_dim.unwrap_or(512),
        image: ImageConfig::Vit(VitConfig {
            size: vision.image_size,
            patch: vision.patch_size,
            blocks: BlocksConfig {
                width: vision.hidden_size,
                n_layers: vision.num_hidden_layers,
                n_heads: vision.num_attention_heads,
                d_hidden: vision.intermediate_size,
                activation: vision.hidden_act,
            },
        }),
        text: TextConfig {
            n_vocab: text.vocab_size,
            context: text.max_position_embeddings,
            blocks: BlocksConfig {
                width: text.hidden_size,
                n_layers: text.num_hidden_layers,
                n_heads: text.num_attention_heads,
                d_hidden: text.intermediate_size,
                activation: text.hidden_act,
            },
        },
        levels,
    })
}

/// `open_clip_config.json`, or the description of a model that `open_clip` carries.
#[derive(Deserialize)]
struct OpenClip {
    model_cfg: Model,
    preprocess_cfg: Option<PreprocessCfg>,
}

#[derive(Deserialize)]
struct PreprocessCfg {
    mean: [f32; 3],
    std: [f32; 3],
}

#[derive(Deserialize)]
struct Model {
    embed_dim: usize,
    #[serde(default)]
    quick_gelu: bool,
    vision_cfg: VisionCfg,
    text_cfg: TextCfg,
}

#[derive(Deserialize)]
struct VisionCfg {
    image_size: usize,
    layers: Option<Layers>,
    width: Option<usize>,
    patch_size: Option<usize>,
    head_width: Option<usize>,
    mlp_ratio: Option<f64>,
    timm_model_name: Option<String>,
    #[serde(default)]
    attentional_pool: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Layers {
    Blocks(usize),
    Stages([usize; 4]),
}

#[derive(Deserialize)]
struct TextCfg {
    context_length: Option<usize>,
    vocab_size: Option<usize>,
    width: Option<usize>,
    heads: Option<usize>,
    layers: Option<usize>,
    mlp_ratio: Option<f64>,
    hf_model_name: Option<String>,
}

/// Reads `open_clip_config.json`; what is absent has the value that `open_clip` gives it.
pub(super) fn by_open_clip(file: &Path) -> Result<ClipConfig, EncoderError> {
    let OpenClip {
        model_cfg: model,
        preprocess_cfg,
    } = read_json(file)?;
    model.check().map_err(|part| EncoderError::Unsupported {
        file: file.to_owned(),
        part,
    })?;
    let activation = if model.quick_gelu {
        Activation::QuickGelu
    } else {
        Activation::Gelu
    };
    let levels = preprocess_cfg.map_or_else(Levels::default, |read| Levels {
        mean: read.mean,
        deviation: read.std,
    });
    Ok(ClipConfig {
        d_embed: model.embed_dim,
        image: model.vision_cfg.tower(activation),
        text: model.text_cfg.tower(activation),
        levels,
    })
}

impl Model {
    /// Names what these towers do not have.
    fn check(&self) -> Result<(), &'static str> {
        if self.vision_cfg.timm_model_name.is_some() {
            return Err("a tower of timm");
        }
        if self.vision_cfg.attentional_pool {
            return Err("an attentional pool");
        }
        if self.text_cfg.hf_model_name.is_some() {
            return Err("a text tower of transformers");
        }
        Ok(())
    }
}

impl VisionCfg {
    fn tower(&self, activation: Activation) -> ImageConfig {
        let head_width = self.head_width.unwrap_or(HEAD_WIDTH).max(1);
        let size = self.image_size;
        if let Some(Layers::Stages(stages)) = self.layers {
            let width = self.width.unwrap_or(64);
            return ImageConfig::ResNet(ResNetConfig {
                size,
                width,
                stages,
                n_heads: 32 * width / head_width,
            });
        }
        let n_layers = match self.layers {
            Some(Layers::Blocks(count)) => count,
            _ => 12,
        };
        let width = self.width.unwrap_or(768);
        ImageConfig::Vit(VitConfig {
            size,
            patch: self.patch_size.unwrap_or(16),
            blocks: BlocksConfig {
                width,
                n_layers,
                n_heads: width / head_width,
                d_hidden: hidden(width, self.mlp_ratio),
                activation,
            },
        })
    }
}

impl TextCfg {
    fn tower(&self, activation: Activation) -> TextConfig {
        let width = self.width.unwrap_or(512);
        TextConfig {
            n_vocab: self.vocab_size.unwrap_or(49_408),
            context: self.context_length.unwrap_or(77),
            blocks: BlocksConfig {
                width,
                n_layers: self.layers.unwrap_or(12),
                n_heads: self.heads.unwrap_or(8),
                d_hidden: hidden(width, self.mlp_ratio),
                activation,
            },
        }
    }
}

fn hidden(width: usize, ratio: Option<f64>) -> usize {
    (width as f64 * ratio.unwrap_or(4.0)) as usize
}

/// Deduces the sizes from the shapes of OpenAI's own files, whose heads are all 64 wide.
///
/// No shape tells the activation. OpenAI's files say that they are OpenAI's by the
/// `input_resolution` that they hold beside the weights; for others there is no answer.
pub(super) fn by_shapes(tensors: &TensorFile) -> Option<ClipConfig> {
    tensors.shape("input_resolution")?;
    let activation = Activation::QuickGelu;
    let &[n_vocab, width] = tensors.shape("token_embedding.weight")? else {
        return None;
    };
    let &[context, _] = tensors.shape("positional_embedding")? else {
        return None;
    };
    let &[_, d_embed] = tensors.shape("text_projection")? else {
        return None;
    };
    let image = if tensors.has("visual.proj") {
        vit(tensors, activation)?
    } else {
        resnet(tensors)?
    };
    let blocks = blocks(tensors, "transformer.resblocks.", width, activation);
    Some(ClipConfig {
        d_embed,
        image,
        text: TextConfig {
            n_vocab,
            context,
            blocks,
        },
        levels: Levels::default(),
    })
}

fn vit(tensors: &TensorFile, activation: Activation) -> Option<ImageConfig> {
    let &[width, _, patch, _] = tensors.shape("visual.conv1.weight")? else {
        return None;
    };
    let places = *tensors.shape("visual.positional_embedding")?.first()?;
    Some(ImageConfig::Vit(VitConfig {
        size: patch * places.saturating_sub(1).isqrt(), // one place is the class token's
        patch,
        blocks: blocks(tensors, "visual.transformer.resblocks.", width, activation),
    }))
}

fn resnet(tensors: &TensorFile) -> Option<ImageConfig> {
    let width = *tensors.shape("visual.layer1.0.conv1.weight")?.first()?;
    let places = *tensors
        .shape("visual.attnpool.positional_embedding")?
        .first()?;
    Some(ImageConfig::ResNet(ResNetConfig {
        size: 32 * places.saturating_sub(1).isqrt(), // one place is the mean's
        width,
        stages: [1, 2, 3, 4].map(|stage| tensors.count(&format!("visual.layer{stage}."))),
        n_heads: 32 * width / HEAD_WIDTH,
    }))
}

fn blocks(
    tensors: &TensorFile,
    prefix: &str,
    width: usize,
    activation: Activation,
) -> BlocksConfig {
    BlocksConfig {
        width,
        n_layers: tensors.count(prefix),
        n_heads: width / HEAD_WIDTH,
        d_hidden: 4 * width,
        activation,
    }
}
