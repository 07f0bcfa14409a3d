//! Embeddings of a run on disk, each row with what it is the embedding of.
//!
//! A safetensors file: `embeddings` f32 `[n, d]`; the names or texts of the rows
//! as UTF-8 `texts` u8 `[bytes]`, row `i` from `offsets[i]` to `offsets[i + 1]`
//! (u64 `[n + 1]`); for captions `owners` u64 `[n]`.

use std::collections::BTreeMap;
use std::path::Path;

use c3_geometry::Embeddings;
use serde::{Deserialize, Serialize};

use crate::ArtifactError;
use crate::document::{self, Document};
use crate::tensors::{self, Tensor, TensorFile};

const ADVICE: &str = "run the step that writes it first (`encode` or `connect`)";

/// What the rows of an [`EmbeddingSet`] are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Pictures, sounds or clips, by name.
    Items {
        /// Name of each row.
        names: Vec<String>,
    },
    /// Captions of items.
    Captions {
        /// Text of each row.
        texts: Vec<String>,
        /// Row of the item each belongs to, in the set of items of the same split.
        owners: Vec<usize>,
    },
    /// Sentences that belong to no item.
    Sentences {
        /// Text of each row.
        texts: Vec<String>,
    },
}

impl Rows {
    /// Names of items, texts of captions and sentences.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::Items { names } => names,
            Self::Captions { texts, .. } | Self::Sentences { texts } => texts,
        }
    }
}

/// Embeddings, the meaning of their rows, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingSet {
    embeddings: Embeddings,
    rows: Rows,
    origin: BTreeMap<String, String>,
}

impl EmbeddingSet {
    /// Ties `embeddings` to their `rows`.
    ///
    /// `origin` says what made them, such as the encoder, the split and the
    /// digest of the weights; it is kept as it is.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::RowCount`] if the numbers of rows differ.
    pub fn new(
        embeddings: Embeddings,
        rows: Rows,
        origin: BTreeMap<String, String>,
    ) -> Result<Self, ArtifactError> {
        let count = |rows, what| match rows == embeddings.len() {
            true => Ok(()),
            false => Err(ArtifactError::RowCount {
                embeddings: embeddings.len(),
                rows,
                what,
            }),
        };
        match &rows {
            Rows::Items { names } => count(names.len(), "names")?,
            Rows::Sentences { texts } => count(texts.len(), "sentences")?,
            Rows::Captions { texts, owners } => {
                count(texts.len(), "captions")?;
                count(owners.len(), "owners")?;
            }
        }
        Ok(Self {
            embeddings,
            rows,
            origin,
        })
    }

    /// The embeddings and the meaning of their rows, without a copy.
    pub fn into_parts(self) -> (Embeddings, Rows) {
        (self.embeddings, self.rows)
    }

    /// `[n, d]`.
    pub fn embeddings(&self) -> &Embeddings {
        &self.embeddings
    }

    /// What the rows are.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What made the embeddings.
    pub fn origin(&self) -> &BTreeMap<String, String> {
        &self.origin
    }

    /// Checks that every caption belongs to one of `items` rows.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Owner`] for the first that does not.
    pub fn check_owners(&self, items: usize) -> Result<(), ArtifactError> {
        let Rows::Captions { owners, .. } = &self.rows else {
            return Ok(());
        };
        match owners.iter().position(|&owner| owner >= items) {
            None => Ok(()),
            Some(row) => Err(ArtifactError::Owner {
                row,
                owner: owners[row],
                items,
            }),
        }
    }

    /// Writes the set under `path`, all or nothing.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let shape = [self.embeddings.len(), self.embeddings.dim()];
        let texts: String = self.rows.texts().concat();
        let offsets = offsets(self.rows.texts());
        let mut file = vec![
            (
                "embeddings".to_owned(),
                Tensor::f32(self.embeddings.as_slice(), &shape),
            ),
            ("offsets".to_owned(), Tensor::u64(&offsets)),
            ("texts".to_owned(), Tensor::u8(texts.as_bytes())),
        ];
        if let Rows::Captions { owners, .. } = &self.rows {
            let owners: Vec<u64> = owners.iter().map(|&owner| owner as u64).collect();
            file.push(("owners".to_owned(), Tensor::u64(&owners)));
        }
        let tag = Tag {
            rows: RowKind::of(&self.rows),
            origin: self.origin.clone(),
        };
        tensors::write(path, &tag, file)
    }

    /// Reads a set that [`EmbeddingSet::write`] wrote.
    ///
    /// # Errors
    ///
    /// What is wrong with the file: not there, not ours, of another version, cut
    /// off, a tensor missing or misshapen, texts that are not UTF-8, values that
    /// are not finite.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let bytes = document::read_bytes(path, ADVICE)?;
        let (file, tag) = TensorFile::parse::<Tag>(path, &bytes)?;
        let (values, [_, columns]) = file.matrix("embeddings")?;
        let embeddings = Embeddings::new(values, columns);
        let embeddings = embeddings.map_err(|source| ArtifactError::Embeddings {
            path: path.to_owned(),
            source,
        })?;
        let texts = split_texts(file.bytes("texts")?, &file.integers("offsets")?);
        let texts = texts.map_err(|row| ArtifactError::Texts {
            path: path.to_owned(),
            row,
        })?;
        let rows = match tag.rows {
            RowKind::Items => Rows::Items { names: texts },
            RowKind::Sentences => Rows::Sentences { texts },
            RowKind::Captions => {
                let owners = file.integers("owners")?;
                let owners = owners.into_iter().map(|owner| owner as usize).collect();
                Rows::Captions { texts, owners }
            }
        };
        Self::new(embeddings, rows, tag.origin)
    }
}

#[derive(Serialize, Deserialize)]
struct Tag {
    rows: RowKind,
    origin: BTreeMap<String, String>,
}

impl Document for Tag {
    const FORMAT: &'static str = "c3-embeddings";
    const VERSION: u32 = 1;
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RowKind {
    Items,
    Captions,
    Sentences,
}

impl RowKind {
    fn of(rows: &Rows) -> Self {
        match rows {
            Rows::Items { .. } => Self::Items,
            Rows::Captions { .. } => Self::Captions,
            Rows::Sentences { .. } => Self::Sentences,
        }
    }
}

fn offsets(texts: &[String]) -> Vec<u64> {
    let ends = texts.iter().scan(0, |end, text| {
        *end += text.len() as u64;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

/// Cuts `bytes` at `offsets`; the error is the first row that cannot be cut.
fn split_texts(bytes: &[u8], offsets: &[u64]) -> Result<Vec<String>, usize> {
    let whole = offsets.first() == Some(&0) && offsets.last() == Some(&(bytes.len() as u64));
    let texts = offsets.windows(2).enumerate().map(|(row, ends)| {
        let range = usize::try_from(ends[0]).ok()..usize::try_from(ends[1]).ok();
        let text = bytes.get(range.start?..range.end?)?;
        Some((row, std::str::from_utf8(text).ok()?.to_owned()))
    });
    let mut cut = Vec::with_capacity(offsets.len());
    for (row, text) in texts.enumerate() {
        cut.push(text.ok_or(row)?.1);
    }
    match whole {
        true => Ok(cut),
        false => Err(cut.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_another_number_are_refused() {
        let embeddings = Embeddings::new(vec![0.0, 1.0, 2.0, 3.0], 2).unwrap();
        let names = vec!["a".to_owned()];
        let set = EmbeddingSet::new(embeddings, Rows::Items { names }, BTreeMap::new());
        let error = set.unwrap_err().to_string();
        assert_eq!(
            error,
            "2 embeddings cannot carry 1 names; expected one each"
        );
    }

    #[test]
    fn texts_are_cut_where_they_were_joined() {
        let texts = ["a", "", "élan"].map(str::to_owned);
        let cut = split_texts(texts.concat().as_bytes(), &offsets(&texts));
        assert_eq!(cut.unwrap(), texts);
    }

    #[test]
    fn damaged_offsets_name_their_row() {
        let bytes = "aé".as_bytes(); // 3 bytes
        assert_eq!(split_texts(bytes, &[0, 2, 3]), Err(0)); // inside the second letter
        assert_eq!(split_texts(bytes, &[0, 1, 9]), Err(1)); // past the end
        assert_eq!(split_texts(bytes, &[0, 3, 1]), Err(1)); // backwards
        assert_eq!(split_texts(bytes, &[0, 1]), Err(1)); // bytes left over
        assert_eq!(split_texts(bytes, &[]), Err(0));
    }
}
