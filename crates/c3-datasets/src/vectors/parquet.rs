//! Parquet files: columns of lists of numbers, read a few rows at a time.
//!
//! ```no_run
//! # use c3_datasets::vectors::parquet;
//! let file = std::fs::File::open("shard.parquet").expect("it is there");
//! let rows = parquet::open(file, Some("embedding"))?;
//! let mut first = vec![0.0; rows.n_columns()];
//! rows.read(0, &mut first)?;
//! # Ok::<_, c3_datasets::DatasetError>(())
//! ```

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use half::f16;
use parquet::basic::{LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::Kind;
use crate::DatasetError;

mod metadata;

pub use metadata::{CAPTION_COLUMN, ITEM_COLUMNS, captions, items};

/// Rows of which the numbers are decoded at once.
const ROWS_AT_ONCE: usize = 1024;

/// Opens a column of vectors: lists of f16, f32 or f64, all of one length.
///
/// Without a name it is the only such column. Rows are read page by page, so memory does not
/// grow with the file.
///
/// # Errors
///
/// [`DatasetError::NotParquet`], [`DatasetError::VectorColumn`] if there is no such column or no
/// single one, [`DatasetError::Empty`] without rows.
pub fn open<R>(source: R, column: Option<&str>) -> Result<Rows<R>, DatasetError>
where
    R: ChunkReader + 'static,
{
    let reader = reader(source)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let lists = columns.iter().enumerate().filter_map(|(leaf, column)| {
        let kind = kind_of(column)?;
        Some((leaf, kind, name_of(column)))
    });
    let lists: Vec<(usize, Kind, String)> = lists.collect();
    let fitting = lists
        .iter()
        .filter(|(_, _, name)| column.is_none_or(|wanted| wanted == name));
    let (leaf, kind, name) = match fitting.collect::<Vec<_>>()[..] {
        [found] => found.clone(),
        _ => {
            return Err(DatasetError::VectorColumn {
                wanted: column.map(str::to_owned),
                found: lists.into_iter().map(|(_, _, name)| name).collect(),
            });
        }
    };
    let deepest = columns[leaf].max_def_level();
    let mut rows = Rows {
        deepest,
        groups: groups(reader.metadata())?,
        reader,
        leaf,
        kind,
        name,
        width: 0,
        cursor: Mutex::new(None),
    };
    rows.width = rows.first_width()?;
    Ok(rows)
}

/// How many rows a file has.
///
/// # Errors
///
/// [`DatasetError::NotParquet`].
pub fn count<R>(source: R) -> Result<usize, DatasetError>
where
    R: ChunkReader + 'static,
{
    Ok(n_rows(&groups(reader(source)?.metadata())?))
}

/// Rows of one width in a column.
pub struct Rows<R: ChunkReader> {
    reader: SerializedFileReader<R>,
    /// The rows of each group.
    groups: Vec<Range<usize>>,
    leaf: usize,
    /// The level of a number that is there.
    deepest: i16,
    kind: Kind,
    name: String,
    width: usize,
    cursor: Mutex<Option<Cursor>>,
}

/// Where the last read ended.
struct Cursor {
    /// Rows of the group that are still to come.
    rest: Range<usize>,
    column: ColumnReader,
}

impl<R: ChunkReader + 'static> Rows<R> {
    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        n_rows(&self.groups)
    }

    /// Width of a row.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.width
    }

    /// How the numbers are stored.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Reads whole rows from `first` on, as many as there is room for.
    ///
    /// Going forwards is fast; going back begins the group of rows again.
    ///
    /// # Errors
    ///
    /// [`DatasetError::RaggedColumn`] if a row has another width or a null,
    /// [`DatasetError::FewerRows`], [`DatasetError::NotParquet`].
    pub fn read(&self, first: usize, into: &mut [f32]) -> Result<(), DatasetError> {
        let mut cursor = self.cursor.lock().map_err(|_| fewer(self, first))?;
        let mut row = first;
        for into in into.chunks_mut(ROWS_AT_ONCE * self.width) {
            let mut into = into;
            while !into.is_empty() {
                let mut here = self.seek(cursor.take(), row)?;
                let rows = here.rest.len().min(into.len() / self.width);
                let part;
                (part, into) = into.split_at_mut(rows * self.width);
                self.decode(&mut here, part)?;
                row += rows;
                *cursor = Some(here);
            }
        }
        Ok(())
    }

    /// A cursor that stands at a row, and has at least that one to give.
    fn seek(&self, cursor: Option<Cursor>, row: usize) -> Result<Cursor, DatasetError> {
        let group = self.groups.iter().position(|rows| rows.contains(&row));
        let group = group.ok_or_else(|| fewer(self, row))?;
        let ahead = cursor.filter(|here| here.rest.contains(&row));
        let mut here = match ahead {
            Some(here) => here,
            None => Cursor {
                rest: self.groups[group].clone(),
                column: column(&self.reader, group, self.leaf)?,
            },
        };
        let ahead = row - here.rest.start;
        let skipped = parsed(|| skip(&mut here.column, ahead))?;
        if skipped != ahead {
            return Err(fewer(self, here.rest.start + skipped));
        }
        here.rest.start = row;
        Ok(here)
    }

    fn decode(&self, cursor: &mut Cursor, into: &mut [f32]) -> Result<(), DatasetError> {
        let rows = into.len() / self.width;
        let lists = parsed(|| lists(&mut cursor.column, rows, self.deepest))?;
        let first = cursor.rest.start;
        for (at, found) in lists.lengths.iter().enumerate() {
            if *found != self.width {
                return Err(DatasetError::RaggedColumn {
                    column: self.name.clone(),
                    row: first + at,
                    found: *found,
                    width: self.width,
                });
            }
        }
        if lists.lengths.len() != rows || lists.values.len() != into.len() {
            return Err(fewer(self, first + lists.lengths.len()));
        }
        into.copy_from_slice(&lists.values);
        cursor.rest.start += rows;
        Ok(())
    }

    fn first_width(&self) -> Result<usize, DatasetError> {
        let empty = DatasetError::Empty { expected: "vector" };
        let Some(group) = self.groups.iter().position(|rows| !rows.is_empty()) else {
            return Err(empty);
        };
        let mut column = column(&self.reader, group, self.leaf)?;
        let lists = parsed(|| lists(&mut column, 1, self.deepest))?;
        match lists.lengths.first() {
            Some(width) if *width > 0 => Ok(*width),
            _ => Err(empty),
        }
    }
}

fn reader<R: ChunkReader + 'static>(source: R) -> Result<SerializedFileReader<R>, DatasetError> {
    let size = source.len();
    let reader = parsed(|| SerializedFileReader::new(source))?;
    let groups = reader.metadata().row_groups().iter();
    match groups
        .flat_map(|group| group.columns())
        .all(|column| lies_within(column, size))
    {
        true => Ok(reader),
        false => Err(broken("a column lies outside of the file")),
    }
}

/// Whether a file of so many bytes has room for a column: the parser takes it for granted.
fn lies_within(column: &ColumnChunkMetaData, size: u64) -> bool {
    let start = column
        .dictionary_page_offset()
        .unwrap_or(column.data_page_offset());
    let end = start.checked_add(column.compressed_size());
    let end = end.and_then(|end| u64::try_from(end).ok());
    start >= 0 && column.compressed_size() >= 0 && end.is_some_and(|end| end <= size)
}

/// Some broken files make the parser panic; here they are as broken as any other.
fn parsed<T>(parse: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, DatasetError> {
    match catch_unwind(AssertUnwindSafe(parse)) {
        Ok(found) => found.map_err(not_parquet),
        Err(_) => Err(broken("the parser gave up")),
    }
}

fn broken(what: &str) -> DatasetError {
    not_parquet(ParquetError::General(what.to_owned()))
}

fn not_parquet(source: ParquetError) -> DatasetError {
    DatasetError::NotParquet { source }
}

fn fewer<R: ChunkReader + 'static>(rows: &Rows<R>, row: usize) -> DatasetError {
    let promised = rows.n_rows();
    DatasetError::FewerRows { promised, row }
}

fn n_rows(groups: &[Range<usize>]) -> usize {
    groups.last().map_or(0, |rows| rows.end)
}

/// The rows of each group.
fn groups(metadata: &ParquetMetaData) -> Result<Vec<Range<usize>>, DatasetError> {
    let mut groups = Vec::new();
    let mut start = 0_usize;
    for group in metadata.row_groups() {
        let end = usize::try_from(group.num_rows())
            .ok()
            .and_then(|rows| start.checked_add(rows));
        let end =
            end.ok_or_else(|| not_parquet(ParquetError::General("rows below zero".into())))?;
        groups.push(start..end);
        start = end;
    }
    Ok(groups)
}

fn column<R: ChunkReader + 'static>(
    reader: &SerializedFileReader<R>,
    group: usize,
    leaf: usize,
) -> Result<ColumnReader, DatasetError> {
    parsed(|| reader.get_row_group(group)?.get_column_reader(leaf))
}

/// How the numbers of a list are stored, if the column is a list of numbers.
fn kind_of(column: &ColumnDescriptor) -> Option<Kind> {
    let half = column.logical_type_ref() == Some(&LogicalType::Float16);
    let kind = match column.physical_type() {
        Type::FLOAT => Kind::F32,
        Type::DOUBLE => Kind::F64,
        Type::FIXED_LEN_BYTE_ARRAY if half => Kind::F16,
        _ => return None,
    };
    (column.max_rep_level() == 1).then_some(kind)
}

/// The name of a list without the two levels that Parquet puts below it.
fn name_of(column: &ColumnDescriptor) -> String {
    let parts = column.path().parts();
    parts[..parts.len().saturating_sub(2).max(1)].join(".")
}

/// Some rows of a column: their numbers, and how many each has.
#[derive(Default)]
struct Lists {
    values: Vec<f32>,
    lengths: Vec<usize>,
}

/// Reads some rows of a column in which numbers are so deep.
fn lists(column: &mut ColumnReader, rows: usize, deepest: i16) -> Result<Lists, ParquetError> {
    let rows = (rows, deepest);
    match column {
        ColumnReader::FloatColumnReader(column) => lists_of(column, rows, |value| *value),
        ColumnReader::DoubleColumnReader(column) => lists_of(column, rows, |value| *value as f32),
        ColumnReader::FixedLenByteArrayColumnReader(column) => lists_of(column, rows, |value| {
            let bytes = value.data().try_into().unwrap_or_default();
            f16::from_le_bytes(bytes).to_f32()
        }),
        _ => Ok(Lists::default()),
    }
}

fn lists_of<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    (rows, deepest): (usize, i16),
    number: impl Fn(&T::T) -> f32,
) -> Result<Lists, ParquetError> {
    let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
    column.read_records(rows, Some(&mut defined), Some(&mut repeated), &mut values)?;
    let mut lengths: Vec<usize> = Vec::with_capacity(rows);
    for (at, repeated) in repeated.iter().enumerate() {
        if *repeated == 0 {
            lengths.push(0);
        }
        // What is null, or an empty list, is less deep.
        let there = defined.get(at).is_none_or(|level| *level == deepest);
        if let Some(length) = lengths.last_mut() {
            *length += usize::from(there);
        }
    }
    let values = values.iter().map(number).collect();
    Ok(Lists { values, lengths })
}

fn skip(column: &mut ColumnReader, rows: usize) -> Result<usize, ParquetError> {
    match column {
        ColumnReader::FloatColumnReader(column) => column.skip_records(rows),
        ColumnReader::DoubleColumnReader(column) => column.skip_records(rows),
        ColumnReader::FixedLenByteArrayColumnReader(column) => column.skip_records(rows),
        _ => Ok(0),
    }
}
