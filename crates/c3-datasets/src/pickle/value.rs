//! What a pickle holds once it is read.

use std::ops::Deref;
use std::sync::Arc;

use super::Tensor;

/// What a pickle holds: data alone.
///
/// Parts that the file uses twice are shared, so a clone is cheap.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Bytes<'a>),
    /// A list or a tuple.
    List(Arc<[Value<'a>]>),
    /// A dictionary in its order, or the attributes of a TorchScript module.
    Map(Arc<[(Value<'a>, Value<'a>)]>),
    /// An array of PyTorch or NumPy.
    Tensor(Arc<Tensor<'a>>),
}

impl<'a> Value<'a> {
    /// What a map holds under `key`; the last, if it is there twice.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.as_map()?.iter().rev();
        entries
            .find(|(name, _)| name.as_text() == Some(key))
            .map(|(_, value)| value)
    }

    /// The entries of a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list or tuple.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// A string.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    #[must_use]
    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// A number of any kind.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            Self::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// An array.
    #[must_use]
    pub fn as_tensor(&self) -> Option<&Arc<Tensor<'a>>> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }
}

/// Bytes of the file, or bytes that had to be decoded first.
#[derive(Clone, Debug)]
pub enum Bytes<'a> {
    /// They lie in the file.
    File(&'a [u8]),
    /// They were decoded.
    Decoded(Arc<[u8]>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Decoded(bytes) => bytes,
        }
    }
}

impl PartialEq for Bytes<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
