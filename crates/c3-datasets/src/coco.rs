//! COCO caption annotations (Chen et al. 2015, arXiv:1504.00325).
//!
//! `{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}`;
//! other keys are passed over.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use serde::Deserialize;

use crate::DatasetError;
use crate::sample::{Picture, Sample, stays_inside};

/// Reads an annotation file: a sample per image, in the order of `images`.
///
/// A sample is named by its image id, so that results can be compared with the
/// same file; ids may be numbers or strings.
///
/// # Errors
///
/// [`DatasetError::Json`], [`DatasetError::RepeatedImage`], [`DatasetError::UnknownImage`],
/// [`DatasetError::Uncaptioned`], [`DatasetError::ImageFile`].
///
/// # Examples
///
/// ```
/// # use c3_datasets::coco;
/// let file = r#"{"images": [{"id": 42, "file_name": "sea.jpg"}],
///                "annotations": [{"id": 1, "image_id": 42, "caption": "A calm sea."}]}"#;
/// let samples = coco::read(file.as_bytes())?;
/// assert_eq!((samples[0].name.as_str(), samples[0].captions.len()), ("42", 1));
/// # Ok::<_, c3_datasets::DatasetError>(())
/// ```
pub fn read(reader: impl BufRead) -> Result<Vec<Sample>, DatasetError> {
    let file: File = serde_json::from_reader(reader).map_err(|source| DatasetError::Json {
        expected: "a COCO caption file: `images` and `annotations`",
        source,
    })?;
    let mut places = HashMap::new();
    let mut samples = Vec::with_capacity(file.images.len());
    for image in file.images {
        if places.insert(image.id.to_string(), samples.len()).is_some() {
            let id = image.id.to_string();
            return Err(DatasetError::RepeatedImage { id });
        }
        samples.push(image.into_sample()?);
    }
    for Annotation { image_id, caption } in file.annotations {
        let id = image_id.to_string();
        let Some(&place) = places.get(&id) else {
            return Err(DatasetError::UnknownImage { id });
        };
        samples[place].captions.push(caption.trim().to_owned());
    }
    match samples.iter().find(|sample| !is_captioned(sample)) {
        Some(sample) => Err(DatasetError::Uncaptioned {
            id: sample.name.clone(),
        }),
        None => Ok(samples),
    }
}

pub(crate) fn is_captioned(sample: &Sample) -> bool {
    !sample.captions.is_empty() && sample.captions.iter().all(|caption| !caption.is_empty())
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    /// Absent in files that only serve scoring: the id stands for it.
    file_name: Option<String>,
}

impl Image {
    fn into_sample(self) -> Result<Sample, DatasetError> {
        let name = self.id.to_string();
        let file = self.file_name.unwrap_or_else(|| name.clone());
        if !stays_inside(&file) {
            return Err(DatasetError::ImageFile { id: name, file });
        }
        Ok(Sample {
            name,
            picture: Picture::File(file),
            captions: Vec::new(),
        })
    }
}

#[derive(Deserialize)]
struct Annotation {
    image_id: Id,
    caption: String,
}

/// COCO numbers its images; files made by others name them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(u64),
    Name(String),
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(images: &str, annotations: &str) -> Result<Vec<Sample>, DatasetError> {
        let file =
            format!(r#"{{"info": 0, "images": [{images}], "annotations": [{annotations}]}}"#);
        read(file.as_bytes())
    }

    #[test]
    fn captions_find_their_image_in_any_order() {
        let images = r#"{"id": 2, "file_name": "b.jpg"}, {"id": "one", "file_name": "a/a.jpg"}"#;
        let captions = r#"{"image_id": "one", "caption": " A ."}, {"image_id": 2, "caption": "B ."},
                          {"image_id": "one", "caption": "C ."}"#;
        let samples = samples(images, captions).unwrap();
        assert_eq!(samples[0].name, "2");
        assert_eq!(samples[1].captions, ["A .", "C ."]);
        assert_eq!(samples[1].picture, Picture::File("a/a.jpg".into()));
    }

    #[test]
    fn wrong_annotations_are_named() {
        let image = r#"{"id": 2, "file_name": "b.jpg"}"#;
        let caption = r#"{"image_id": 2, "caption": "B ."}"#;
        let lost = r#"{"image_id": 3, "caption": "C ."}"#;
        let empty = r#"{"image_id": 2, "caption": " "}"#;
        let escaped = r#"{"id": 2, "file_name": "/etc/passwd"}"#;
        let twice = format!("{image}, {image}");
        let cases = [
            (
                image,
                lost,
                "a caption belongs to image `3`, which `images` does not list",
            ),
            (&twice, caption, "image `2` is listed twice"),
            (image, "", "image `2` has no caption, or an empty one"),
            (image, empty, "image `2` has no caption, or an empty one"),
            (
                escaped,
                caption,
                "image `2` is in `/etc/passwd`; expected a file below the picture folder",
            ),
        ];
        for (images, captions, expected) in cases {
            assert_eq!(samples(images, captions).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_truncated_file_is_not_coco() {
        let error = read(&br#"{"images": [{"id""#[..]).unwrap_err();
        let expected = "not a COCO caption file: `images` and `annotations`";
        assert_eq!(error.to_string(), expected);
    }
}
