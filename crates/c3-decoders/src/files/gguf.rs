//! GGUF: metadata and tensors in one file, as llama.cpp keeps models.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::collections::{BTreeMap, BTreeSet};

use super::gguf_value::{Bytes, GgufFault, METADATA, Value};
use super::stored::{Numbers, Stored};
use crate::DecoderError;

const MAGIC: [u8; 4] = *b"GGUF";
const ALIGNMENT: &str = "general.alignment";

/// Whether bytes begin as those of a GGUF do.
#[must_use]
pub fn is_gguf(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// A GGUF whose metadata was read; its tensors lie where they are.
#[derive(Debug)]
pub(crate) struct Gguf<'a> {
    metadata: BTreeMap<&'a str, Value<'a>>,
    pub(crate) tensors: BTreeMap<String, Stored<'a>>,
}

/// What a GGUF says of one tensor.
struct Entry<'a> {
    name: &'a str,
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

impl<'a> Gguf<'a> {
    /// Reads all but the numbers.
    ///
    /// # Errors
    ///
    /// [`DecoderError::Gguf`] says what is wrong with the file, [`DecoderError::Quantized`] names
    /// every kind of numbers that is not read.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, DecoderError> {
        let mut left = Bytes::new(bytes);
        if left.magic()? != MAGIC {
            return Err(fault(GgufFault::NotGguf));
        }
        let version = left.u32("header")?;
        if !matches!(version, 2 | 3) {
            return Err(fault(GgufFault::Version { version }));
        }
        let n_tensors = left.u64("header")?;
        let n_values = left.u64("header")?;
        let mut metadata = BTreeMap::new();
        for _ in 0..n_values {
            let key = left.text(METADATA)?;
            metadata.insert(key, left.value()?);
        }
        let mut entries = Vec::new();
        for _ in 0..n_tensors {
            entries.push(Entry::read(&mut left)?);
        }
        let mut file = Self {
            metadata,
            tensors: BTreeMap::new(),
        };
        let before = bytes.len() - left.n_left();
        let start = before.checked_next_multiple_of(file.alignment()?);
        let data = start.and_then(|start| bytes.get(start..)).unwrap_or(&[]);
        file.tensors = place(entries, data)?;
        Ok(file)
    }

    fn alignment(&self) -> Result<usize, DecoderError> {
        match self.has(ALIGNMENT) {
            true => Ok(self.count(ALIGNMENT)?.max(1)),
            false => Ok(32),
        }
    }

    /// Whether the metadata has a value of this name.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.metadata.contains_key(key)
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&self, key: &'static str) -> Result<usize, DecoderError> {
        let found = match self.metadata.get(key) {
            Some(Value::Count(count)) => usize::try_from(*count).ok(),
            Some(Value::Signed(count)) => usize::try_from(*count).ok(),
            _ => None,
        };
        found.ok_or_else(|| fault(GgufFault::Missing { key }))
    }

    /// A number with a fraction.
    pub(crate) fn number(&self, key: &'static str) -> Result<f64, DecoderError> {
        match self.metadata.get(key) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(fault(GgufFault::Missing { key })),
        }
    }

    /// A text.
    pub(crate) fn text(&self, key: &'static str) -> Result<&'a str, DecoderError> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(fault(GgufFault::Missing { key })),
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &'static str) -> Result<Vec<&'a str>, DecoderError> {
        let missing = || fault(GgufFault::Missing { key });
        let Some(Value::List(list)) = self.metadata.get(key) else {
            return Err(missing());
        };
        let text = |value: &Value<'a>| match value {
            Value::Text(text) => Ok(*text),
            _ => Err(missing()),
        };
        list.iter().map(text).collect()
    }

    /// A list of whole numbers.
    pub(crate) fn numbers(&self, key: &'static str) -> Result<Vec<i64>, DecoderError> {
        let missing = || fault(GgufFault::Missing { key });
        let Some(Value::List(list)) = self.metadata.get(key) else {
            return Err(missing());
        };
        let number = |value: &Value<'a>| match value {
            Value::Signed(number) => Ok(*number),
            Value::Count(number) => i64::try_from(*number).map_err(|_| missing()),
            _ => Err(missing()),
        };
        list.iter().map(number).collect()
    }
}

impl<'a> Entry<'a> {
    fn read(left: &mut Bytes<'a>) -> Result<Self, DecoderError> {
        const PART: &str = "list of tensors";
        let name = left.text(PART)?;
        let n_axes = left.u32(PART)?;
        let mut shape = Vec::new();
        for _ in 0..n_axes {
            let axis = usize::try_from(left.u64(PART)?);
            let name = name.to_owned();
            shape.push(axis.map_err(|_| fault(GgufFault::Place { name }))?);
        }
        // A GGUF counts axes from the fastest.
        shape.reverse();
        Ok(Self {
            name,
            shape,
            kind: left.u32(PART)?,
            offset: left.u64(PART)?,
        })
    }

    /// The numbers of the tensor, which are read.
    fn place(self, numbers: Numbers, data: &'a [u8]) -> Result<Stored<'a>, DecoderError> {
        let bytes = || {
            let (of_block, bytes) = numbers.block()?;
            let count = self
                .shape
                .iter()
                .try_fold(1_usize, |count, axis| count.checked_mul(*axis))?;
            // Blocks do not run over the ends of rows.
            let row = self.shape.last().copied().unwrap_or(1);
            if !row.is_multiple_of(of_block) {
                return None;
            }
            let length = (count / of_block).checked_mul(bytes)?;
            let start = usize::try_from(self.offset).ok()?;
            data.get(start..start.checked_add(length)?)
        };
        match bytes() {
            Some(data) => Ok(Stored {
                shape: self.shape,
                numbers,
                data,
            }),
            None => Err(fault(GgufFault::Place {
                name: self.name.to_owned(),
            })),
        }
    }
}

fn place<'a>(
    entries: Vec<Entry<'a>>,
    data: &'a [u8],
) -> Result<BTreeMap<String, Stored<'a>>, DecoderError> {
    let unread: BTreeSet<String> = entries
        .iter()
        .filter(|entry| numbers(entry.kind).is_none())
        .map(|entry| kind_name(entry.kind))
        .collect();
    if !unread.is_empty() {
        let kinds = unread.into_iter().collect();
        return Err(DecoderError::Quantized { kinds });
    }
    let mut tensors = BTreeMap::new();
    for entry in entries {
        let (name, numbers) = (entry.name.to_owned(), numbers(entry.kind));
        let numbers = numbers.expect("what is not read was refused");
        if tensors
            .insert(name.clone(), entry.place(numbers, data)?)
            .is_some()
        {
            return Err(DecoderError::TensorTwice { name });
        }
    }
    Ok(tensors)
}

/// The kinds that are read, by the numbers of ggml.
fn numbers(kind: u32) -> Option<Numbers> {
    match kind {
        0 => Some(Numbers::F32),
        1 => Some(Numbers::F16),
        2 => Some(Numbers::Q4_0),
        3 => Some(Numbers::Q4_1),
        6 => Some(Numbers::Q5_0),
        7 => Some(Numbers::Q5_1),
        8 => Some(Numbers::Q8_0),
        10 => Some(Numbers::Q2K),
        11 => Some(Numbers::Q3K),
        12 => Some(Numbers::Q4K),
        13 => Some(Numbers::Q5K),
        14 => Some(Numbers::Q6K),
        30 => Some(Numbers::Bf16),
        _ => None,
    }
}

/// What people call the kinds that are not read.
fn kind_name(kind: u32) -> String {
    let name = match kind {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        other => return format!("kind {other}"),
    };
    name.to_owned()
}

fn fault(fault: GgufFault) -> DecoderError {
    DecoderError::Gguf { fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    }

    /// One tensor `[2, 3]` of single precision, and a list of two texts.
    fn file(kind: u32, offset: u64) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(text("words"));
        bytes.extend([9_u32, 8].map(u32::to_le_bytes).concat());
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend([text("sea"), text("sand")].concat());
        bytes.extend(text("table"));
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([3_u64, 2].map(u64::to_le_bytes).concat());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(32), 0);
        bytes.extend(
            [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]
                .map(f32::to_le_bytes)
                .concat(),
        );
        bytes
    }

    #[test]
    fn metadata_and_tensors_are_where_the_format_says() {
        let bytes = file(0, 0);
        let file = Gguf::open(&bytes).unwrap();
        assert_eq!(file.texts("words").unwrap(), ["sea", "sand"]);
        assert_eq!(file.tensors["table"].shape, [2, 3]);
        assert_eq!(
            file.tensors["table"].floats(),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
        let error = file.count("words").unwrap_err().to_string();
        assert!(error.contains("no `words` of the right kind"), "{error}");
    }

    #[test]
    fn a_file_cut_anywhere_is_refused() {
        let bytes = file(0, 0);
        for length in 0..bytes.len() {
            let error = Gguf::open(&bytes[..length]).unwrap_err();
            assert!(matches!(error, DecoderError::Gguf { .. }), "{error}");
        }
    }

    #[test]
    fn no_changed_byte_ends_the_program() {
        let n_read = |bytes: &[u8]| match Gguf::open(bytes) {
            Ok(file) => file.tensors.values().map(|of| of.floats().len()).sum(),
            Err(_) => 0,
        };
        let bytes = file(0, 0);
        assert_eq!(n_read(&bytes), 6);
        for at in 0..bytes.len() {
            for changed in [0, 1, 9, 0x7F, 0xFF] {
                let mut other = bytes.clone();
                other[at] = changed;
                assert!(n_read(&other) <= 6, "more is read than there is");
            }
        }
    }

    #[test]
    fn what_is_promised_and_not_there_is_refused() {
        let mut endless = file(0, 0);
        endless[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        let refuse = |bytes: &[u8]| Gguf::open(bytes).unwrap_err().to_string();
        assert!(refuse(&endless).contains("the GGUF"));
        for offset in [1, u64::MAX] {
            assert!(refuse(&file(0, offset)).contains("`table`"));
        }
        assert!(
            refuse(&file(8, 0)).contains("`table`"),
            "3 is no whole block"
        );
        assert_eq!(
            refuse(&file(23, 0)),
            "the weights are kept as IQ4_XS, which is not read; F32, F16, BF16, Q4_0 to Q8_0 and \
             Q2_K to Q6_K are"
        );
        let mut other = file(0, 0);
        other[4] = 1;
        assert!(refuse(&other).contains("version is 1"));
        assert!(refuse(b"GIF89a..").contains("no GGUF"));
        assert!(is_gguf(&endless) && !is_gguf(b"GIF89a"));
    }
}
