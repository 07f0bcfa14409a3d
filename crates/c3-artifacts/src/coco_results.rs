//! Captions and references in COCO's formats, for our scorer and everybody else's.
//!
//! Results: `[{"image_id", "caption"}]`. References:
//! `{"images": [{"id", "file_name"}], "annotations": [{"id", "image_id", "caption"}]}`.

use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{ArtifactError, atomic, document};

const ADVICE: &str = "write it with `cargo xtask caption --format coco`";

/// COCO numbers its images; other data sets name them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageId {
    /// As in COCO.
    Number(u64),
    /// A file name, mostly.
    Name(String),
}

impl ImageId {
    /// A number if `name` is one, written as COCO writes it; else the name.
    pub fn from_name(name: &str) -> Self {
        match name.parse::<u64>() {
            Ok(number) if number.to_string() == name => Self::Number(number),
            _ => Self::Name(name.to_owned()),
        }
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// One caption that a model gave to an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionResult {
    /// The image.
    pub image_id: ImageId,
    /// What the model said.
    pub caption: String,
}

/// An image and what people said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The image.
    pub image_id: ImageId,
    /// Where its pixels are.
    pub file_name: String,
    /// Captions by people.
    pub captions: Vec<String>,
}

/// Writes results under `path`, all or nothing, one caption a line.
///
/// # Errors
///
/// [`ArtifactError::Write`].
pub fn write_results(path: &Path, results: &[CaptionResult]) -> Result<(), ArtifactError> {
    atomic::write_with(path, |file| {
        file.write_all(b"[")?;
        for (place, result) in results.iter().enumerate() {
            file.write_all(if place == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut *file, result)?;
        }
        file.write_all(b"\n]\n")
    })
}

/// Reads results, ours or others'; other keys are passed over.
///
/// # Errors
///
/// [`ArtifactError::Missing`], [`ArtifactError::Read`], [`ArtifactError::Json`].
pub fn read_results(path: &Path) -> Result<Vec<CaptionResult>, ArtifactError> {
    let bytes = document::read_bytes(path, ADVICE)?;
    serde_json::from_slice(&bytes).map_err(|source| ArtifactError::Json {
        path: path.to_owned(),
        format: "COCO results",
        source,
    })
}

/// Writes references under `path`, all or nothing; annotations are numbered from 1.
///
/// # Errors
///
/// [`ArtifactError::Write`].
pub fn write_references(path: &Path, references: &[Reference]) -> Result<(), ArtifactError> {
    let images = references.iter().map(|reference| Image {
        id: &reference.image_id,
        file_name: &reference.file_name,
    });
    let pairs = references.iter().flat_map(|reference| {
        let captions = reference.captions.iter();
        captions.map(|caption| (&reference.image_id, caption))
    });
    let annotations = (1..)
        .zip(pairs)
        .map(|(id, (image_id, caption))| Annotation {
            id,
            image_id,
            caption,
        });
    let file = Annotations {
        images: images.collect(),
        annotations: annotations.collect(),
    };
    atomic::write_with(path, |writer| {
        serde_json::to_writer(&mut *writer, &file).map_err(io::Error::from)?;
        writer.write_all(b"\n")
    })
}

#[derive(Serialize)]
struct Annotations<'a> {
    images: Vec<Image<'a>>,
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
struct Image<'a> {
    id: &'a ImageId,
    file_name: &'a str,
}

#[derive(Serialize)]
struct Annotation<'a> {
    id: u64,
    image_id: &'a ImageId,
    caption: &'a str,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn results_come_back_with_numbers_and_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("captions.json");
        let results = [
            ("42", "a \"calm\" sea"),
            ("sea.jpg", "water"),
            ("007", "a spy"),
        ];
        let results = results.map(|(name, caption)| CaptionResult {
            image_id: ImageId::from_name(name),
            caption: caption.to_owned(),
        });
        write_results(&path, &results).unwrap();
        assert_eq!(read_results(&path).unwrap(), results);
        let text = fs::read_to_string(&path).unwrap();
        let expected = "[\n{\"image_id\":42,\"caption\":\"a \\\"calm\\\" sea\"},\n\
                        {\"image_id\":\"sea.jpg\",\"caption\":\"water\"},\n\
                        {\"image_id\":\"007\",\"caption\":\"a spy\"}\n]\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_results_are_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("captions.json");
        write_results(&path, &[]).unwrap();
        assert_eq!(read_results(&path).unwrap(), []);
    }

    #[test]
    fn results_that_were_cut_off_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("captions.json");
        fs::write(&path, "[{\"image_id\":42,").unwrap();
        let error = read_results(&path).unwrap_err().to_string();
        assert!(error.ends_with("captions.json` is not a COCO results file, or was cut off"));
    }

    #[test]
    fn references_number_their_annotations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("references.json");
        let reference = Reference {
            image_id: ImageId::from_name("sea.jpg"),
            file_name: "images/sea.jpg".to_owned(),
            captions: vec!["a calm sea".to_owned(), "water".to_owned()],
        };
        write_references(&path, &[reference]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected = r#"{"images":[{"id":"sea.jpg","file_name":"images/sea.jpg"}],"annotations":[{"id":1,"image_id":"sea.jpg","caption":"a calm sea"},{"id":2,"image_id":"sea.jpg","caption":"water"}]}"#;
        assert_eq!(text.trim_end(), expected);
    }
}
