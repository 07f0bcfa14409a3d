//! The layouts in which C3's own code, ClipCap and CapDec keep embeddings.

use std::collections::HashMap;

use super::{PickleError, Value};

/// Embeddings of items and of their captions, as somebody saved them.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedEmbeddings {
    /// Which layout it was.
    pub layout: SavedLayout,
    /// Width of every embedding.
    pub width: usize,
    /// Name of each item: its file, or its number.
    pub names: Vec<String>,
    /// `[items * width]`
    pub items: Vec<f32>,
    /// The captions.
    pub captions: Vec<String>,
    /// The item that each caption belongs to.
    pub owners: Vec<usize>,
    /// `[captions * width]`; nothing if captions have no embeddings.
    pub texts: Option<Vec<f32>>,
}

/// Who saves embeddings so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedLayout {
    /// C3: maps `images` and `captions`, each entry with its `embed`.
    C3,
    /// ClipCap and CapDec: a table `clip_embedding`, and captions that name its rows.
    ClipCap,
    /// The ImageBind branch of C3: a list of rows with `x_embed` and `y_embed`.
    Rows,
}

impl SavedLayout {
    /// Recognises a layout; nothing if the value is something else.
    #[must_use]
    pub fn of(value: &Value<'_>) -> Option<Self> {
        if value.get("images").is_some() && value.get("captions").is_some() {
            return Some(Self::C3);
        }
        if value.get("clip_embedding").is_some() && value.get("captions").is_some() {
            return Some(Self::ClipCap);
        }
        let first = value.as_list()?.first()?;
        (first.get("x_embed").is_some() && first.get("y_embed").is_some()).then_some(Self::Rows)
    }

    /// Reads the embeddings of this layout.
    ///
    /// Precision is single, whatever it was. An item that stands there several times, once for
    /// each of its captions, is kept once: the first.
    ///
    /// # Errors
    ///
    /// [`PickleError::Entry`] names the entry that is not as the layout has it.
    pub fn read(self, value: &Value<'_>) -> Result<SavedEmbeddings, PickleError> {
        match self {
            Self::C3 => c3(value),
            Self::ClipCap => clipcap(value),
            Self::Rows => rows(value),
        }
    }
}

/// Rows of one width, as they come.
#[derive(Default)]
struct Table {
    width: usize,
    values: Vec<f32>,
}

impl Table {
    fn push(&mut self, value: Option<&Value<'_>>, entry: &str) -> Result<(), PickleError> {
        let tensor = value.and_then(Value::as_tensor);
        let tensor = tensor.ok_or_else(|| wrong(entry, "has no embedding"))?;
        let width = tensor.count();
        if self.width == 0 {
            self.width = width;
        }
        if width != self.width || width == 0 {
            return Err(wrong(entry, "has an embedding of another width"));
        }
        self.values.extend(tensor.floats()?);
        Ok(())
    }
}

/// Numbers for names, in the order in which they come.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    /// The number of a name, and whether it is new.
    fn place(&mut self, name: &str) -> (usize, bool) {
        if let Some(place) = self.places.get(name) {
            return (*place, false);
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        (place, true)
    }
}

fn c3(value: &Value<'_>) -> Result<SavedEmbeddings, PickleError> {
    let map = |name: &str| {
        let entries = value.get(name).and_then(Value::as_map);
        entries.ok_or_else(|| wrong(name, "is not a map"))
    };
    let (mut keys, mut names) = (Names::default(), Vec::new());
    let mut items = Table::default();
    for (key, image) in map("images")? {
        let key = spelt(key);
        let entry = format!("images/{key}");
        keys.place(&key);
        let path = image.get("img_path").and_then(Value::as_text);
        names.push(path.unwrap_or(&key).to_owned());
        items.push(image.get("embed"), &entry)?;
    }
    let (mut captions, mut owners) = (Vec::new(), Vec::new());
    let mut texts = Table {
        width: items.width,
        values: Vec::new(),
    };
    for (key, caption) in map("captions")? {
        let entry = format!("captions/{}", spelt(key));
        let image = caption.get("img_id").map(spelt).unwrap_or_default();
        let owner = keys.places.get(&image).copied();
        owners.push(owner.ok_or_else(|| wrong(&entry, "names an image that is not there"))?);
        captions.push(text(caption, "caption", &entry)?);
        texts.push(caption.get("embed"), &entry)?;
    }
    Ok(SavedEmbeddings {
        layout: SavedLayout::C3,
        width: items.width,
        names,
        items: items.values,
        captions,
        owners,
        texts: Some(texts.values),
    })
}

fn clipcap(value: &Value<'_>) -> Result<SavedEmbeddings, PickleError> {
    let (width, images) = table(value, "clip_embedding")?;
    let entries = value.get("captions").and_then(Value::as_list);
    let entries = entries.ok_or_else(|| wrong("captions", "is not a list"))?;
    let mut names = Names::default();
    let (mut items, mut captions, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        let place = format!("captions/{at}");
        let row = entry.get("clip_embedding").and_then(Value::as_integer);
        let row = row.and_then(|row| usize::try_from(row).ok());
        let row = row.and_then(|row| images.chunks_exact(width).nth(row));
        let row = row.ok_or_else(|| wrong(&place, "names a row that is not there"))?;
        let image = entry.get("image_id").map(spelt);
        let image = image.ok_or_else(|| wrong(&place, "has no `image_id`"))?;
        let (owner, is_new) = names.place(&image);
        if is_new {
            items.extend_from_slice(row);
        }
        owners.push(owner);
        captions.push(text(entry, "caption", &place)?);
    }
    let texts = match value.get("clip_embedding_text_dave") {
        None => None,
        Some(_) => {
            let name = "clip_embedding_text_dave";
            let (text_width, texts) = table(value, name)?;
            if text_width != width || texts.len() != captions.len() * width {
                return Err(wrong(name, "does not have one row for each caption"));
            }
            Some(texts)
        }
    };
    Ok(SavedEmbeddings {
        layout: SavedLayout::ClipCap,
        width,
        names: names.names,
        items,
        captions,
        owners,
        texts,
    })
}

fn rows(value: &Value<'_>) -> Result<SavedEmbeddings, PickleError> {
    let mut names = Names::default();
    let (mut items, mut texts) = (Table::default(), Table::default());
    let (mut captions, mut owners) = (Vec::new(), Vec::new());
    for (at, row) in value.as_list().unwrap_or_default().iter().enumerate() {
        let entry = format!("row {at}");
        let (owner, is_new) = names.place(&text(row, "x", &entry)?);
        if is_new {
            items.push(row.get("x_embed"), &entry)?;
            texts.width = items.width;
        }
        texts.push(row.get("y_embed"), &entry)?;
        owners.push(owner);
        captions.push(text(row, "y", &entry)?);
    }
    Ok(SavedEmbeddings {
        layout: SavedLayout::Rows,
        width: items.width,
        names: names.names,
        items: items.values,
        captions,
        owners,
        texts: Some(texts.values),
    })
}

/// A table of embeddings under a name: its width, and its numbers.
fn table(value: &Value<'_>, name: &str) -> Result<(usize, Vec<f32>), PickleError> {
    let tensor = value.get(name).and_then(Value::as_tensor);
    let tensor = tensor.ok_or_else(|| wrong(name, "is not a tensor"))?;
    match *tensor.shape() {
        [_, width] | [_, 1, width] if width > 0 => Ok((width, tensor.floats()?)),
        _ => Err(wrong(name, "is not a table of rows")),
    }
}

fn text(value: &Value<'_>, key: &'static str, entry: &str) -> Result<String, PickleError> {
    let text = value.get(key).and_then(Value::as_text);
    text.map(str::to_owned)
        .ok_or_else(|| wrong(entry, "has no text"))
}

fn spelt(key: &Value<'_>) -> String {
    match key {
        Value::Text(text) => text.to_string(),
        Value::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}

fn wrong(entry: &str, what: &'static str) -> PickleError {
    PickleError::Entry {
        entry: entry.to_owned(),
        what,
    }
}
