//! A decoder that somebody trained before: a folder as Hugging Face lays it out.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use c3_artifacts::hash;
use c3_decoders::{CaptionTokenizer, Gpt2Config, Gpt2File, Gpt2Use, PrefixDecoder, Stop};
use memmap2::Mmap;

use crate::mapped;

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
/// Names of the two files that hold GPT-2's tokens, newer and older.
const TOKENS: [[&str; 2]; 2] = [["vocab.json", "merges.txt"], ["encoder.json", "vocab.bpe"]];

/// A GPT-2 on disk.
pub(crate) struct Pretrained {
    folder: PathBuf,
    weights: Mmap,
    config: Option<Gpt2Config>,
    tokenizer: CaptionTokenizer,
}

impl Pretrained {
    /// Opens the folder; nothing but the header of the weights is read yet.
    pub(crate) fn open(folder: &Path, stop: Stop) -> anyhow::Result<Self> {
        let unread = || format!("cannot use the decoder in `{}`", folder.display());
        ensure!(
            folder.is_dir(),
            "`{}` is no folder; `decoder.pretrained` is one with `{WEIGHTS}`, `{CONFIG}` and \
             `{TOKENIZER}`",
            folder.display()
        );
        let weights = mapped::map(&folder.join(WEIGHTS)).with_context(unread)?;
        let config = match read(folder, CONFIG)? {
            Some(json) => Some(Gpt2Config::from_json(&json).with_context(unread)?),
            None => None,
        };
        let tokenizer = tokenizer(folder).with_context(unread)?;
        let tokenizer = tokenizer.stopping_at(stop).with_context(unread)?;
        Ok(Self {
            folder: folder.to_owned(),
            weights,
            config,
            tokenizer,
        })
    }

    pub(crate) fn tokenizer(&self) -> &CaptionTokenizer {
        &self.tokenizer
    }

    /// Refuses a mapper that reads embeddings of another width than those of the space.
    pub(crate) fn check_width(&self, d_embed: usize) -> anyhow::Result<()> {
        match self.file()?.prefix() {
            Some(found) if found.d_embed != d_embed => bail!(
                "the mapper in `{}` reads embeddings of width {}, but those here have {d_embed}",
                self.folder.display(),
                found.d_embed,
            ),
            _ => Ok(()),
        }
    }

    /// The decoder, its mapper drawn from `seed` unless the file has one.
    pub(crate) fn decoder(
        &self,
        how: &Gpt2Use,
        seed: u64,
        device: &Device,
    ) -> anyhow::Result<PrefixDecoder> {
        let decoder = self.file()?.decoder(how, seed, device);
        decoder.with_context(|| self.unread())
    }

    fn file(&self) -> anyhow::Result<Gpt2File<'_>> {
        Gpt2File::open(&[&self.weights], self.config.clone()).with_context(|| self.unread())
    }

    fn unread(&self) -> String {
        format!("cannot use the decoder in `{}`", self.folder.display())
    }
}

/// The digest of everything that a run takes from the folder.
pub(crate) fn digest(folder: &Path) -> anyhow::Result<String> {
    let names = [WEIGHTS, CONFIG, TOKENIZER];
    let mut lines = String::new();
    for name in names.iter().chain(TOKENS.iter().flatten()) {
        let path = folder.join(name);
        if path.exists() {
            lines += &format!("{name} {}\n", hash::sha256_file(&path)?);
        }
    }
    Ok(hash::sha256(lines.as_bytes()))
}

fn tokenizer(folder: &Path) -> anyhow::Result<CaptionTokenizer> {
    if let Some(json) = read(folder, TOKENIZER)? {
        return Ok(CaptionTokenizer::from_json(&json)?);
    }
    for [vocabulary, merges] in TOKENS {
        if let (Some(vocabulary), Some(merges)) = (read(folder, vocabulary)?, read(folder, merges)?)
        {
            return Ok(CaptionTokenizer::gpt2(&vocabulary, &merges)?);
        }
    }
    bail!("there is neither `{TOKENIZER}` nor `vocab.json` with `merges.txt`")
}

/// A text of the folder, if it is there.
fn read(folder: &Path, name: &str) -> anyhow::Result<Option<String>> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path);
    Ok(Some(text.with_context(|| {
        format!("cannot read `{}`", path.display())
    })?))
}
