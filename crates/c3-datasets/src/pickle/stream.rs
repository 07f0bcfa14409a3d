//! The file that `torch.save` wrote before version 1.6, and still writes for a storage inside
//! another pickle: four pickles, a list of keys, and the numbers of each.

use std::collections::HashMap;

use super::arena::{Arena, Part, Source, Storage};
use super::machine::{self, Loaded, Trust};
use super::operands::Operands;
use super::{Bytes, Dtype, PickleError, Value};

/// The first pickle of a stream is this number.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

pub(super) fn is_stream(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads a whole stream.
pub(super) fn read(bytes: &[u8]) -> Result<Value<'_>, PickleError> {
    let (loaded, numbers) = open(bytes)?;
    loaded.arena.value(loaded.root, |key| find(&numbers, key))
}

/// Reads a stream that is one storage.
pub(super) fn storage(bytes: &[u8]) -> Result<Storage<'_>, PickleError> {
    if !is_stream(bytes) {
        return Err(PickleError::NotTorch {
            what: "of a storage does not begin like one",
        });
    }
    let (loaded, numbers) = open(bytes)?;
    let Part::Storage(storage) = loaded.arena.part(loaded.root) else {
        return Err(PickleError::NotTorch {
            what: "of a storage holds something else",
        });
    };
    let source = match &storage.source {
        Source::Key(key) => Source::Bytes(find(&numbers, key)?),
        Source::Bytes(bytes) => Source::Bytes(bytes.clone()),
    };
    let dtype = storage.dtype;
    Ok(Storage { dtype, source })
}

type Numbers<'a> = HashMap<String, &'a [u8]>;

fn find<'a>(numbers: &Numbers<'a>, key: &str) -> Result<Bytes<'a>, PickleError> {
    let found = numbers.get(key).copied().map(Bytes::File);
    let key = key.to_owned();
    found.ok_or(PickleError::Storage { key })
}

fn open(bytes: &[u8]) -> Result<(Loaded<'_>, Numbers<'_>), PickleError> {
    let rest = &bytes[MAGIC.len()..];
    let version = machine::run(rest, Trust::PLAIN)?;
    let system = machine::run(version.rest, Trust::PLAIN)?;
    let loaded = machine::run(system.rest, Trust::STREAM)?;
    let keys = machine::run(loaded.rest, Trust::PLAIN)?;
    let numbers = numbers(&loaded.arena, &keys)?;
    Ok((loaded, numbers))
}

/// The numbers that follow the list of keys, each with how many there are before them.
fn numbers<'a>(arena: &Arena<'a>, keys: &Loaded<'a>) -> Result<Numbers<'a>, PickleError> {
    let odd = PickleError::NotTorch {
        what: "has no list of storages",
    };
    let sizes: HashMap<&str, usize> = arena.parts().iter().filter_map(size_of).collect();
    let mut operands = Operands::new(keys.rest);
    let mut numbers = HashMap::new();
    for key in keys.arena.items(keys.root).ok_or(odd)? {
        let key = keys.arena.text(*key).unwrap_or_default();
        let count = usize::try_from(operands.long()?).unwrap_or(usize::MAX);
        let size = sizes.get(key).copied().unwrap_or(1);
        let found = operands.take(count.saturating_mul(size))?;
        numbers.insert(key.to_owned(), found);
    }
    Ok(numbers)
}

fn size_of<'p>(part: &'p Part<'_>) -> Option<(&'p str, usize)> {
    match part {
        Part::Storage(Storage {
            dtype,
            source: Source::Key(key),
        }) => Some((key, dtype.map_or(1, Dtype::size))),
        _ => None,
    }
}
