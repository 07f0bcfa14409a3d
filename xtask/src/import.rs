//! Step `import`: other people's pickles and checkpoints, read without running them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use c3_artifacts::{EmbeddingSet, Rows, atomic, hash};
use c3_datasets::pickle::{self, SavedEmbeddings, SavedLayout, Tensor, Value};
use c3_geometry::Embeddings;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use safetensors::View;

use crate::mapped;

/// Rows of the table; a model has hundreds of tensors.
const SHOWN: usize = 20;

/// Turns a pickle or a checkpoint of PyTorch into safetensors, without running it.
///
/// Reads `.pkl`, `.pt`, `.pth`, `.bin` and `.ckpt` files: state dictionaries, TorchScript
/// archives, means, and the embeddings that C3, ClipCap and CapDec save. Only tensors, numbers,
/// strings, lists and maps are built; a file that asks for anything else is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file to read.
    file: PathBuf,
    /// Where to write: a `.safetensors` file for tensors, a folder for embeddings. Beside the
    /// file, and named after it, unless said otherwise.
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Take what lies under this key alone, such as `state_dict`; levels are joined by points.
    #[arg(long, value_name = "KEY")]
    under: Option<String>,
    /// Only say what the file holds.
    #[arg(long)]
    list: bool,
}

impl Import {
    /// Reads the file, says what is in it, and writes it anew.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let bytes = mapped::map(&self.file)?;
        let unread = || format!("cannot import `{}`", self.file.display());
        let whole = pickle::read(&bytes).with_context(unread)?;
        let value = match &self.under {
            Some(keys) => below(&whole, keys).with_context(unread)?,
            None => &whole,
        };
        match SavedLayout::of(value) {
            Some(layout) => {
                let saved = layout.read(value).with_context(unread)?;
                self.embeddings(saved)
            }
            None => self.weights(value).with_context(unread),
        }
    }

    fn embeddings(&self, saved: SavedEmbeddings) -> anyhow::Result<()> {
        let folder = self.target("")?;
        println!("{}", saved_table(&saved));
        if self.list {
            return Ok(());
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let origin = BTreeMap::from([
            ("file".to_owned(), self.file.display().to_string()),
            ("sha256".to_owned(), hash::sha256_file(&self.file)?),
        ]);
        let items = Embeddings::new(saved.items, saved.width).context("the items")?;
        let names = saved.names;
        let path = folder.join("items.safetensors");
        EmbeddingSet::new(items, Rows::Items { names }, origin.clone())?.write(&path)?;
        println!("wrote `{}`", path.display());
        let Some(texts) = saved.texts else {
            println!("the captions have no embeddings: encode them with the text tower");
            return Ok(());
        };
        let texts = Embeddings::new(texts, saved.width).context("the captions")?;
        let rows = Rows::Captions {
            texts: saved.captions,
            owners: saved.owners,
        };
        let path = folder.join("captions.safetensors");
        EmbeddingSet::new(texts, rows, origin)?.write(&path)?;
        println!("wrote `{}`", path.display());
        Ok(())
    }

    fn weights(&self, value: &Value<'_>) -> anyhow::Result<()> {
        let weights = match &self.under {
            None => pickle::state_dict(value),
            Some(_) => value,
        };
        let others = entries(value)
            .filter(|(_, other)| !std::ptr::eq(weights, value) && !std::ptr::eq(weights, *other));
        let left_out: Vec<&str> = others.map(|(key, _)| key).take(SHOWN).collect();
        let tensors = pickle::tensors(weights);
        ensure!(!tensors.is_empty(), "it holds no tensor");
        let path = self.target("safetensors")?;
        println!("{}", tensor_table(&tensors));
        if !left_out.is_empty() {
            let left_out = left_out.join("`, `");
            println!("took the weights alone; left out: `{left_out}`");
        }
        if self.list {
            return Ok(());
        }
        write(&path, &tensors)?;
        println!("wrote `{}`", path.display());
        Ok(())
    }

    /// Where to write, which must not be there yet.
    fn target(&self, extension: &str) -> anyhow::Result<PathBuf> {
        let path = match &self.out {
            Some(path) => path.clone(),
            None => self.file.with_extension(extension),
        };
        ensure!(
            self.list || !path.exists(),
            "`{}` is there already; name another place with --out",
            path.display()
        );
        Ok(path)
    }
}

/// What lies under keys that are joined by points.
fn below<'v, 'a>(value: &'v Value<'a>, path: &str) -> anyhow::Result<&'v Value<'a>> {
    path.split('.').try_fold(value, |value, key| {
        let Some(inner) = value.get(key) else {
            let found: Vec<&str> = entries(value).map(|(key, _)| key).take(SHOWN).collect();
            bail!("there is no `{key}`; there is `{}`", found.join("`, `"));
        };
        Ok(inner)
    })
}

/// What a map holds under texts.
fn entries<'v, 'a>(value: &'v Value<'a>) -> impl Iterator<Item = (&'v str, &'v Value<'a>)> {
    let entries = value.as_map().unwrap_or_default().iter();
    entries.filter_map(|(key, value)| Some((key.as_text()?, value)))
}

fn write(path: &Path, tensors: &[(String, Arc<Tensor<'_>>)]) -> anyhow::Result<()> {
    for (at, (name, _)) in tensors.iter().enumerate() {
        let twice = tensors[..at].iter().any(|(other, _)| other == name);
        ensure!(!twice, "it holds two tensors of the name `{name}`");
    }
    let views = tensors.iter().map(|(name, tensor)| (name, Saved(tensor)));
    let bytes = safetensors::serialize(views, None)?;
    Ok(atomic::write(path, &bytes)?)
}

/// What a model holds, tensor by tensor.
fn tensor_table(tensors: &[(String, Arc<Tensor<'_>>)]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_header(["tensor", "kind", "shape"]);
    for (name, tensor) in tensors.iter().take(SHOWN) {
        let kind = format!("{:?}", tensor.dtype()).to_lowercase();
        table.add_row([name.clone(), kind, format!("{:?}", tensor.shape())]);
    }
    let numbers: usize = tensors.iter().map(|(_, tensor)| tensor.count()).sum();
    let rest = match tensors.len().saturating_sub(SHOWN) {
        0 if tensors.len() == 1 => "1 tensor".to_owned(),
        0 => format!("{} tensors", tensors.len()),
        rest => format!("and {rest} more: {} tensors", tensors.len()),
    };
    table.add_row([rest, String::new(), format!("{numbers} numbers")]);
    table
}

/// What a file of embeddings holds.
fn saved_table(saved: &SavedEmbeddings) -> Table {
    let layout = match saved.layout {
        SavedLayout::C3 => "C3, `images` and `captions`",
        SavedLayout::ClipCap => "ClipCap or CapDec, `clip_embedding` and `captions`",
        SavedLayout::Rows => "rows of `x_embed` and `y_embed`",
    };
    let embedded = match saved.texts {
        Some(_) => "with embeddings",
        None => "without embeddings",
    };
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.add_row(["layout", layout]);
    table.add_row(["width", &saved.width.to_string()]);
    table.add_row(["items", &saved.names.len().to_string()]);
    table.add_row(["captions", &format!("{}, {embedded}", saved.captions.len())]);
    if let (Some(name), Some(caption)) = (saved.names.first(), saved.captions.first()) {
        table.add_row(["first item", name]);
        table.add_row(["first caption", caption]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    table
}

/// A tensor on its way into a safetensors file.
struct Saved<'t, 'a>(&'t Tensor<'a>);

impl View for Saved<'_, '_> {
    fn dtype(&self) -> safetensors::Dtype {
        self.0.dtype().into()
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.0.bytes()
    }

    fn data_len(&self) -> usize {
        self.0.count() * self.0.dtype().size()
    }
}
