//! What the machine does where a pickle calls a name, or gives something its state.

use std::sync::Arc;

use super::arena::{Id, Part, Source, Storage};
use super::classes::Class;
use super::machine::Machine;
use super::numpy::{self, Array};
use super::tensor::Order;
use super::{Bytes, PickleError, Value, stream, torch};

impl<'a> Machine<'a> {
    /// Builds what a name stands for.
    pub(super) fn make(&mut self, class: Class, arguments: &[Id]) -> Result<Id, PickleError> {
        let first = arguments.first().copied();
        let arena = &self.arena;
        let part = match (class, first) {
            (Class::Map, Some(pairs)) => Part::Map(self.pairs(pairs)?),
            (Class::Map | Class::Namespace | Class::Module, _) => Part::Map(Vec::new()),
            (Class::Tagged | Class::Parameter | Class::Sequence | Class::Size, Some(first)) => {
                return Ok(first);
            }
            (Class::Device, Some(name)) => arena.part(name).clone(),
            (Class::Tensor, _) => torch::tensor(arena, arguments, None)?,
            (Class::KindTensor, _) => {
                torch::tensor(arena, arguments, torch::kind(arena, arguments))?
            }
            (Class::Typed, _) => return self.typed(arguments),
            (Class::StorageBytes, Some(bytes)) if self.trust.streams => {
                let bytes = arena.bytes(bytes).ok_or_else(|| self.misfit())?;
                Part::Storage(self.storage(&bytes)?)
            }
            (Class::Encode, Some(text)) => Part::Value(self.encoded(text)?),
            (Class::Array, _) => Part::Numpy(Array::Empty),
            (Class::ArrayKind, Some(code)) => {
                let code = arena.text(code).ok_or_else(|| self.misfit())?;
                Part::Numpy(Array::Kind(numpy::kind(code)?))
            }
            (Class::Scalar | Class::ArrayBuffer, Some(_)) => self.numbers(class, arguments)?,
            _ => return Err(self.misfit()),
        };
        self.arena.add(part)
    }

    fn misfit(&self) -> PickleError {
        self.operands
            .damaged("a name is called with arguments that it does not take")
    }

    /// `_rebuild_from_type_v2(function, type, arguments, state)`: the tensor without its type.
    fn typed(&mut self, arguments: &[Id]) -> Result<Id, PickleError> {
        let &[function, _, inner, ..] = arguments else {
            return Err(self.misfit());
        };
        match (self.arena.part(function), self.arena.items(inner)) {
            (Part::Class(class), Some(inner)) if *class != Class::Typed => {
                let (class, inner) = (*class, inner.to_vec());
                self.make(class, &inner)
            }
            _ => Err(self.misfit()),
        }
    }

    fn numbers(&self, class: Class, arguments: &[Id]) -> Result<Part<'a>, PickleError> {
        let arena = &self.arena;
        if class == Class::ArrayBuffer {
            let &[data, kind, shape, order] = arguments else {
                return Err(self.misfit());
            };
            let bytes = arena.bytes(data).ok_or_else(|| self.misfit())?;
            let order = match arena.text(order) {
                Some("F") => Order::FirstFastest,
                _ => Order::LastFastest,
            };
            return numpy::array(arena, shape, kind, order, bytes).map(Part::Numpy);
        }
        let &[kind, data] = arguments else {
            return Err(self.misfit());
        };
        let (Part::Numpy(Array::Kind(kind)), Some(bytes)) = (arena.part(kind), arena.bytes(data))
        else {
            return Err(self.misfit());
        };
        let number = numpy::scalar(*kind, &bytes).ok_or_else(|| self.misfit())?;
        Ok(Part::Value(number))
    }

    /// Bytes that protocol 2 spelt as a string of the characters 0 to 255.
    fn encoded(&mut self, text: Id) -> Result<Value<'a>, PickleError> {
        let text = self.arena.text(text).ok_or_else(|| self.misfit())?;
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)).ok());
        let bytes: Option<Arc<[u8]>> = bytes.collect();
        let bytes = bytes.ok_or_else(|| self.misfit())?;
        self.spend(bytes.len())?;
        Ok(Value::Bytes(Bytes::Decoded(bytes)))
    }

    fn storage(&mut self, bytes: &Bytes<'a>) -> Result<Storage<'a>, PickleError> {
        match bytes {
            Bytes::File(bytes) => stream::storage(bytes),
            Bytes::Decoded(decoded) => {
                self.spend(decoded.len())?;
                let storage = stream::storage(decoded)?;
                let Source::Bytes(inner) = &storage.source else {
                    return Err(self.misfit());
                };
                Ok(Storage {
                    dtype: storage.dtype,
                    source: Source::Bytes(Bytes::Decoded(Arc::from(&**inner))),
                })
            }
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PickleError> {
        let what = "decodes the same bytes again and again";
        self.decodable = self
            .decodable
            .checked_sub(bytes)
            .ok_or(PickleError::Excess { what })?;
        Ok(())
    }

    /// Gives something that was made its state.
    pub(super) fn fill(&mut self, target: Id, state: Id) -> Result<(), PickleError> {
        match self.arena.part(target) {
            Part::Numpy(Array::Kind(_)) => numpy::check_order(&self.arena, state),
            Part::Numpy(Array::Empty) => {
                let array = numpy::filled(&self.arena, state)?;
                *self.arena.part_mut(target) = Part::Numpy(array);
                Ok(())
            }
            // The attributes of a module; of a dictionary they are only its versions.
            Part::Map(entries) if entries.is_empty() => {
                let Part::Map(state) = self.arena.part(state) else {
                    return Err(self.operands.damaged("attributes have no names"));
                };
                let state = state.clone();
                *self.arena.part_mut(target) = Part::Map(state);
                Ok(())
            }
            Part::Map(_) | Part::Tensor(..) => Ok(()),
            _ => Err(self.operands.damaged("a state belongs to nothing")),
        }
    }

    /// Entries given as a list of pairs.
    fn pairs(&self, id: Id) -> Result<Vec<(Id, Id)>, PickleError> {
        let items = self.arena.items(id).ok_or_else(|| self.misfit())?;
        let pairs = items.iter().map(|pair| match self.arena.items(*pair) {
            Some(&[key, value]) => Ok((key, value)),
            _ => Err(self.misfit()),
        });
        pairs.collect()
    }
}
