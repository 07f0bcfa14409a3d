//! The zip archive that `torch.save` and `torch.jit.save` write.
//!
//! `NAME/data.pkl` is the pickle, `NAME/data/KEY` the numbers of each storage, stored as they
//! are. Names of an archive are looked up, never used as paths.

use std::collections::HashMap;
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::machine::{self, Trust};
use super::{Bytes, PickleError, Value};

/// Entries of any archive; a model of a thousand tensors has a thousand.
const MOST_ENTRIES: usize = 100_000;

pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads an archive.
pub(super) fn read(bytes: &[u8]) -> Result<Value<'_>, PickleError> {
    let entries = entries(bytes)?;
    let mut pickles = entries.keys().filter_map(|name| {
        let root = name.strip_suffix("data.pkl")?;
        (root.is_empty() || root.ends_with('/')).then_some(root)
    });
    let (Some(root), None) = (pickles.next(), pickles.next()) else {
        let what = "does not hold one `data.pkl`";
        return Err(PickleError::NotTorch { what });
    };
    let stored = |name: &str| match entries.get(&format!("{root}{name}")) {
        Some(Some(bytes)) => Ok(Some(*bytes)),
        // A small entry may become a huge one, and PyTorch compresses none of its numbers.
        Some(None) => Err(PickleError::NotTorch {
            what: "has numbers that are compressed",
        }),
        None => Ok(None),
    };
    if stored("byteorder")?.is_some_and(|order| order != b"little") {
        let kind = "archive of a big-endian machine".to_owned();
        return Err(PickleError::Kind { kind });
    }
    let pickle = stored("data.pkl")?.unwrap_or_default();
    let loaded = machine::run(pickle, Trust::ARCHIVE)?;
    loaded.arena.value(loaded.root, |key| {
        let found = stored(&format!("data/{key}"))?;
        let key = key.to_owned();
        found.map(Bytes::File).ok_or(PickleError::Storage { key })
    })
}

/// Every entry by name, as it lies in the archive; nothing for one that is compressed.
fn entries(bytes: &[u8]) -> Result<HashMap<String, Option<&[u8]>>, PickleError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    if archive.len() > MOST_ENTRIES || archive.has_duplicate_names() {
        let what = "holds a name twice, or too many of them";
        return Err(PickleError::NotTorch { what });
    }
    let mut entries = HashMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let plain = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
        let place = entry.data_start().zip(usize::try_from(entry.size()).ok());
        let within = place.and_then(|(start, size)| {
            let start = usize::try_from(start).ok()?;
            bytes.get(start..start.checked_add(size)?)
        });
        let within = match (plain, within) {
            (true, None) => {
                let offset = bytes.len();
                return Err(PickleError::CutOff { offset });
            }
            (plain, within) => within.filter(|_| plain),
        };
        entries.insert(entry.name()?.into_owned(), within);
    }
    Ok(entries)
}
