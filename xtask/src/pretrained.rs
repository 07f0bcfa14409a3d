//! A decoder that somebody trained before: a folder as Hugging Face lays it out, or a GGUF.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use c3_artifacts::hash;
use c3_decoders::{
    CaptionTokenizer, DecoderError, DecoderFile, PrefixDecoder, PrefixDecoderConfig, PretrainedUse,
    Stop,
};
use memmap2::Mmap;

use crate::mapped;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const GGUF: &str = "gguf";
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
/// Names of the two files that hold GPT-2's tokens, newer and older.
const TOKENS: [[&str; 2]; 2] = [["vocab.json", "merges.txt"], ["encoder.json", "vocab.bpe"]];

/// A GPT-2 or a Llama on disk.
pub(crate) struct Pretrained {
    path: PathBuf,
    weights: Vec<Mmap>,
    config: Option<String>,
    tokenizer: CaptionTokenizer,
}

impl Pretrained {
    /// Opens a folder, or a GGUF; nothing but what stands before the weights is read yet.
    pub(crate) fn open(path: &Path, stop: Stop) -> anyhow::Result<Self> {
        let unread = || format!("cannot use the decoder in `{}`", path.display());
        let place = Place::find(path)?;
        let weights = place.weights.iter().map(|file| mapped::map(file));
        let weights: Vec<Mmap> = weights.collect::<Result<_, _>>().with_context(unread)?;
        let config = place.text(CONFIG)?;
        let tokenizer = place.tokenizer(&weights).with_context(unread)?;
        let tokenizer = tokenizer.stopping_at(stop).with_context(unread)?;
        let pretrained = Self {
            path: path.to_owned(),
            weights,
            config,
            tokenizer,
        };
        pretrained.check_vocabulary().with_context(unread)?;
        Ok(pretrained)
    }

    pub(crate) fn tokenizer(&self) -> &CaptionTokenizer {
        &self.tokenizer
    }

    /// Refuses a mapper that reads embeddings of another width than those of the space.
    pub(crate) fn check_width(&self, d_embed: usize) -> anyhow::Result<()> {
        match self.file()?.prefix() {
            Some(found) if found.d_embed != d_embed => bail!(
                "the mapper in `{}` reads embeddings of width {}, but those here have {d_embed}",
                self.path.display(),
                found.d_embed,
            ),
            _ => Ok(()),
        }
    }

    /// The sizes of the decoder, before any of its weights is read.
    pub(crate) fn sizes(&self, how: &PretrainedUse) -> anyhow::Result<PrefixDecoderConfig> {
        self.file()?.sizes(how).with_context(|| self.unread())
    }

    /// The decoder, its mapper drawn from `seed` unless the file has one.
    pub(crate) fn decoder(
        &self,
        how: &PretrainedUse,
        seed: u64,
        device: &Device,
    ) -> anyhow::Result<PrefixDecoder> {
        let decoder = self.file()?.decoder(how, seed, device);
        decoder.with_context(|| self.unread())
    }

    /// A decoder and a tokenizer of two models would only be found out after the training.
    fn check_vocabulary(&self) -> anyhow::Result<()> {
        let (decoder, tokenizer) = (self.file()?.n_vocab(), self.tokenizer.n_vocab());
        if decoder == tokenizer {
            return Ok(());
        }
        Err(DecoderError::VocabularyMismatch { decoder, tokenizer }.into())
    }

    fn file(&self) -> anyhow::Result<DecoderFile<'_>> {
        let weights: Vec<&[u8]> = self.weights.iter().map(|file| &file[..]).collect();
        DecoderFile::open(&weights, self.config.as_deref()).with_context(|| self.unread())
    }

    fn unread(&self) -> String {
        format!("cannot use the decoder in `{}`", self.path.display())
    }
}

/// The digest of everything that a run takes from the folder.
pub(crate) fn digest(path: &Path) -> anyhow::Result<String> {
    let place = Place::find(path)?;
    let names = [CONFIG, TOKENIZER].iter().chain(TOKENS.iter().flatten());
    let beside = names.map(|name| place.folder.join(name));
    let index = place.folder.join(INDEX);
    let index = (place.weights.len() > 1).then_some(index);
    let mut lines = String::new();
    for file in place.weights.iter().cloned().chain(index).chain(beside) {
        if file.exists() {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            lines += &format!("{name} {}\n", hash::sha256_file(&file)?);
        }
    }
    Ok(hash::sha256(lines.as_bytes()))
}

/// Where the files of a decoder are.
struct Place {
    folder: PathBuf,
    /// One file, or all shards.
    weights: Vec<PathBuf>,
}

impl Place {
    fn find(path: &Path) -> anyhow::Result<Self> {
        if path.is_file() && is_gguf(path) {
            return Ok(Self {
                folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
                weights: vec![path.to_owned()],
            });
        }
        ensure!(
            path.is_dir(),
            "`{}` is no folder and no GGUF; `decoder.pretrained` is a folder with `{WEIGHTS}`, \
             `{CONFIG}` and `{TOKENIZER}`, or a file that ends in `.{GGUF}`",
            path.display()
        );
        let folder = path.to_owned();
        let whole = folder.join(WEIGHTS);
        let weights = if whole.exists() {
            vec![whole]
        } else if folder.join(INDEX).exists() {
            shards(&folder)?
        } else {
            vec![only_gguf(&folder)?]
        };
        Ok(Self { folder, weights })
    }

    /// The one that lies there, or else that of a GGUF.
    fn tokenizer(&self, weights: &[Mmap]) -> anyhow::Result<CaptionTokenizer> {
        if let Some(json) = self.text(TOKENIZER)? {
            return Ok(CaptionTokenizer::from_json(&json)?);
        }
        for [vocabulary, merges] in TOKENS {
            if let (Some(vocabulary), Some(merges)) = (self.text(vocabulary)?, self.text(merges)?) {
                return Ok(CaptionTokenizer::gpt2(&vocabulary, &merges)?);
            }
        }
        match weights {
            [file] if c3_decoders::is_gguf(file) => CaptionTokenizer::from_gguf(file)
                .with_context(|| format!("put its `{TOKENIZER}` beside it")),
            _ => bail!("there is neither `{TOKENIZER}` nor `vocab.json` with `merges.txt`"),
        }
    }

    /// A text of the folder, if it is there.
    fn text(&self, name: &str) -> anyhow::Result<Option<String>> {
        let path = self.folder.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path);
        Ok(Some(text.with_context(|| {
            format!("cannot read `{}`", path.display())
        })?))
    }
}

/// The shards that the index names, all of which have to be there.
fn shards(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let index = folder.join(INDEX);
    let unread = || format!("cannot use `{}`", index.display());
    let text = std::fs::read_to_string(&index).with_context(unread)?;
    let names = c3_decoders::shards(&text).with_context(unread)?;
    let missing: Vec<&str> = names
        .iter()
        .filter(|name| !folder.join(name).exists())
        .map(String::as_str)
        .collect();
    ensure!(
        missing.is_empty(),
        "`{}` names shards that are not there: {}",
        index.display(),
        missing.join(", ")
    );
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

fn only_gguf(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut found = Vec::new();
    let unread = || format!("cannot read folder `{}`", folder.display());
    for entry in std::fs::read_dir(folder).with_context(unread)? {
        let file = entry.with_context(unread)?.path();
        if is_gguf(&file) {
            found.push(file);
        }
    }
    found.sort();
    match &found[..] {
        [file] => Ok(file.clone()),
        [] => bail!(
            "folder `{}` holds no decoder: neither `{WEIGHTS}` nor `{INDEX}` nor a file that ends \
             in `.{GGUF}`",
            folder.display()
        ),
        [first, ..] => bail!(
            "folder `{}` holds {} files that end in `.{GGUF}`; name one, as in \
             `decoder.pretrained={}`",
            folder.display(),
            found.len(),
            first.display()
        ),
    }
}

/// Whether a file says by its name that it is a GGUF.
fn is_gguf(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(GGUF))
}
