//! The metadata of a GGUF, read front to back.

use crate::DecoderError;

/// What can be wrong with a GGUF.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GgufFault {
    /// The bytes do not begin as those of a GGUF do.
    #[error("it is no GGUF")]
    NotGguf,
    /// Another version of the format.
    #[error("its version is {version}, and only 2 and 3 are read")]
    Version {
        /// The version found.
        version: u32,
    },
    /// The file ends too early.
    #[error("it ends within its {part}")]
    CutShort {
        /// What was being read.
        part: &'static str,
    },
    /// A value of a kind that the format does not have.
    #[error("its metadata holds a value of the unknown kind {kind}")]
    ValueKind {
        /// Number of the kind.
        kind: u32,
    },
    /// A text is not Unicode.
    #[error("a text in it is not UTF-8")]
    Text,
    /// Something that the model needs is not said.
    #[error("its metadata has no `{key}` of the right kind")]
    Missing {
        /// What is missing.
        key: &'static str,
    },
    /// The place of a tensor's numbers is not in the file.
    #[error("the numbers of `{name}` are not where it says")]
    Place {
        /// Name of the tensor.
        name: String,
    },
}

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Count(u64),
    Signed(i64),
    Number(f64),
    Flag(bool),
    Text(&'a str),
    List(Vec<Value<'a>>),
}

/// Bytes not read yet.
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

/// Lists inside lists that are still read.
const DEEPEST: usize = 4;

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How much is left.
    pub(super) fn n_left(&self) -> usize {
        self.rest.len()
    }

    fn take<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], DecoderError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecoderError::Gguf {
            fault: GgufFault::CutShort { part },
        })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn magic(&mut self) -> Result<[u8; 4], DecoderError> {
        self.take("header")
    }

    pub(super) fn u32(&mut self, part: &'static str) -> Result<u32, DecoderError> {
        Ok(u32::from_le_bytes(self.take(part)?))
    }

    pub(super) fn u64(&mut self, part: &'static str) -> Result<u64, DecoderError> {
        Ok(u64::from_le_bytes(self.take(part)?))
    }

    pub(super) fn text(&mut self, part: &'static str) -> Result<&'a str, DecoderError> {
        let length = self.u64(part)?;
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (text, rest) = split.ok_or(DecoderError::Gguf {
            fault: GgufFault::CutShort { part },
        })?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| DecoderError::Gguf {
            fault: GgufFault::Text,
        })
    }

    /// A value with its kind before it.
    pub(super) fn value(&mut self) -> Result<Value<'a>, DecoderError> {
        let kind = self.u32(METADATA)?;
        self.value_of(kind, 0)
    }

    fn value_of(&mut self, kind: u32, depth: usize) -> Result<Value<'a>, DecoderError> {
        Ok(match kind {
            0 => Value::Count(u8::from_le_bytes(self.take(METADATA)?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.take(METADATA)?).into()),
            2 => Value::Count(u16::from_le_bytes(self.take(METADATA)?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.take(METADATA)?).into()),
            4 => Value::Count(self.u32(METADATA)?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.take(METADATA)?).into()),
            6 => Value::Number(f32::from_le_bytes(self.take(METADATA)?).into()),
            7 => Value::Flag(self.take::<1>(METADATA)? != [0]),
            8 => Value::Text(self.text(METADATA)?),
            9 if depth < DEEPEST => self.list(depth)?,
            10 => Value::Count(self.u64(METADATA)?),
            11 => Value::Signed(i64::from_le_bytes(self.take(METADATA)?)),
            12 => Value::Number(f64::from_le_bytes(self.take(METADATA)?)),
            _ => {
                let fault = GgufFault::ValueKind { kind };
                return Err(DecoderError::Gguf { fault });
            }
        })
    }

    /// Grows with what is there, not with what is promised.
    fn list(&mut self, depth: usize) -> Result<Value<'a>, DecoderError> {
        let kind = self.u32(METADATA)?;
        let length = self.u64(METADATA)?;
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(self.value_of(kind, depth + 1)?);
        }
        Ok(Value::List(list))
    }
}

pub(super) const METADATA: &str = "metadata";
