//! The machine that a pickle is a program for, with all that could do harm left out.
//!
//! Instructions and their meaning are those of Python's `pickletools`.

use std::collections::HashMap;

use super::arena::{Arena, Id, Part};
use super::classes::Class;
use super::operands::Operands;
use super::{Bytes, PickleError, Value, torch};

/// What a pickle may do, which depends on the file that it lies in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust {
    /// Storages lie beside it.
    storages: bool,
    /// It is TorchScript, whose modules have names of their own.
    script: bool,
    /// A stream may lie in its bytes; not in those of such a stream again.
    pub(super) streams: bool,
}

impl Trust {
    /// A pickle alone.
    pub(super) const PLAIN: Self = Self {
        storages: false,
        script: false,
        streams: true,
    };
    /// A pickle in an archive of PyTorch.
    pub(super) const ARCHIVE: Self = Self {
        storages: true,
        script: true,
        streams: true,
    };
    /// A pickle in an older stream of PyTorch.
    pub(super) const STREAM: Self = Self {
        storages: true,
        script: false,
        streams: false,
    };
}

/// What a pickle has built.
pub(super) struct Loaded<'a> {
    pub(super) arena: Arena<'a>,
    pub(super) root: Id,
    /// What follows the pickle.
    pub(super) rest: &'a [u8],
}

/// Runs one pickle from its first instruction to its last.
pub(super) fn run(bytes: &[u8], trust: Trust) -> Result<Loaded<'_>, PickleError> {
    let mut machine = Machine {
        operands: Operands::new(bytes),
        arena: Arena::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        decodable: bytes.len().saturating_mul(4),
        trust,
    };
    let root = machine.run()?;
    Ok(Loaded {
        arena: machine.arena,
        root,
        rest: machine.operands.rest(),
    })
}

/// A pickle that is being run.
pub(super) struct Machine<'a> {
    pub(super) operands: Operands<'a>,
    pub(super) arena: Arena<'a>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Bytes that may still be decoded: a file cannot ask for the same ones forever.
    pub(super) decodable: usize,
    pub(super) trust: Trust,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id, PickleError> {
        loop {
            let opcode = self.operands.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            let done = self.literal(opcode)?
                || self.text(opcode)?
                || self.container(opcode)?
                || self.memory(opcode)?
                || self.call(opcode)?;
            if !done {
                let offset = self.operands.offset() - 1;
                return Err(PickleError::Opcode { opcode, offset });
            }
        }
    }

    /// Numbers and truth values.
    fn literal(&mut self, opcode: u8) -> Result<bool, PickleError> {
        let operands = &mut self.operands;
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Integer(operands.byte()?.into()),
            b'M' => Value::Integer(operands.short()?.into()),
            b'J' => Value::Integer(operands.int()?.into()),
            b'G' => Value::Float(operands.float()?),
            b'I' => match operands.line()? {
                b"00" => Value::Bool(false),
                b"01" => Value::Bool(true),
                digits => Value::Integer(parsed(operands, digits)?),
            },
            b'L' => {
                let digits = operands.line()?;
                let digits = digits.strip_suffix(b"L").unwrap_or(digits);
                Value::Integer(parsed(operands, digits)?)
            }
            b'F' => {
                let digits = operands.line()?;
                Value::Float(parsed(operands, digits)?)
            }
            0x8a => Value::Integer(whole(operands, 1)?),
            0x8b => Value::Integer(whole(operands, 4)?),
            _ => return Ok(false),
        };
        self.push(Part::Value(value))
    }

    /// Strings and bytes.
    fn text(&mut self, opcode: u8) -> Result<bool, PickleError> {
        let operands = &mut self.operands;
        let value = match opcode {
            b'X' | 0x8c | 0x8d => {
                let width = [(b'X', 4), (0x8c, 1), (0x8d, 8)];
                let bytes = operands.counted(width_of(&width, opcode))?;
                Value::Text(operands.text(bytes)?.into())
            }
            b'B' | b'C' | 0x8e | 0x96 => {
                let width = [(b'B', 4), (b'C', 1), (0x8e, 8), (0x96, 8)];
                Value::Bytes(Bytes::File(operands.counted(width_of(&width, opcode))?))
            }
            b'T' | b'U' => {
                let bytes = operands.counted(if opcode == b'T' { 4 } else { 1 })?;
                byte_string(bytes)
            }
            b'S' => {
                let line = operands.line()?;
                let quoted = line.len() > 1 && line[0] == line[line.len() - 1];
                if !quoted || !matches!(line[0], b'\'' | b'"') || line.contains(&b'\\') {
                    return Err(operands.damaged("a string of protocol 0 is not plainly quoted"));
                }
                byte_string(&line[1..line.len() - 1])
            }
            b'V' => {
                let line = operands.line()?;
                if line.contains(&b'\\') {
                    return Err(operands.damaged("a string of protocol 0 has escapes"));
                }
                let text: String = line.iter().map(|byte| char::from(*byte)).collect();
                Value::Text(text.into())
            }
            _ => return Ok(false),
        };
        self.push(Part::Value(value))
    }

    /// Lists, tuples and maps.
    fn container(&mut self, opcode: u8) -> Result<bool, PickleError> {
        let part = match opcode {
            b']' | b')' => Part::List(Vec::new()),
            b'}' => Part::Map(Vec::new()),
            b'l' | b't' => Part::List(self.pop_mark()?),
            0x85 => Part::List(self.pop_many(1)?),
            0x86 => Part::List(self.pop_many(2)?),
            0x87 => Part::List(self.pop_many(3)?),
            b'd' => {
                let items = self.pop_mark()?;
                Part::Map(self.entries(&items)?)
            }
            b'a' => {
                let items = self.pop_many(1)?;
                return self.append(items);
            }
            b'e' => {
                let items = self.pop_mark()?;
                return self.append(items);
            }
            b's' => {
                let items = self.pop_many(2)?;
                return self.set(&items);
            }
            b'u' => {
                let items = self.pop_mark()?;
                return self.set(&items);
            }
            _ => return Ok(false),
        };
        self.push(part)
    }

    /// The stack itself, and what was stored for later.
    fn memory(&mut self, opcode: u8) -> Result<bool, PickleError> {
        match opcode {
            0x80 => drop(self.operands.byte()?),
            0x95 => drop(self.operands.long()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let place = match opcode {
                    0x94 => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
                    _ => self.place(opcode)?,
                };
                let top = self.top()?;
                self.memo.insert(place, top);
            }
            b'g' | b'h' | b'j' => {
                let place = self.place(opcode)?;
                let stored = self.memo.get(&place).copied();
                let stored =
                    stored.ok_or_else(|| self.operands.damaged("nothing was stored there"))?;
                self.stack.push(stored);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Names, and what they do with their arguments.
    fn call(&mut self, opcode: u8) -> Result<bool, PickleError> {
        match opcode {
            b'c' => {
                let module = self.operands.line()?;
                let name = self.operands.line()?;
                let (module, name) = (self.operands.text(module)?, self.operands.text(name)?);
                let class = self.class(module, name)?;
                self.push(Part::Class(class))
            }
            0x93 => {
                let names = self.pop_many(2)?;
                let name = |at: usize| self.arena.text(names[at]).map(str::to_owned);
                let (Some(module), Some(name)) = (name(0), name(1)) else {
                    return Err(self.operands.damaged("a name is not a string"));
                };
                let class = self.class(&module, &name)?;
                self.push(Part::Class(class))
            }
            b'R' | 0x81 => {
                let pair = self.pop_many(2)?;
                let (Part::Class(class), Some(arguments)) =
                    (self.arena.part(pair[0]), self.arena.items(pair[1]))
                else {
                    return Err(self.operands.damaged("what is called is not a name"));
                };
                let (class, arguments) = (*class, arguments.to_vec());
                let made = self.make(class, &arguments)?;
                self.stack.push(made);
                Ok(true)
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                self.fill(target, state)?;
                Ok(true)
            }
            b'Q' if self.trust.storages => {
                let reference = self.pop()?;
                let storage = torch::storage(&self.arena, reference)?;
                self.push(storage)
            }
            _ => Ok(false),
        }
    }

    fn class(&self, module: &str, name: &str) -> Result<Class, PickleError> {
        match Class::of(module, name) {
            Some(class) if class != Class::Module || self.trust.script => Ok(class),
            _ => Err(PickleError::Refused {
                name: format!("{module}.{name}").chars().take(200).collect(),
                offset: self.operands.offset(),
            }),
        }
    }

    fn append(&mut self, mut items: Vec<Id>) -> Result<bool, PickleError> {
        let target = self.top()?;
        match self.arena.part_mut(target) {
            Part::List(list) => list.append(&mut items),
            _ => return Err(self.operands.damaged("items belong to no list")),
        }
        Ok(true)
    }

    fn set(&mut self, items: &[Id]) -> Result<bool, PickleError> {
        let mut entries = self.entries(items)?;
        let target = self.top()?;
        match self.arena.part_mut(target) {
            Part::Map(map) => map.append(&mut entries),
            _ => return Err(self.operands.damaged("entries belong to no map")),
        }
        Ok(true)
    }

    fn entries(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, PickleError> {
        let (pairs, rest) = items.as_chunks();
        if !rest.is_empty() {
            return Err(self.operands.damaged("a key has no value"));
        }
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    }

    fn push(&mut self, part: Part<'a>) -> Result<bool, PickleError> {
        let id = self.arena.add(part)?;
        self.stack.push(id);
        Ok(true)
    }

    /// Height below which nothing may be taken: the last open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleError> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.floor() => Ok(*top),
            _ => Err(self.operands.damaged("the stack is empty")),
        }
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        let below = self.stack.len().checked_sub(count);
        match below.filter(|below| *below >= self.floor()) {
            Some(below) => Ok(self.stack.split_off(below)),
            None => Err(self.operands.damaged("the stack is empty")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.operands.damaged("a mark is missing")),
        }
    }

    /// Where in the memory.
    fn place(&mut self, opcode: u8) -> Result<u32, PickleError> {
        match opcode {
            b'g' | b'p' => {
                let digits = self.operands.line()?;
                parsed(&self.operands, digits)
            }
            b'h' | b'q' => Ok(self.operands.byte()?.into()),
            _ => self.operands.word(),
        }
    }
}

fn width_of(widths: &[(u8, usize)], opcode: u8) -> usize {
    let found = widths.iter().find(|(of, _)| *of == opcode);
    found.map_or(1, |(_, width)| *width)
}

/// A string of Python 2: text if it is UTF-8, else bytes.
fn byte_string(bytes: &[u8]) -> Value<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.into()),
        Err(_) => Value::Bytes(Bytes::File(bytes)),
    }
}

fn parsed<T: std::str::FromStr>(operands: &Operands<'_>, digits: &[u8]) -> Result<T, PickleError> {
    let text = std::str::from_utf8(digits).ok();
    let number = text.and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| operands.damaged("a number is none"))
}

/// A whole number of up to 16 bytes, smallest first, with a sign.
fn whole(operands: &mut Operands<'_>, width: usize) -> Result<i128, PickleError> {
    let bytes = operands.counted(width)?;
    if bytes.len() > 16 {
        return Err(operands.damaged("a whole number has more than 16 bytes"));
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut filled = [if negative { 0xFF } else { 0 }; 16];
    filled[..bytes.len()].copy_from_slice(bytes);
    Ok(i128::from_le_bytes(filled))
}
