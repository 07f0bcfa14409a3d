//! Step `encode`: pictures and captions into rows of features, through frozen models.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use burn::tensor::Device;
use c3_artifacts::{EmbeddingSet, Rows, hash};
use c3_encoders::clip::{Clip, ImageTower, TextTower};
use c3_encoders::imagebind::{self, ImageBind};
use c3_encoders::{EfficientNetLite0, HashedWords, MiniLm, Pixels, Preprocess, pixel_rows};
use c3_geometry::Embeddings;

use crate::begin::{self, RecipeArguments};
use crate::corpus::{Corpus, Part};
use crate::device::DeviceChoice;
use crate::fetch;
use crate::progress::Meter;
use crate::recipe::{
    ConnectSettings, DataKind, EncodeSettings, ImageFeatures, Recipe, TextFeatures,
};
use crate::run::{Run, Side};

/// Pictures decoded at once.
const PICTURES_PER_ROUND: usize = 256;
/// Texts encoded at once, the short ones together.
const TEXTS_PER_ROUND: usize = 1 << 16;

/// Turns pictures and captions into features: of a new run, or again of one that is there.
#[derive(Debug, clap::Args)]
pub(crate) struct Encode {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Folder of a run that is there already; without it, a new run begins.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "data", "encoder", "overrides", "out"])]
    run: Option<PathBuf>,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl Encode {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let (mut run, corpus) = match &self.run {
            Some(folder) => begin::resume(folder, self.device)?,
            None => self.recipe.begin(self.device)?,
        };
        run.again("encode", |run| encode(run, &corpus, Known::Anew))?;
        println!(
            "go on with:\n  cargo xtask connect --run {}",
            run.path().display()
        );
        Ok(())
    }
}

/// What is done with features that an earlier try has written; a file that is there is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// They are kept.
    Kept,
    /// They are made again.
    Anew,
}

/// Encodes every split and the extra sentences; embeddings that were made before are taken over.
pub(crate) fn encode(run: &Run, corpus: &Corpus, known: Known) -> anyhow::Result<()> {
    let is_done = |path: &Path| known == Known::Kept && path.exists();
    let settings = &run.recipe.encode;
    let device = &run.device.device;
    let is_made = corpus.parts().all(|part| !part.vector_files().is_empty());
    if is_made {
        take_over(run, corpus)?;
    } else {
        let pictures = PictureEncoder::open(&settings.image, device)?;
        for part in corpus.parts() {
            let path = run.features(part.name, Side::Images);
            if !is_done(&path) {
                encode_pictures(run, part, &pictures, &path)?;
            }
        }
    }
    if is_made && corpus.extra_text.is_empty() {
        return Ok(());
    }
    let texts = TextEncoder::open(&settings.text, device)?;
    for part in corpus.parts().filter(|_| !is_made) {
        let path = run.features(part.name, Side::Texts);
        if is_done(&path) {
            continue;
        }
        let (captions, owners) = part.captions();
        let features = encode_texts(run, &captions, &texts, part.name)?;
        let rows = Rows::Captions {
            texts: captions,
            owners,
        };
        EmbeddingSet::new(features, rows, origin(settings, part.name)?)?.write(&path)?;
    }
    let path = run.features("extra", Side::Texts);
    if !corpus.extra_text.is_empty() && !is_done(&path) {
        let features = encode_texts(run, &corpus.extra_text, &texts, "extra")?;
        let rows = Rows::Sentences {
            texts: corpus.extra_text.clone(),
        };
        EmbeddingSet::new(features, rows, origin(settings, "extra")?)?.write(&path)?;
    }
    Ok(())
}

fn take_over(run: &Run, corpus: &Corpus) -> anyhow::Result<()> {
    for part in corpus.parts() {
        for side in [Side::Images, Side::Texts] {
            if let Some(set) = part.vectors(side)? {
                set.write(&run.features(part.name, side))?;
            }
        }
    }
    Ok(())
}

/// Encodes round by round, so that Ctrl-C need not wait for all of them.
fn encode_texts(
    run: &Run,
    texts: &[String],
    encoder: &TextEncoder,
    label: &str,
) -> anyhow::Result<Embeddings> {
    let mut meter = Meter::start(&format!("{label} texts"), texts.len(), "texts");
    let (mut values, mut dim) = (Vec::new(), 1);
    for round in texts.chunks(TEXTS_PER_ROUND) {
        run.go_on()?;
        let features = encoder.encode(round, &mut meter)?;
        dim = features.dim();
        values.extend_from_slice(features.as_slice());
    }
    Ok(Embeddings::new(values, dim)?)
}

fn encode_pictures(
    run: &Run,
    part: &Part,
    encoder: &PictureEncoder,
    path: &Path,
) -> anyhow::Result<()> {
    let mut meter = Meter::start(
        &format!("{} pictures", part.name),
        part.samples.len(),
        "pictures",
    );
    let (mut values, mut names, mut dim) = (Vec::new(), Vec::new(), 1);
    for samples in part.samples.chunks(PICTURES_PER_ROUND) {
        run.go_on()?;
        let mut files = Vec::with_capacity(samples.len());
        for sample in samples {
            let bytes = part.picture(sample)?;
            files.push(bytes.with_context(|| format!("`{}` has no picture", sample.name))?);
            names.push(sample.name.clone());
        }
        let mut pixels = Vec::with_capacity(samples.len());
        for (decoded, sample) in encoder.decode(&files).into_iter().zip(samples) {
            pixels.push(decoded.with_context(|| format!("cannot use picture `{}`", sample.name))?);
        }
        let features = encoder.encode(&pixels)?;
        dim = features.dim();
        values.extend_from_slice(features.as_slice());
        meter.advance(samples.len());
    }
    let features = Embeddings::new(values, dim)?;
    EmbeddingSet::new(features, Rows::Items { names }, BTreeMap::new())?.write(path)?;
    Ok(())
}

fn origin(settings: &EncodeSettings, split: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let encoders = serde_json::to_string(settings)?;
    Ok(BTreeMap::from([
        ("encoders".to_owned(), encoders),
        ("split".to_owned(), split.to_owned()),
    ]))
}

/// What makes features of pictures.
pub(crate) enum PictureEncoder {
    Pixels(Preprocess),
    EfficientNetLite0(Box<EfficientNetLite0>),
    Clip(Box<ImageTower>),
    ImageBind(Box<imagebind::VisionTower>),
}

impl PictureEncoder {
    /// Loads the model that a recipe names.
    pub(crate) fn open(features: &ImageFeatures, device: &Device) -> anyhow::Result<Self> {
        match features {
            ImageFeatures::Pixels { side } => Ok(Self::Pixels(Preprocess::new(*side))),
            ImageFeatures::Clip { model } => {
                let folder = fetch::clip(model)?;
                Ok(Self::Clip(Box::new(ImageTower::load(&folder, device)?)))
            }
            ImageFeatures::ImageBind { model } => {
                let tower = imagebind::VisionTower::load(&fetch::imagebind(model)?, device)?;
                Ok(Self::ImageBind(Box::new(tower)))
            }
            ImageFeatures::EfficientNetLite0 => {
                let file = weight_file(&fetch::weights("efficientnet-lite0")?)?;
                Ok(Self::EfficientNetLite0(Box::new(EfficientNetLite0::load(
                    &file, device,
                )?)))
            }
        }
    }

    /// Decodes files as this encoder needs them, in their order.
    pub(crate) fn decode(
        &self,
        files: &[Vec<u8>],
    ) -> Vec<Result<Pixels, c3_encoders::EncoderError>> {
        match self {
            Self::Pixels(preprocess) => preprocess.decode_all(files),
            Self::EfficientNetLite0(model) => model.preprocess().decode_all(files),
            Self::Clip(tower) => tower.preprocess().decode_all(files),
            Self::ImageBind(tower) => tower.preprocess().decode_all(files),
        }
    }

    /// Features of decoded pictures, `[n, d_image]`.
    pub(crate) fn encode(&self, pixels: &[Pixels]) -> anyhow::Result<Embeddings> {
        Ok(match self {
            Self::Pixels(_) => pixel_rows(pixels)?,
            Self::EfficientNetLite0(model) => model.encode(pixels, |_| {})?,
            Self::Clip(tower) => tower.encode(pixels, |_| {})?,
            Self::ImageBind(tower) => tower.encode(pixels, |_| {})?,
        })
    }
}

/// What makes features of sentences.
pub(crate) enum TextEncoder {
    HashedWords(HashedWords),
    MiniLm(Box<MiniLm>),
    Clip(Box<TextTower>),
    ImageBind(Box<imagebind::TextTower>),
}

impl TextEncoder {
    /// Loads the model that a recipe names.
    pub(crate) fn open(features: &TextFeatures, device: &Device) -> anyhow::Result<Self> {
        match features {
            &TextFeatures::HashedWords { n_buckets } => {
                Ok(Self::HashedWords(HashedWords { n_buckets }))
            }
            TextFeatures::Clip { model } => {
                let folder = fetch::clip(model)?;
                Ok(Self::Clip(Box::new(TextTower::load(&folder, device)?)))
            }
            TextFeatures::ImageBind { model } => {
                let tower = imagebind::TextTower::load(&fetch::imagebind(model)?, device)?;
                Ok(Self::ImageBind(Box::new(tower)))
            }
            TextFeatures::MiniLm => {
                let folder = fetch::weights("all-minilm-l6-v2")?;
                Ok(Self::MiniLm(Box::new(MiniLm::load(&folder, device)?)))
            }
        }
    }

    fn encode(&self, texts: &[String], meter: &mut Meter) -> anyhow::Result<Embeddings> {
        let borrowed = || texts.iter().map(String::as_str).collect::<Vec<&str>>();
        Ok(match self {
            Self::HashedWords(words) => {
                let rows = words.encode(texts)?;
                meter.advance(texts.len());
                rows
            }
            Self::MiniLm(model) => model.encode(&borrowed(), |done| meter.advance(done))?,
            Self::Clip(tower) => tower.encode(&borrowed(), |done| meter.advance(done))?,
            Self::ImageBind(tower) => tower.encode(&borrowed(), |done| meter.advance(done))?,
        })
    }
}

/// Refuses to begin where weights are missing, before a folder is made.
pub(crate) fn check_weights(recipe: &Recipe) -> anyhow::Result<()> {
    if recipe.data.kind == DataKind::Embeddings && recipe.text.extra.is_empty() {
        return Ok(()); // nothing is left to encode
    }
    let settings = &recipe.encode;
    if settings.image == ImageFeatures::EfficientNetLite0 {
        fetch::weights("efficientnet-lite0")?;
    }
    if settings.text == TextFeatures::MiniLm {
        fetch::weights("all-minilm-l6-v2")?;
    }
    if let ImageFeatures::Clip { model } = &settings.image {
        Clip::check(&fetch::clip(model)?)?;
    }
    if let TextFeatures::Clip { model } = &settings.text {
        Clip::check(&fetch::clip(model)?)?;
    }
    if let ImageFeatures::ImageBind { model } = &settings.image {
        ImageBind::check(&fetch::imagebind(model)?)?;
    }
    if let TextFeatures::ImageBind { model } = &settings.text {
        ImageBind::check(&fetch::imagebind(model)?)?;
    }
    Ok(())
}

/// The width of the space that a run will have, where it is known before anything is encoded.
pub(crate) fn width(recipe: &Recipe, corpus: &Corpus) -> anyhow::Result<Option<usize>> {
    if let ConnectSettings::Towers(towers) = &recipe.connect {
        return Ok(Some(towers.d_embed));
    }
    if let Some(images) = corpus.train.vectors(Side::Images)? {
        return Ok(Some(images.embeddings().dim()));
    }
    Ok(match &recipe.encode.image {
        ImageFeatures::Clip { model } => Some(Clip::check(&fetch::clip(model)?)?),
        ImageFeatures::ImageBind { model } => Some(ImageBind::check(&fetch::imagebind(model)?)?),
        ImageFeatures::Pixels { .. } | ImageFeatures::EfficientNetLite0 => None,
    })
}

/// The file of weights in a folder of the cache, whichever source it came from.
pub(crate) fn weight_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let files = ["model.safetensors", "model.pth"].map(|name| folder.join(name));
    let found = files.into_iter().find(|file| file.exists());
    found.with_context(|| format!("`{}` holds no weights; fetch them again", folder.display()))
}

/// SHA-256 of everything that a run reads: captions, split lists, pictures, extra text.
pub(crate) fn input_hashes(corpus: &Corpus) -> anyhow::Result<BTreeMap<String, String>> {
    let mut inputs = BTreeMap::new();
    for part in corpus.parts() {
        let mut meter = Meter::start(
            &format!("{} inputs", part.name),
            part.samples.len(),
            "files",
        );
        let mut lines = String::new();
        for sample in &part.samples {
            let picture = part.picture(sample)?;
            let digest = picture.map_or_else(|| "-".to_owned(), |bytes| hash::sha256(&bytes));
            lines += &format!("{} {digest} {}\n", sample.name, sample.captions.join("\t"));
            meter.advance(1);
        }
        for file in part.vector_files() {
            lines += &format!("{}\n", hash::sha256_file(file)?);
        }
        inputs.insert(
            format!("{} split", part.name),
            hash::sha256(lines.as_bytes()),
        );
    }
    if !corpus.extra_text.is_empty() {
        let text = corpus.extra_text.join("\n");
        inputs.insert("extra text".to_owned(), hash::sha256(text.as_bytes()));
    }
    ensure!(!inputs.is_empty(), "a run reads at least one split");
    Ok(inputs)
}
