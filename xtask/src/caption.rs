//! Step `caption`: sentences for pictures, by a trained model.

mod write;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use c3_artifacts::{ModelFolder, TransformRecord};
use c3_decoders::{
    Caption as Found, CaptionTokenizer, Captioner, Decoding, Nucleus, PrefixDecoder,
    PrefixDecoderConfig, Stop,
};
use c3_encoders::connect::{DualEncoder, DualEncoderConfig};
use c3_geometry::Embeddings;
use serde::{Deserialize, Serialize};

use crate::device::DeviceChoice;
use crate::encode::PictureEncoder;
use crate::fit;
use crate::progress::Meter;
use crate::recipe::ImageFeatures;

pub(crate) use write::{write_fine_tuned, write_model};

/// File of the towers' weights in a model folder.
const TOWERS: &str = "towers.safetensors";
/// Pictures read, decoded and captioned at once.
const PICTURES_PER_ROUND: usize = 64;
/// Endings of the files that a folder is searched for.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// Captions pictures, or every picture of a folder.
///
/// A picture that cannot be read is named and skipped; the exit code is then 2.
#[derive(Debug, clap::Args)]
pub(crate) struct Caption {
    /// Model folder, as `train` writes them.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Pictures (JPEG, PNG, WebP, GIF) or folders of them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Hypotheses followed at once; 1 is greedy.
    #[arg(long, default_value_t = 1)]
    beam: usize,
    /// Captions for each picture, at most as many as the beam unless they are drawn.
    #[arg(long, default_value_t = 1)]
    n_best: usize,
    /// Draw captions at random, from the likeliest tokens that hold this share of the probability.
    #[arg(long, value_name = "SHARE", conflicts_with = "beam")]
    nucleus: Option<f32>,
    /// Below 1 the likely are drawn more often, above 1 less.
    #[arg(long, default_value_t = 1.0, requires = "nucleus")]
    temperature: f32,
    /// Fixes what is drawn.
    #[arg(long, default_value_t = 0, requires = "nucleus")]
    seed: u64,
    /// How the captions are printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Where to compute: auto, cpu, wgpu, cuda or cuda:N.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

/// How captions are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// One JSON object a line: picture, caption, log-probability.
    Jsonl,
    /// The COCO result format, one caption a picture.
    Coco,
}

/// What rebuilds a model: `config.json` of a model folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelConfig {
    /// Where the features of pictures come from.
    pub(crate) image: ImageFeatures,
    /// The towers, of which captioning needs the image side; absent if features are embeddings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) towers: Option<DualEncoderConfig>,
    /// The decoder.
    pub(crate) decoder: PrefixDecoderConfig,
    /// What ends a caption.
    #[serde(default)]
    pub(crate) stop: Stop,
}

impl Caption {
    pub(crate) fn run(&self) -> anyhow::Result<ExitCode> {
        let mut decoding = self.decoding()?;
        let files = find_pictures(&self.paths)?;
        let model = Model::open(&self.model, self.device)?;
        let mut meter = Meter::start("caption", files.len(), "pictures");
        let (mut lines, mut skipped) = (Vec::new(), 0);
        for round in files.chunks(PICTURES_PER_ROUND) {
            let (readable, unreadable) = model.features(round)?;
            skipped += unreadable;
            for (file, captions) in model.caption(readable, &decoding)? {
                lines.extend(captions.into_iter().map(|caption| (file.clone(), caption)));
            }
            meter.advance(round.len());
            if let Some(nucleus) = &mut decoding.nucleus {
                nucleus.seed = nucleus.seed.wrapping_add(1 << 32); // no round repeats another
            }
        }
        drop(meter);
        print(&lines, self.format)?;
        if skipped > 0 {
            eprintln!("skipped {skipped} of {} pictures", files.len());
            return Ok(ExitCode::from(2));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn decoding(&self) -> anyhow::Result<Decoding> {
        ensure!(
            self.n_best <= self.beam || self.nucleus.is_some(),
            "--n-best {} needs a beam as wide, as in `--beam {}`",
            self.n_best,
            self.n_best
        );
        ensure!(
            self.format != Format::Coco || self.n_best == 1,
            "the COCO format holds one caption a picture; leave --n-best out"
        );
        let nucleus = self.nucleus.map(|p| Nucleus {
            p,
            temperature: self.temperature,
            seed: self.seed,
        });
        Ok(Decoding {
            beam: self.beam,
            n_best: self.n_best,
            nucleus,
            ..Decoding::default()
        })
    }
}

/// A trained model on a device: from the bytes of a picture to a caption.
struct Model {
    encoder: PictureEncoder,
    towers: Option<DualEncoder>,
    record: TransformRecord,
    captioner: Captioner,
}

impl Model {
    fn open(folder: &Path, device: DeviceChoice) -> anyhow::Result<Self> {
        let files = ModelFolder::open(folder)?;
        let config: ModelConfig = files.config()?;
        let device = device.open()?.device;
        let in_folder = || format!("cannot use the model in `{}`", folder.display());
        let towers = match &config.towers {
            Some(towers) => {
                let towers = DualEncoder::from_safetensors(files.file(TOWERS)?, towers, &device);
                Some(towers.with_context(in_folder)?)
            }
            None => None,
        };
        let decoder = PrefixDecoder::from_safetensors(&files.weights()?, &config.decoder, &device)
            .with_context(in_folder)?;
        let tokenizer = String::from_utf8(files.tokenizer()?).with_context(in_folder)?;
        let tokenizer = CaptionTokenizer::from_json(&tokenizer).with_context(in_folder)?;
        let tokenizer = tokenizer.stopping_at(config.stop).with_context(in_folder)?;
        Ok(Self {
            encoder: PictureEncoder::open(&config.image, &device)?,
            towers,
            record: files.transform()?,
            captioner: Captioner::new(decoder, tokenizer).with_context(in_folder)?,
        })
    }

    /// Embeds the files that can be read; says which cannot, and counts them.
    fn features(&self, files: &[PathBuf]) -> anyhow::Result<(Option<Readable>, usize)> {
        let (mut bytes, mut names) = (Vec::new(), Vec::new());
        for file in files {
            match std::fs::read(file) {
                Ok(content) => {
                    bytes.push(content);
                    names.push(file.clone());
                }
                Err(error) => eprintln!("skipped `{}`: {error}", file.display()),
            }
        }
        let (mut pixels, mut readable) = (Vec::new(), Vec::new());
        for (decoded, name) in self.encoder.decode(&bytes).into_iter().zip(names) {
            match decoded {
                Ok(picture) => {
                    pixels.push(picture);
                    readable.push(name);
                }
                Err(error) => eprintln!("skipped `{}`: {error}", name.display()),
            }
        }
        let skipped = files.len() - readable.len();
        if readable.is_empty() {
            return Ok((None, skipped));
        }
        let features = self.encoder.encode(&pixels)?;
        let embeddings = match &self.towers {
            Some(towers) => towers.encode_images(&features)?,
            None => features, // every arm restores unit length first
        };
        Ok((
            Some(Readable {
                files: readable,
                embeddings,
            }),
            skipped,
        ))
    }

    fn caption(
        &self,
        readable: Option<Readable>,
        decoding: &Decoding,
    ) -> anyhow::Result<Vec<(PathBuf, Vec<Found>)>> {
        let Some(Readable { files, embeddings }) = readable else {
            return Ok(Vec::new());
        };
        let viewed = fit::image_transform(&self.record)?.test(&embeddings)?;
        let captions = self.captioner.caption(&viewed, decoding)?;
        Ok(files.into_iter().zip(captions).collect())
    }
}

/// Pictures that could be decoded, embedded.
struct Readable {
    files: Vec<PathBuf>,
    embeddings: Embeddings,
}

/// Every picture that the paths name, folders searched in the order of names.
fn find_pictures(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            ensure!(path.exists(), "`{}` is not there", path.display());
            found.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("cannot read folder `{}`", path.display()))?;
        for entry in entries {
            let file = entry?.path();
            let ending = file.extension().and_then(|ending| ending.to_str());
            let ending = ending.map(str::to_ascii_lowercase);
            if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            bail!(
                "folder `{}` holds no picture ({})",
                path.display(),
                ENDINGS.join(", ")
            );
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

fn print(lines: &[(PathBuf, Found)], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Table if lines.is_empty() => {}
        Format::Table => {
            let rows = lines.iter().map(|(file, caption)| {
                let name = file.display().to_string();
                [
                    name,
                    caption.text.clone(),
                    format!("{:.2}", caption.log_probability),
                ]
            });
            println!("{}", crate::tables::captions(rows));
        }
        Format::Jsonl => {
            for (file, caption) in lines {
                let line = serde_json::json!({
                    "picture": file.display().to_string(),
                    "caption": caption.text,
                    "log_probability": caption.log_probability,
                });
                println!("{line}");
            }
        }
        Format::Coco => {
            let results: Vec<_> = lines
                .iter()
                .map(|(file, caption)| {
                    let name = file
                        .file_name()
                        .unwrap_or(file.as_os_str())
                        .to_string_lossy();
                    c3_artifacts::coco_results::CaptionResult {
                        image_id: c3_artifacts::coco_results::ImageId::from_name(&name),
                        caption: caption.text.clone(),
                    }
                })
                .collect();
            println!("{}", serde_json::to_string(&results)?);
        }
    }
    Ok(())
}
