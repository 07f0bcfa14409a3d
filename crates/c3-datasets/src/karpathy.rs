//! Karpathy's splits of COCO, Flickr8k and Flickr30k (Karpathy & Fei-Fei 2015, CVPR).
//!
//! `{"images": [{"filename", "filepath"?, "cocoid"?, "split", "sentences": [{"raw"}]}]}`;
//! other keys are passed over. Captions are the raw strings, not the tokens.

use std::collections::HashSet;
use std::io::BufRead;

use serde::Deserialize;

use crate::DatasetError;
use crate::coco::is_captioned;
use crate::sample::{Picture, Sample, Split, stays_inside};

/// Reads a split file: every sample with its split, in the order of the file.
///
/// `restval` counts as train, as captioning papers count it (113,287 images of
/// COCO). A sample is named by its COCO id if it has one, else by its file name.
///
/// # Errors
///
/// [`DatasetError::Json`], [`DatasetError::RepeatedImage`], [`DatasetError::UnknownSplit`],
/// [`DatasetError::Uncaptioned`], [`DatasetError::ImageFile`].
///
/// # Examples
///
/// ```
/// # use c3_datasets::{Split, karpathy};
/// let file = r#"{"images": [{"filename": "sea.jpg", "split": "restval",
///                            "sentences": [{"raw": "A calm sea."}]}]}"#;
/// let samples = karpathy::read(file.as_bytes())?;
/// assert_eq!((samples[0].0, samples[0].1.name.as_str()), (Split::Train, "sea.jpg"));
/// # Ok::<_, c3_datasets::DatasetError>(())
/// ```
pub fn read(reader: impl BufRead) -> Result<Vec<(Split, Sample)>, DatasetError> {
    let file: File = serde_json::from_reader(reader).map_err(|source| DatasetError::Json {
        expected: "a Karpathy split file: `images` with `filename`, `split`, `sentences`",
        source,
    })?;
    let mut seen = HashSet::new();
    let mut samples = Vec::with_capacity(file.images.len());
    for image in file.images {
        let (split, sample) = image.into_sample()?;
        if !seen.insert(sample.name.clone()) {
            return Err(DatasetError::RepeatedImage { id: sample.name });
        }
        samples.push((split, sample));
    }
    Ok(samples)
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    filename: String,
    filepath: Option<String>,
    cocoid: Option<u64>,
    split: String,
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    raw: String,
}

impl Image {
    fn into_sample(self) -> Result<(Split, Sample), DatasetError> {
        let id = match self.cocoid {
            Some(id) => id.to_string(),
            None => self.filename.clone(),
        };
        let file = match self.filepath {
            Some(folder) => format!("{folder}/{}", self.filename),
            None => self.filename,
        };
        if !stays_inside(&file) {
            return Err(DatasetError::ImageFile { id, file });
        }
        let split = match self.split.as_str() {
            "train" | "restval" => Split::Train,
            "val" => Split::Dev,
            "test" => Split::Test,
            _ => {
                let split = self.split;
                return Err(DatasetError::UnknownSplit { id, split });
            }
        };
        let raw = self.sentences.into_iter().map(|sentence| sentence.raw);
        let sample = Sample {
            name: id,
            picture: Picture::File(file),
            captions: raw.map(|caption| caption.trim().to_owned()).collect(),
        };
        match is_captioned(&sample) {
            true => Ok((split, sample)),
            false => Err(DatasetError::Uncaptioned { id: sample.name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEA: &str = r#"{"filename": "sea.jpg", "filepath": "val2014", "cocoid": 42,
        "imgid": 0, "split": "val", "sentences": [{"raw": "A calm sea.\n", "tokens": []}]}"#;

    fn samples(images: &str) -> Result<Vec<(Split, Sample)>, String> {
        let file = format!(r#"{{"images": [{images}], "dataset": "coco"}}"#);
        read(file.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_coco_image_keeps_its_id_and_folder() {
        let [(split, sample)] = samples(SEA).unwrap().try_into().unwrap();
        assert_eq!((split, sample.name.as_str()), (Split::Dev, "42"));
        assert_eq!(sample.picture, Picture::File("val2014/sea.jpg".into()));
        assert_eq!(sample.captions, ["A calm sea."]);
    }

    #[test]
    fn wrong_images_are_named() {
        let cases = [
            (format!("{SEA}, {SEA}"), "image `42` is listed twice"),
            (
                SEA.replace(r#""val""#, r#""dev""#),
                "image `42` is in split `dev`; expected train, restval, val or test",
            ),
            (
                SEA.replace("val2014", "../val2014"),
                "image `42` is in `../val2014/sea.jpg`; \
                 expected a file below the picture folder",
            ),
            (
                SEA.replace(r"A calm sea.\n", ""),
                "image `42` has no caption, or an empty one",
            ),
            (
                SEA.replace("filename", "name"),
                "not a Karpathy split file: `images` with `filename`, `split`, `sentences`",
            ),
        ];
        for (images, expected) in cases {
            assert_eq!(samples(&images).unwrap_err(), expected);
        }
    }
}
