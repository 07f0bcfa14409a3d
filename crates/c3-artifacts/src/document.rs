//! JSON that says what it is: `{"format", "version", ...}`, fields in a fixed order.

use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{ArtifactError, atomic};

/// A kind of JSON file.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const FORMAT: &'static str;
    const VERSION: u32;
}

#[derive(Serialize)]
struct Tagged<'a, D> {
    format: &'static str,
    version: u32,
    #[serde(flatten)]
    body: &'a D,
}

/// What every version of every file of ours begins with.
#[derive(Deserialize)]
struct Tag {
    format: Option<String>,
    version: Option<u32>,
}

pub(crate) fn to_text<D: Document>(body: &D) -> Result<String, serde_json::Error> {
    let (format, version) = (D::FORMAT, D::VERSION);
    let tagged = Tagged {
        format,
        version,
        body,
    };
    serde_json::to_string_pretty(&tagged).map(|text| text + "\n")
}

/// Reads a document out of the text of `path`.
pub(crate) fn from_text<D: Document>(path: &Path, text: &str) -> Result<D, ArtifactError> {
    let broken = |source| ArtifactError::Json {
        path: path.to_owned(),
        format: D::FORMAT,
        source,
    };
    let tag: Tag = serde_json::from_str(text).map_err(broken)?;
    let (Some(format), Some(found)) = (tag.format, tag.version) else {
        return Err(other_format::<D>(path));
    };
    if format != D::FORMAT {
        return Err(other_format::<D>(path));
    }
    if found != D::VERSION {
        return Err(ArtifactError::Version {
            path: path.to_owned(),
            format: D::FORMAT,
            expected: D::VERSION,
            found,
        });
    }
    serde_json::from_str(text).map_err(broken)
}

pub(crate) fn write<D: Document>(path: &Path, body: &D) -> Result<(), ArtifactError> {
    let text = to_text(body).map_err(|error| ArtifactError::Write {
        path: path.to_owned(),
        source: io::Error::from(error),
    })?;
    atomic::write(path, text.as_bytes())
}

pub(crate) fn read<D: Document>(path: &Path, advice: &'static str) -> Result<D, ArtifactError> {
    from_text(path, &read_text(path, advice)?)
}

/// Reads a file; one that is not there gets `advice`.
pub(crate) fn read_bytes(path: &Path, advice: &'static str) -> Result<Vec<u8>, ArtifactError> {
    fs::read(path).map_err(|source| unreadable(path, advice, source))
}

fn read_text(path: &Path, advice: &'static str) -> Result<String, ArtifactError> {
    fs::read_to_string(path).map_err(|source| unreadable(path, advice, source))
}

fn unreadable(path: &Path, advice: &'static str, source: io::Error) -> ArtifactError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => ArtifactError::Missing { path, advice },
        _ => ArtifactError::Read { path, source },
    }
}

fn other_format<D: Document>(path: &Path) -> ArtifactError {
    ArtifactError::Format {
        path: path.to_owned(),
        format: D::FORMAT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Tea {
        leaves: u64,
        grams: f64,
    }

    impl Document for Tea {
        const FORMAT: &'static str = "c3-tea";
        const VERSION: u32 = 2;
    }

    const POT: Tea = Tea {
        leaves: u64::MAX,
        grams: 0.1 + 0.2,
    };

    fn error(text: &str) -> String {
        let read = from_text::<Tea>(Path::new("tea.json"), text);
        read.unwrap_err().to_string()
    }

    #[test]
    fn a_document_comes_back_bit_for_bit() {
        let text = to_text(&POT).unwrap();
        assert!(text.starts_with("{\n  \"format\": \"c3-tea\",\n  \"version\": 2,\n"));
        assert_eq!(from_text::<Tea>(Path::new("tea.json"), &text).unwrap(), POT);
    }

    #[test]
    fn a_file_that_was_cut_off_is_named() {
        let text = to_text(&POT).unwrap();
        let cut = &text[..text.len() / 2];
        assert_eq!(
            error(cut),
            "`tea.json` is not a c3-tea file, or was cut off"
        );
    }

    #[test]
    fn another_version_names_both() {
        let text = to_text(&POT)
            .unwrap()
            .replace("\"version\": 2", "\"version\": 3");
        let expected = "`tea.json` is version 3 of c3-tea; this program reads version 2";
        assert_eq!(error(&text), expected);
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        let expected = "`tea.json` does not say that it holds c3-tea; \
                        expected a file written by C3";
        assert_eq!(error("{\"leaves\": 1}"), expected);
        let text = to_text(&POT).unwrap().replace("c3-tea", "c3-soup");
        assert_eq!(error(&text), expected);
    }

    #[test]
    fn a_missing_field_is_an_error() {
        let text = to_text(&POT).unwrap().replace("leaves", "bags");
        assert_eq!(
            error(&text),
            "`tea.json` is not a c3-tea file, or was cut off"
        );
    }

    #[test]
    fn a_file_that_is_not_there_gets_the_advice() {
        let read = read::<Tea>(Path::new("no/tea.json"), "brew some first");
        assert_eq!(
            read.unwrap_err().to_string(),
            "`no/tea.json` is not there; brew some first"
        );
    }
}
