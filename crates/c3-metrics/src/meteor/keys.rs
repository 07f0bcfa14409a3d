//! Finds byte strings in a block of bytes that may be mapped from a file.

use rustc_hash::FxHashMap;

/// The numbers `u32` of a block, little-endian.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl<'a> Numbers<'a> {
    /// The number at `index`.
    pub(super) fn get(self, index: usize) -> Option<u32> {
        let bytes = self.0.get(4 * index..4 * index + 4)?;
        Some(u32::from_le_bytes(
            bytes.try_into().expect("four bytes were taken"),
        ))
    }

    /// The numbers in a range; none if it lies outside.
    pub(super) fn range(self, start: u32, end: u32) -> impl Iterator<Item = u32> + 'a {
        let bytes = self
            .0
            .get(4 * start as usize..4 * end as usize)
            .unwrap_or_default();
        let (chunks, _) = bytes.as_chunks();
        chunks.iter().map(|chunk| u32::from_le_bytes(*chunk))
    }

    /// The list with this index, where these numbers say where each list starts.
    pub(super) fn list(self, index: u32, values: Numbers<'a>) -> impl Iterator<Item = u32> + 'a {
        let start = self.get(index as usize).unwrap_or(0);
        let end = self.get(index as usize + 1).unwrap_or(0);
        values.range(start, end)
    }
}

/// Byte strings, each with a number, found by hashing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys<'a> {
    /// Where each string starts in `bytes`, and where the last one ends.
    pub(super) starts: Numbers<'a>,
    pub(super) bytes: &'a [u8],
    /// A power of two of places; the number of a string plus one, or zero.
    pub(super) slots: Numbers<'a>,
}

impl Keys<'_> {
    /// The number of `key`.
    pub(super) fn find(self, key: &[u8]) -> Option<u32> {
        let places = self.slots.0.len() / 4;
        let first = hash(key) as usize;
        for step in 0..places {
            let number = self
                .slots
                .get((first + step) & (places - 1))?
                .checked_sub(1)?;
            let start = self.starts.get(number as usize)? as usize;
            let end = self.starts.get(number as usize + 1)? as usize;
            if self.bytes.get(start..end)? == key {
                return Some(number);
            }
        }
        None
    }
}

/// Collects byte strings and numbers them in the order in which they come.
#[derive(Debug, Default)]
pub(super) struct KeyWriter {
    numbers: FxHashMap<Box<[u8]>, u32>,
    starts: Vec<u32>,
    bytes: Vec<u8>,
}

impl KeyWriter {
    /// The number of `key`, which may be new.
    pub(super) fn number(&mut self, key: &[u8]) -> u32 {
        if let Some(&number) = self.numbers.get(key) {
            return number;
        }
        let number = count(self.starts.len());
        self.starts.push(count(self.bytes.len()));
        self.bytes.extend_from_slice(key);
        self.numbers.insert(key.into(), number);
        number
    }

    /// Adds the beginnings of all strings, each a multiple of `step` bytes long.
    pub(super) fn close(&mut self, step: usize) {
        for number in 0..self.starts.len() {
            let start = self.starts[number] as usize;
            let end = self
                .starts
                .get(number + 1)
                .map_or(self.bytes.len(), |&end| end as usize);
            for length in (step..end - start).step_by(step) {
                let beginning = self.bytes[start..start + length].to_vec();
                self.number(&beginning);
            }
        }
    }

    /// How many strings there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The three blocks of [`Keys`].
    pub(super) fn blocks(self) -> [Vec<u8>; 3] {
        let places = (2 * self.starts.len()).next_power_of_two();
        let mut slots = vec![0_u32; places];
        let ends = self
            .starts
            .iter()
            .skip(1)
            .copied()
            .chain([count(self.bytes.len())]);
        for (index, (&start, end)) in self.starts.iter().zip(ends).enumerate() {
            let mut place = hash(&self.bytes[start as usize..end as usize]) as usize & (places - 1);
            while slots[place] != 0 {
                place = (place + 1) & (places - 1);
            }
            slots[place] = count(index + 1);
        }
        let starts = self.starts.into_iter().chain([count(self.bytes.len())]);
        [to_bytes(starts), self.bytes, to_bytes(slots)]
    }
}

/// Numbers as a block.
pub(super) fn to_bytes(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A length as a number of the file.
pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).expect("the tables hold fewer than 2^32 bytes")
}

/// FNV-1a with 64 bits, folded so that the low bits are good.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_and_no_other() {
        let mut writer = KeyWriter::default();
        let words: Vec<String> = (0..500).map(|n| format!("word{n}")).collect();
        for (number, word) in words.iter().enumerate() {
            assert_eq!(writer.number(word.as_bytes()), count(number));
        }
        assert_eq!(writer.number(b"word7"), 7);
        let [starts, bytes, slots] = writer.blocks();
        let keys = Keys {
            starts: Numbers(&starts),
            bytes: &bytes,
            slots: Numbers(&slots),
        };
        for (number, word) in words.iter().enumerate() {
            assert_eq!(keys.find(word.as_bytes()), Some(count(number)));
        }
        assert_eq!(keys.find(b"word"), None);
        assert_eq!(keys.find(b""), None);
    }

    #[test]
    fn beginnings_come_behind_the_strings_they_begin() {
        let mut writer = KeyWriter::default();
        assert_eq!(writer.number(b"abcdef"), 0);
        assert_eq!(writer.number(b"abcd"), 1);
        writer.close(2);
        assert_eq!(writer.len(), 3);
        assert_eq!(writer.number(b"ab"), 2);
    }

    #[test]
    fn nothing_is_found_among_no_keys() {
        let [starts, bytes, slots] = KeyWriter::default().blocks();
        let keys = Keys {
            starts: Numbers(&starts),
            bytes: &bytes,
            slots: Numbers(&slots),
        };
        assert_eq!(keys.find(b"word"), None);
    }
}
