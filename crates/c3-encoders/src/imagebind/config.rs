//! Sizes of the towers, and where the weights tell them.

use super::clips::{AUDIO_STRIDE, AudioClip, FRAMES};
use crate::EncoderError;
use crate::tensors::TensorFile;

/// Sizes of an ImageBind model: towers that end in one space.
///
/// All but the heads of attention are read off the shapes of the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBindConfig {
    /// Width of an embedding.
    pub d_embed: usize,
    /// The tower of pictures and videos.
    pub vision: VisionConfig,
    /// The tower of texts.
    pub text: TextConfig,
    /// The tower of sounds.
    pub audio: AudioConfig,
}

/// Sizes of the tower of pictures and videos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisionConfig {
    /// Side of a picture, in pixels.
    pub size: usize,
    /// Side of a patch, in pixels; it reaches through both frames.
    pub patch: usize,
    /// The blocks.
    pub trunk: TrunkConfig,
}

/// Sizes of the tower of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextConfig {
    /// Number of different tokens.
    pub n_vocab: usize,
    /// Most tokens of a text, its two marks included.
    pub context: usize,
    /// The blocks.
    pub trunk: TrunkConfig,
}

/// Sizes of the tower of sounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioConfig {
    /// Side of a patch, in bins and in frames; patches start 10 apart.
    pub patch: usize,
    /// The blocks.
    pub trunk: TrunkConfig,
}

/// Sizes of a stack of transformer blocks, which end with an exact GELU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkConfig {
    /// Width of a token.
    pub width: usize,
    /// Number of blocks.
    pub n_layers: usize,
    /// Heads of attention; they share the width.
    pub n_heads: usize,
    /// Width inside the feed-forward part.
    pub d_hidden: usize,
}

impl ImageBindConfig {
    /// The sizes of ImageBind-huge, the only one published.
    #[must_use]
    pub fn huge() -> Self {
        let trunk = |width, n_layers, n_heads| TrunkConfig {
            width,
            n_layers,
            n_heads,
            d_hidden: 4 * width,
        };
        Self {
            d_embed: 1024,
            vision: VisionConfig {
                size: 224,
                patch: 14,
                trunk: trunk(1280, 32, 16),
            },
            text: TextConfig {
                n_vocab: 49_408,
                context: 77,
                trunk: trunk(1024, 24, 16),
            },
            audio: AudioConfig {
                patch: 16,
                trunk: trunk(768, 12, 12),
            },
        }
    }

    /// Deduces the sizes from the shapes of tensors whose names begin with `prefix`.
    ///
    /// What they do not tell is as in ImageBind-huge, so that a tensor that is missing is
    /// missed under its published shape.
    pub(super) fn by_shapes(tensors: &TensorFile, prefix: &str) -> Self {
        let shapes = Shapes { tensors, prefix };
        let huge = Self::huge();
        let heads = ["vision.2", "text.proj.1", "audio.2"];
        let heads = heads.map(|head| format!("modality_heads.{head}.weight"));
        let d_embed = heads.iter().find_map(|head| shapes.axis(head, 0));
        Self {
            d_embed: d_embed.unwrap_or(huge.d_embed),
            vision: shapes.vision(huge.vision),
            text: shapes.text(huge.text),
            audio: shapes.audio(huge.audio),
        }
    }

    /// Refuses sizes that cannot be built.
    pub(super) fn check(&self) -> Result<(), EncoderError> {
        let trunks = [&self.vision.trunk, &self.text.trunk, &self.audio.trunk];
        trunks.into_iter().try_for_each(TrunkConfig::check)?;
        let fault = |name, value, needs| Err(EncoderError::Setting { name, value, needs });
        if self.vision.patch == 0 || self.vision.grid() == 0 {
            return fault("patch", self.vision.patch, "has to fit into a picture");
        }
        if self.text.context < 3 {
            let needs = "has to hold one token between two marks";
            return fault("context", self.text.context, needs);
        }
        let patch = self.audio.patch;
        if patch == 0 || patch > AudioClip::BINS.min(AudioClip::FRAMES) {
            return fault("patch", patch, "has to fit into a clip of sound");
        }
        Ok(())
    }
}

impl VisionConfig {
    /// Patches along one side.
    pub(super) fn grid(&self) -> usize {
        self.size / self.patch
    }

    /// Numbers in a patch.
    pub(super) fn d_patch(&self) -> usize {
        3 * FRAMES * self.patch * self.patch
    }
}

impl AudioConfig {
    /// Patches along the bins, and along the frames.
    pub(super) fn grid(&self) -> [usize; 2] {
        [AudioClip::BINS, AudioClip::FRAMES].map(|side| (side - self.patch) / AUDIO_STRIDE + 1)
    }
}

impl TrunkConfig {
    fn check(&self) -> Result<(), EncoderError> {
        if self.width == 0 || !self.width.is_multiple_of(self.n_heads) {
            return Err(EncoderError::Setting {
                name: "n_heads",
                value: self.n_heads,
                needs: "has to divide the width",
            });
        }
        Ok(())
    }
}

/// The shapes of tensors whose names begin with a prefix.
struct Shapes<'a> {
    tensors: &'a TensorFile,
    prefix: &'a str,
}

impl Shapes<'_> {
    fn axis(&self, name: &str, axis: usize) -> Option<usize> {
        let shape = self.tensors.shape(&format!("{}{name}", self.prefix))?;
        shape.get(axis).copied()
    }

    fn vision(&self, huge: VisionConfig) -> VisionConfig {
        let part = |name: &str| format!("modality_preprocessors.vision.{name}");
        let stem = part("rgbt_stem.proj.1.weight");
        let patch = self.axis(&stem, 3).unwrap_or(huge.patch);
        let places = self.axis(&part("pos_embedding_helper.pos_embed"), 1);
        // One place is the class token's.
        let size = places.map(|places| patch * places.saturating_sub(1).isqrt());
        VisionConfig {
            size: size.unwrap_or(huge.size),
            patch,
            trunk: self.trunk("vision", self.axis(&stem, 0), huge.trunk),
        }
    }

    fn text(&self, huge: TextConfig) -> TextConfig {
        let words = "modality_preprocessors.text.token_embedding.weight";
        let context = self.axis("modality_preprocessors.text.pos_embed", 1);
        TextConfig {
            n_vocab: self.axis(words, 0).unwrap_or(huge.n_vocab),
            context: context.unwrap_or(huge.context),
            trunk: self.trunk("text", self.axis(words, 1), huge.trunk),
        }
    }

    fn audio(&self, huge: AudioConfig) -> AudioConfig {
        let stem = "modality_preprocessors.audio.rgbt_stem.proj.weight";
        AudioConfig {
            patch: self.axis(stem, 2).unwrap_or(huge.patch),
            trunk: self.trunk("audio", self.axis(stem, 0), huge.trunk),
        }
    }

    fn trunk(&self, modality: &str, width: Option<usize>, huge: TrunkConfig) -> TrunkConfig {
        let blocks = format!("modality_trunks.{modality}.blocks.");
        let d_hidden = self.axis(&format!("{blocks}0.mlp.fc1.weight"), 0);
        TrunkConfig {
            width: width.unwrap_or(huge.width),
            n_layers: match self.tensors.count(&format!("{}{blocks}", self.prefix)) {
                0 => huge.n_layers,
                found => found,
            },
            n_heads: huge.n_heads, // no shape tells
            d_hidden: d_hidden.unwrap_or(huge.d_hidden),
        }
    }
}
