//! What clip-retrieval writes of its rows: texts in columns.

use std::hash::{DefaultHasher, Hash, Hasher};

use parquet::basic::Type;
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{ChunkReader, FileReader};

use super::{ROWS_AT_ONCE, column, groups, n_rows, parsed, reader};
use crate::DatasetError;

/// Columns by which clip-retrieval tells its items apart: the first that a file has counts.
pub const ITEM_COLUMNS: [&str; 3] = ["image_path", "url", "key"];
/// Its column of captions.
pub const CAPTION_COLUMN: &str = "caption";

/// Which rows of a file of metadata are of one item: a number for each row, the same for rows
/// that have the same text in the first of [`ITEM_COLUMNS`] there is; none for a row without.
///
/// Nothing is returned if the file has no such column.
///
/// # Errors
///
/// [`DatasetError::NotParquet`], [`DatasetError::FewerRows`].
pub fn items<R>(source: R) -> Result<Option<Vec<Option<u64>>>, DatasetError>
where
    R: ChunkReader + 'static,
{
    let mut items = Vec::new();
    let found = each_text(source, &ITEM_COLUMNS, |_, text| {
        items.push(text.map(|bytes| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            hasher.finish()
        }));
        Ok(())
    })?;
    Ok(found.then_some(items))
}

/// The captions of some rows of a file of metadata, which are given in rising order.
///
/// # Errors
///
/// [`DatasetError::TextColumn`] if there is no column of texts called [`CAPTION_COLUMN`],
/// [`DatasetError::NoText`] if one of the rows has none, [`DatasetError::FewerRows`],
/// [`DatasetError::NotParquet`].
///
/// # Panics
///
/// If the rows are not in order, or the file counts fewer ([`count`](super::count)).
pub fn captions<R>(source: R, rows: &[usize]) -> Result<Vec<String>, DatasetError>
where
    R: ChunkReader + 'static,
{
    let mut captions = Vec::with_capacity(rows.len());
    let column = CAPTION_COLUMN;
    let found = each_text(source, &[column], |row, bytes| {
        if rows.get(captions.len()) != Some(&row) {
            return Ok(());
        }
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or(DatasetError::NoText { column, row })?;
        captions.push(text.to_owned());
        Ok(())
    })?;
    if !found {
        return Err(DatasetError::TextColumn { column });
    }
    assert_eq!(captions.len(), rows.len(), "rows of the file, in order");
    Ok(captions)
}

/// Shows every row of the first of some columns of texts that there is; whether there is one.
fn each_text<R, F>(source: R, names: &[&str], mut take: F) -> Result<bool, DatasetError>
where
    R: ChunkReader + 'static,
    F: FnMut(usize, Option<&[u8]>) -> Result<(), DatasetError>,
{
    let reader = reader(source)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let text = |name: &&str| {
        columns.iter().position(|column| {
            column.path().parts() == [*name]
                && column.physical_type() == Type::BYTE_ARRAY
                && column.max_rep_level() == 0
        })
    };
    let Some(leaf) = names.iter().find_map(text) else {
        return Ok(false);
    };
    let deepest = columns[leaf].max_def_level();
    let groups = groups(reader.metadata())?;
    for (group, rows) in groups.iter().enumerate() {
        let ColumnReader::ByteArrayColumnReader(mut column) = column(&reader, group, leaf)? else {
            return Ok(false);
        };
        for start in rows.clone().step_by(ROWS_AT_ONCE) {
            let wanted = ROWS_AT_ONCE.min(rows.end - start);
            let (mut defined, mut values) = (Vec::new(), Vec::new());
            let read =
                parsed(|| column.read_records(wanted, Some(&mut defined), None, &mut values))?.0;
            let mut values = values.iter();
            for at in 0..read {
                let there = defined.get(at).is_none_or(|level| *level == deepest);
                let value = there.then(|| values.next()).flatten();
                take(start + at, value.map(|value| value.data()))?;
            }
            if read != wanted {
                let (promised, row) = (n_rows(&groups), start + read);
                return Err(DatasetError::FewerRows { promised, row });
            }
        }
    }
    Ok(true)
}
