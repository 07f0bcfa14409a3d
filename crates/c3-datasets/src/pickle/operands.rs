//! The bytes of a pickle, taken one operand at a time.

use super::PickleError;

/// Reads forward, never past the end.
#[derive(Clone, Debug)]
pub(super) struct Operands<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Operands<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let Some(taken) = self.rest().get(..length) else {
            let offset = self.bytes.len();
            return Err(PickleError::CutOff { offset });
        };
        self.offset += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many bytes as were asked for"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn short(&mut self) -> Result<u16, PickleError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn int(&mut self) -> Result<i32, PickleError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(super) fn word(&mut self) -> Result<u32, PickleError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn long(&mut self) -> Result<u64, PickleError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A float as a pickle has it: largest byte first.
    pub(super) fn float(&mut self) -> Result<f64, PickleError> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// Bytes whose number stands before them, in one, four or eight bytes.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8], PickleError> {
        let length = match width {
            1 => u64::from(self.byte()?),
            4 => u64::from(self.word()?),
            _ => self.long()?,
        };
        // A length beyond memory is cut off in any case.
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// The bytes up to the end of the line, without it.
    pub(super) fn line(&mut self) -> Result<&'a [u8], PickleError> {
        let end = self.rest().iter().position(|byte| *byte == b'\n');
        let Some(end) = end else {
            let offset = self.bytes.len();
            return Err(PickleError::CutOff { offset });
        };
        let line = self.take(end)?;
        self.offset += 1;
        Ok(line)
    }

    pub(super) fn damaged(&self, what: &'static str) -> PickleError {
        PickleError::Damaged {
            what,
            offset: self.offset,
        }
    }

    pub(super) fn text(&self, bytes: &'a [u8]) -> Result<&'a str, PickleError> {
        std::str::from_utf8(bytes).map_err(|_| self.damaged("a string is not UTF-8"))
    }
}
