//! NumPy's `.npy` files (format versions 1 to 3).

use super::{Kind, Numbers};
use crate::DatasetError;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header that is read; NumPy itself stops at ten thousand bytes.
const LONGEST: usize = 65_536;

/// Reads the header of a `.npy` file and finds its numbers.
///
/// Floating-point arrays in C order, smallest byte first. An array of Python objects is a
/// pickle, which would run code when read, and is refused.
///
/// # Errors
///
/// [`DatasetError::NotNpy`], [`DatasetError::NpyHeader`], [`DatasetError::NpyObjects`],
/// [`DatasetError::NpyType`], [`DatasetError::NpyOrder`], [`DatasetError::CutOff`].
pub fn parse(bytes: &[u8]) -> Result<Numbers<'_>, DatasetError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(DatasetError::NotNpy)?;
    let (header, data) = split(rest).ok_or(DatasetError::NpyHeader {
        what: "is cut off, or longer than any header",
    })?;
    let header = std::str::from_utf8(header).map_err(|_| DatasetError::NpyHeader {
        what: "is not UTF-8",
    })?;
    let kind = kind(header)?;
    match value(header, "fortran_order") {
        Some(text) if text.starts_with("False") => {}
        Some(text) if text.starts_with("True") => return Err(DatasetError::NpyOrder),
        _ => {
            let what = "does not say its `fortran_order`";
            return Err(DatasetError::NpyHeader { what });
        }
    }
    let shape = shape(header).ok_or(DatasetError::NpyHeader {
        what: "has no `shape` of whole numbers",
    })?;
    Numbers::new(shape, kind, data)
}

/// The header, and what comes after it.
fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match rest {
        [1, _, a, b, rest @ ..] => (usize::from(u16::from_le_bytes([*a, *b])), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]);
            (usize::try_from(length).ok()?, rest)
        }
        _ => return None,
    };
    (length <= LONGEST && length <= rest.len()).then(|| rest.split_at(length))
}

/// The text after a key of the header's dictionary.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    ['\'', '"'].iter().find_map(|quote| {
        let (_, after) = header.split_once(&format!("{quote}{key}{quote}"))?;
        Some(after.trim_start().strip_prefix(':')?.trim_start())
    })
}

fn kind(header: &str) -> Result<Kind, DatasetError> {
    let text = value(header, "descr").ok_or(DatasetError::NpyHeader {
        what: "does not say its `descr`",
    })?;
    let quote = text.chars().next().filter(|quote| "'\"".contains(*quote));
    let name = quote.and_then(|quote| text[1..].split(quote).next());
    match name {
        Some("<f2" | "=f2") => Ok(Kind::F16),
        Some("<f4" | "=f4") => Ok(Kind::F32),
        Some("<f8" | "=f8") => Ok(Kind::F64),
        Some(name) if name.ends_with('O') => Err(DatasetError::NpyObjects),
        other => Err(DatasetError::NpyType {
            found: other.unwrap_or("a record").chars().take(16).collect(),
        }),
    }
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let inside = value(header, "shape")?.strip_prefix('(')?;
    let (inside, _) = inside.split_once(')')?;
    let axes = inside
        .split(',')
        .map(str::trim)
        .filter(|axis| !axis.is_empty());
    axes.map(|axis| axis.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[1, 0]].concat();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn header(descr: &str, order: &str, shape: &str) -> String {
        format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n")
    }

    fn refused(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn every_version_and_kind_is_read() {
        let text = header("'<f8'", "False", "(1, 1)");
        let mut second = [MAGIC, &[2, 0]].concat();
        second.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        second.extend(text.as_bytes());
        second.extend(2.5_f64.to_le_bytes());
        for bytes in [file(&text, &2.5_f64.to_le_bytes()), second] {
            let numbers = parse(&bytes).unwrap();
            assert_eq!(numbers.kind(), Kind::F64);
            assert_eq!(numbers.matrices().unwrap()[0].rows(0..1), [2.5]);
        }
    }

    #[test]
    fn a_pickle_is_refused_and_said_why() {
        let said = refused(&file(
            &header("'|O'", "False", "(3,)"),
            b"\x80\x04cos\nsystem",
        ));
        assert!(said.contains("pickled Python objects"), "{said}");
    }

    #[test]
    fn a_promise_that_the_file_does_not_hold_is_counted() {
        let text = header("'<f4'", "False", "(1000000, 512)");
        let said = refused(&file(&text, &[0; 40]));
        assert!(
            said.contains("2048000000") && said.contains("40 bytes"),
            "{said}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let good = header("'<f4'", "False", "(1, 1)");
        assert!(refused(b"PK\x03\x04").contains("not a NumPy"));
        assert!(refused(&file(&good, &[0; 4])[..20]).contains("cut off"));
        assert!(refused(&file(&header("'<i8'", "False", "(1, 1)"), &[0; 8])).contains("`<i8`"));
        let record = header("[('a', '<f4')]", "False", "(1,)");
        assert!(refused(&file(&record, &[0; 4])).contains("a record"));
        let turned = header("'<f4'", "True", "(1, 1)");
        assert!(refused(&file(&turned, &[0; 4])).contains("Fortran"));
        let negative = header("'<f4'", "False", "(-1, 1)");
        assert!(refused(&file(&negative, &[0; 4])).contains("shape"));
        assert!(refused(&file("{}", &[])).contains("descr"));
    }
}
