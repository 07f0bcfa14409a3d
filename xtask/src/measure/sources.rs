//! Files of embeddings that are open, each in its own format.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, ensure};
use c3_datasets::DatasetError;
use c3_datasets::vectors::{Matrix, npy, parquet, tensors};
use memmap2::Mmap;
use rayon::prelude::*;

use crate::mapped;

/// What the names of files of embeddings end in.
pub(super) const EXTENSIONS: [&str; 3] = ["npy", "safetensors", "parquet"];
/// Rows that one thread reads at once.
const ROWS_OF_A_TASK: usize = 256;

/// A file of embeddings.
pub(super) enum Source {
    /// NumPy or safetensors, in memory as far as anybody has looked at it.
    Mapped(Mmap),
    /// Columns of a Parquet file.
    Columns(Vec<parquet::Rows<File>>),
}

impl Source {
    /// Opens a file; columns are those of Parquet files.
    pub(super) fn open(path: &Path, columns: &[String]) -> anyhow::Result<Self> {
        if !ends_in(path, "parquet") {
            let bytes = mapped::map(path)?;
            // So that the system reads further ahead; where it takes no advice, nothing is lost.
            #[cfg(unix)]
            let _ = bytes.advise(memmap2::Advice::Sequential);
            return Ok(Self::Mapped(bytes));
        }
        let open = |column| -> anyhow::Result<parquet::Rows<File>> {
            Ok(parquet::open(File::open(path)?, column)?)
        };
        let rows = match columns {
            [] => open(None).map(|rows| vec![rows]),
            named => named.iter().map(|name| open(Some(name))).collect(),
        };
        rows.map(Self::Columns)
            .with_context(|| format!("cannot read `{}`", path.display()))
    }

    /// One table, or one for each modality.
    pub(super) fn tables(&self, path: &Path) -> anyhow::Result<Vec<Table<'_>>> {
        match self {
            Self::Mapped(bytes) => Ok(matrices(path, bytes)?
                .into_iter()
                .map(Table::Mapped)
                .collect()),
            Self::Columns(columns) => Ok(columns.iter().map(Table::Column).collect()),
        }
    }
}

/// Rows of one width, wherever they lie.
#[derive(Clone, Copy)]
pub(super) enum Table<'a> {
    Mapped(Matrix<'a>),
    Column(&'a parquet::Rows<File>),
}

impl Table<'_> {
    pub(super) fn n_rows(&self) -> usize {
        match self {
            Self::Mapped(matrix) => matrix.n_rows(),
            Self::Column(rows) => rows.n_rows(),
        }
    }

    pub(super) fn n_columns(&self) -> usize {
        match self {
            Self::Mapped(matrix) => matrix.n_columns(),
            Self::Column(rows) => rows.n_columns(),
        }
    }

    /// Whether going back would mean to begin anew.
    pub(super) fn is_read_in_order(&self) -> bool {
        matches!(self, Self::Column(_))
    }

    /// Fills `into` with rows from `first` on, on all threads where rows lie apart.
    pub(super) fn read(&self, first: usize, into: &mut [f32]) -> Result<(), DatasetError> {
        match self {
            Self::Mapped(matrix) => {
                let parts = into.par_chunks_mut(ROWS_OF_A_TASK * matrix.n_columns());
                parts
                    .enumerate()
                    .for_each(|(at, part)| matrix.read(first + at * ROWS_OF_A_TASK, part));
                Ok(())
            }
            Self::Column(rows) => rows.read(first, into),
        }
    }
}

/// Whether the name of a file ends so.
pub(super) fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn matrices<'a>(path: &Path, bytes: &'a [u8]) -> anyhow::Result<Vec<Matrix<'a>>> {
    if !ends_in(path, "safetensors") {
        return Ok(npy::parse(bytes)?.matrices()?);
    }
    let tables = tensors::parse(bytes)?;
    let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(
        tables.len() < 3,
        "it holds {} tables: `{}`; expected one, or one for each modality",
        tables.len(),
        names.join("`, `")
    );
    let mut found = Vec::new();
    for (_, numbers) in &tables {
        found.extend(numbers.matrices()?);
    }
    Ok(found)
}
