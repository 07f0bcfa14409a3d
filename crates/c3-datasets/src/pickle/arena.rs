//! What the machine has built so far: parts that name each other by number.
//!
//! A pickle fills a list after it was stored, so parts cannot own each other until the end.

use std::sync::Arc;

use super::classes::Class;
use super::numpy::Array;
use super::tensor::Layout;
use super::{Bytes, Dtype, PickleError, Tensor, Value};

/// Values nested in each other; captions and weights need ten.
const DEEPEST: usize = 200;
/// Values of a file; a million captions with all about them have ten million.
const MOST_PARTS: usize = 1 << 26;
/// Values that a reader who follows every reference would meet.
const MOST_VISITS: u64 = 1 << 28;

/// Which part.
pub(super) type Id = usize;

/// One part.
#[derive(Clone, Debug)]
pub(super) enum Part<'a> {
    Value(Value<'a>),
    List(Vec<Id>),
    Map(Vec<(Id, Id)>),
    /// A name on the list of those that rebuild data.
    Class(Class),
    /// The numbers of tensors.
    Storage(Storage<'a>),
    /// A tensor whose numbers may come later in the file.
    Tensor(Dtype, Layout, Storage<'a>),
    /// An array, or a kind of number, that is not filled yet.
    Numpy(Array<'a>),
}

/// The numbers of tensors, or the name under which the file keeps them.
#[derive(Clone, Debug)]
pub(super) struct Storage<'a> {
    /// Nothing if it is plain bytes.
    pub(super) dtype: Option<Dtype>,
    pub(super) source: Source<'a>,
}

/// Where the numbers of a storage are.
#[derive(Clone, Debug)]
pub(super) enum Source<'a> {
    Key(Arc<str>),
    Bytes(Bytes<'a>),
}

/// All parts of a pickle.
#[derive(Debug, Default)]
pub(super) struct Arena<'a> {
    parts: Vec<Part<'a>>,
}

impl<'a> Arena<'a> {
    pub(super) fn add(&mut self, part: Part<'a>) -> Result<Id, PickleError> {
        if self.parts.len() == MOST_PARTS {
            let what = "holds more than 67 million values";
            return Err(PickleError::Excess { what });
        }
        self.parts.push(part);
        Ok(self.parts.len() - 1)
    }

    pub(super) fn part(&self, id: Id) -> &Part<'a> {
        &self.parts[id]
    }

    pub(super) fn part_mut(&mut self, id: Id) -> &mut Part<'a> {
        &mut self.parts[id]
    }

    pub(super) fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// Items of a list or tuple.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.part(id) {
            Part::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.part(id) {
            Part::Value(value) => value.as_text(),
            _ => None,
        }
    }

    /// A whole number from zero.
    pub(super) fn size(&self, id: Id) -> Option<usize> {
        match self.part(id) {
            Part::Value(value) => usize::try_from(value.as_integer()?).ok(),
            _ => None,
        }
    }

    /// A list of whole numbers from zero.
    pub(super) fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        let items = self.items(id)?.iter();
        items.map(|item| self.size(*item)).collect()
    }

    /// Bytes, or the bytes of a string, as Python 2 stored arrays.
    pub(super) fn bytes(&self, id: Id) -> Option<Bytes<'a>> {
        match self.part(id) {
            Part::Value(Value::Bytes(bytes)) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// The value that begins at `root`; `storage` finds numbers by their name.
    ///
    /// # Errors
    ///
    /// [`PickleError::Excess`] for a value that holds itself or is too deep, and whatever
    /// `storage` says.
    pub(super) fn value(
        &self,
        root: Id,
        storage: impl FnMut(&str) -> Result<Bytes<'a>, PickleError>,
    ) -> Result<Value<'a>, PickleError> {
        let mut reader = Reader {
            arena: self,
            storage,
            done: vec![State::New; self.parts.len()],
        };
        Ok(reader.read(root, 0)?.0)
    }
}

/// How far a part has been read.
#[derive(Clone)]
enum State<'a> {
    New,
    Begun,
    /// The value, and how many values are in it, repeated ones counted every time.
    Done(Value<'a>, u64),
}

struct Reader<'r, 'a, F> {
    arena: &'r Arena<'a>,
    storage: F,
    done: Vec<State<'a>>,
}

impl<'a, F> Reader<'_, 'a, F>
where
    F: FnMut(&str) -> Result<Bytes<'a>, PickleError>,
{
    fn read(&mut self, id: Id, depth: usize) -> Result<(Value<'a>, u64), PickleError> {
        if depth > DEEPEST {
            let what = "nests values more than 200 deep";
            return Err(PickleError::Excess { what });
        }
        match &self.done[id] {
            State::Done(value, visits) => return Ok((value.clone(), *visits)),
            State::Begun => {
                let what = "has a value that holds itself";
                return Err(PickleError::Excess { what });
            }
            State::New => self.done[id] = State::Begun,
        }
        let (value, visits) = self.build(id, depth)?;
        if visits > MOST_VISITS {
            let what = "repeats its parts again and again";
            return Err(PickleError::Excess { what });
        }
        self.done[id] = State::Done(value.clone(), visits);
        Ok((value, visits))
    }

    fn build(&mut self, id: Id, depth: usize) -> Result<(Value<'a>, u64), PickleError> {
        let arena = self.arena;
        let mut visits = 1_u64;
        let mut inner = |reader: &mut Self, id| {
            let (value, within) = reader.read(id, depth + 1)?;
            visits = visits.saturating_add(within);
            Ok::<_, PickleError>(value)
        };
        let value = match arena.part(id) {
            Part::Value(value) => value.clone(),
            Part::List(items) => {
                let items = items.iter().map(|item| inner(self, *item));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Part::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((inner(self, *key)?, inner(self, *value)?)));
                Value::Map(entries.collect::<Result<_, PickleError>>()?)
            }
            Part::Tensor(dtype, layout, storage) => {
                let bytes = self.bytes(storage)?;
                Value::Tensor(Arc::new(Tensor::new(*dtype, layout.clone(), bytes)?))
            }
            Part::Numpy(array) => array.value()?,
            Part::Class(class) => class.value()?,
            Part::Storage(storage) => Value::Bytes(self.bytes(storage)?),
        };
        Ok((value, visits))
    }

    fn bytes(&mut self, storage: &Storage<'a>) -> Result<Bytes<'a>, PickleError> {
        match &storage.source {
            Source::Key(key) => (self.storage)(key),
            Source::Bytes(bytes) => Ok(bytes.clone()),
        }
    }
}
