//! The JSON files of the COCO caption task: annotations and results.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    io::{Read, Write},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::MetricError;

/// What a file calls an image: a number, as in COCO, or a name.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum ImageId {
    /// A number.
    Number(i64),
    /// A name, such as that of a picture file.
    Name(String),
}

/// One caption of one image: an entry of a results file.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Captioned {
    /// The image.
    pub image_id: ImageId,
    /// What is said of it.
    pub caption: String,
}

/// An annotations file: images and their reference captions.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Annotations {
    /// The images, in the order in which they are scored.
    pub images: Vec<Image>,
    /// Their captions, in any order.
    pub annotations: Vec<Captioned>,
}

/// An image of an annotations file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Image {
    /// The image.
    pub id: ImageId,
    /// Its picture file, if the annotations name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
}

/// What to do with an annotated image that has no result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Missing {
    /// Refuse to score, as the COCO toolkit does by default.
    #[default]
    Refuse,
    /// Score the images that have a result.
    Skip,
}

/// What is odd in an annotations file, and yet is scored as the COCO toolkit scores it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Oddities {
    /// Images listed again: each counts once.
    pub repeated_images: usize,
    /// Captions that their image has already: each counts as one more.
    pub repeated_captions: usize,
    /// Captions of images that are not listed: they do not count.
    pub unlisted_captions: usize,
}

/// Captions beside their references, ready for [`score`](crate::score).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Paired {
    /// The images, in the order of the annotations file.
    pub images: Vec<ImageId>,
    /// The reference captions of each image.
    pub references: Vec<Vec<String>>,
    /// The caption of each image that is to be scored.
    pub captions: Vec<String>,
}

/// Reads a results file: a list of `{"image_id": ..., "caption": ...}`.
///
/// # Errors
///
/// [`MetricError::Read`], [`MetricError::NotUtf8`] or [`MetricError::Json`].
pub fn read_results(source: impl Read) -> Result<Vec<Captioned>, MetricError> {
    read_json(source)
}

/// Writes a results file.
///
/// # Errors
///
/// [`MetricError::Write`] if `target` takes no more.
pub fn write_results(results: &[Captioned], target: impl Write) -> Result<(), MetricError> {
    serde_json::to_writer(target, results).map_err(|source| MetricError::Write(source.into()))
}

impl Annotations {
    /// Reads an annotations file; fields other than ids and captions are passed over.
    ///
    /// # Errors
    ///
    /// [`MetricError::Read`], [`MetricError::NotUtf8`] or [`MetricError::Json`].
    pub fn read(source: impl Read) -> Result<Self, MetricError> {
        read_json(source)
    }

    /// Writes an annotations file.
    ///
    /// # Errors
    ///
    /// [`MetricError::Write`] if `target` takes no more.
    pub fn write(&self, target: impl Write) -> Result<(), MetricError> {
        serde_json::to_writer(target, self).map_err(|source| MetricError::Write(source.into()))
    }

    /// Puts results beside the references of their images.
    ///
    /// An image listed twice counts once, and a caption listed twice counts twice, as
    /// in the COCO toolkit; a caption of an image that is not listed is passed over.
    /// [`Annotations::oddities`] counts them.
    ///
    /// # Errors
    ///
    /// - [`MetricError::UnknownImage`] if a result names an image that is not listed.
    /// - [`MetricError::DuplicateResult`] if two results name one image.
    /// - [`MetricError::MissingResult`] if an image has no result, unless skipped.
    /// - [`MetricError::NoReferenceCaption`] if a scored image has no caption.
    pub fn pair(&self, results: &[Captioned], missing: Missing) -> Result<Paired, MetricError> {
        let mut captions = self.results_by_image(results)?;
        let mut references: HashMap<&ImageId, Vec<String>> = HashMap::new();
        for Captioned { image_id, caption } in &self.annotations {
            references
                .entry(image_id)
                .or_default()
                .push(caption.clone());
        }
        let mut paired = Paired::default();
        for image in self.distinct_images() {
            match (captions.remove(image), missing) {
                (Some(caption), _) => {
                    let of_image = references.remove(image);
                    let of_image = of_image.ok_or_else(|| MetricError::NoReferenceCaption {
                        image: image.clone(),
                    })?;
                    paired.images.push(image.clone());
                    paired.references.push(of_image);
                    paired.captions.push(caption.to_owned());
                }
                (None, Missing::Refuse) => {
                    return Err(MetricError::MissingResult {
                        image: image.clone(),
                    });
                }
                (None, Missing::Skip) => {}
            }
        }
        Ok(paired)
    }

    /// Counts what [`Annotations::pair`] passes over or takes as it stands.
    #[must_use]
    pub fn oddities(&self) -> Oddities {
        let known: HashSet<&ImageId> = self.distinct_images().collect();
        let mut seen = HashSet::new();
        let each = self.annotations.iter();
        let repeated = each.filter(|annotation| !seen.insert(*annotation));
        let repeated_captions = repeated.count();
        let unlisted = |annotation: &&Captioned| !known.contains(&annotation.image_id);
        Oddities {
            repeated_images: self.images.len() - known.len(),
            repeated_captions,
            unlisted_captions: self.annotations.iter().filter(unlisted).count(),
        }
    }

    fn distinct_images(&self) -> impl Iterator<Item = &ImageId> {
        let mut seen = HashSet::new();
        self.images
            .iter()
            .map(|image| &image.id)
            .filter(move |id| seen.insert(*id))
    }

    fn results_by_image<'a>(
        &self,
        results: &'a [Captioned],
    ) -> Result<HashMap<&'a ImageId, &'a str>, MetricError> {
        let known: HashSet<&ImageId> = self.distinct_images().collect();
        let mut captions = HashMap::new();
        for Captioned { image_id, caption } in results {
            if !known.contains(image_id) {
                return Err(MetricError::UnknownImage {
                    image: image_id.clone(),
                });
            }
            if captions.insert(image_id, caption.as_str()).is_some() {
                return Err(MetricError::DuplicateResult {
                    image: image_id.clone(),
                });
            }
        }
        Ok(captions)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Name(name) => write!(formatter, "`{name}`"),
        }
    }
}

impl From<i64> for ImageId {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for ImageId {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(mut source: impl Read) -> Result<T, MetricError> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(MetricError::Read)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|error| not_utf8(&bytes, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text); // some editors write a mark
    serde_json::from_str(text).map_err(MetricError::Json)
}

fn not_utf8(bytes: &[u8], valid: usize) -> MetricError {
    let line_start = bytes[..valid]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = 1 + bytes[..valid].iter().filter(|&&byte| byte == b'\n').count();
    MetricError::NotUtf8 {
        line,
        column: 1 + valid - line_start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNOTATIONS: &str = r#"{
        "info": {"year": 2014},
        "images": [{"id": 2, "file_name": "b.jpg"}, {"id": 1}],
        "annotations": [
            {"image_id": 1, "id": 10, "caption": "a cat"},
            {"image_id": 2, "id": 11, "caption": "a dog"},
            {"image_id": 1, "id": 12, "caption": "the cat"}
        ]
    }"#;

    fn annotations() -> Annotations {
        Annotations::read(ANNOTATIONS.as_bytes()).unwrap()
    }

    fn result(image: i64, caption: &str) -> Captioned {
        Captioned {
            image_id: image.into(),
            caption: caption.to_owned(),
        }
    }

    #[test]
    fn images_keep_the_order_of_the_annotations_file() {
        let results = [result(1, "cat"), result(2, "dog")];
        let paired = annotations().pair(&results, Missing::Refuse).unwrap();
        assert_eq!(paired.images, [2.into(), 1.into()]);
        assert_eq!(paired.captions, ["dog", "cat"]);
        assert_eq!(paired.references, [vec!["a dog"], vec!["a cat", "the cat"]]);
    }

    #[test]
    fn a_result_for_an_unknown_image_is_named() {
        let error = annotations()
            .pair(&[result(7, "x")], Missing::Skip)
            .unwrap_err();
        let said = "the result for image 7 has no image in the annotations";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn a_missing_result_is_refused_or_skipped() {
        let results = [result(1, "cat")];
        let error = annotations().pair(&results, Missing::Refuse).unwrap_err();
        assert_eq!(error.to_string(), "image 2 has no result");
        let paired = annotations().pair(&results, Missing::Skip).unwrap();
        assert_eq!(paired.images, [1.into()]);
    }

    #[test]
    fn two_results_for_one_image_are_refused() {
        let results = [result(1, "cat"), result(1, "dog")];
        let error = annotations().pair(&results, Missing::Skip).unwrap_err();
        let said = "image 1 has more than one result; the COCO toolkit refuses that too";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn an_image_without_captions_is_named() {
        let mut annotations = annotations();
        annotations.annotations.remove(1);
        let error = annotations
            .pair(&[result(2, "dog")], Missing::Skip)
            .unwrap_err();
        assert_eq!(error.to_string(), "image 2 has no reference caption");
    }

    #[test]
    fn an_image_listed_twice_counts_once() {
        let mut annotations = annotations();
        annotations.images.push(Image {
            id: 2.into(),
            file_name: None,
        });
        annotations.annotations.push(result(1, "a cat"));
        annotations.annotations.push(result(9, "lost"));
        let results = [result(1, "cat"), result(2, "dog")];
        let paired = annotations.pair(&results, Missing::Refuse).unwrap();
        assert_eq!(paired.images.len(), 2);
        assert_eq!(paired.references[1].len(), 3);
        let odd = annotations.oddities();
        let counts = [
            odd.repeated_images,
            odd.repeated_captions,
            odd.unlisted_captions,
        ];
        assert_eq!(counts, [1, 1, 1]);
    }

    #[test]
    fn broken_json_names_its_line_and_column() {
        let error = read_results("[\n  {\"image_id\": 1,}\n]".as_bytes()).unwrap_err();
        assert!(
            error.to_string().ends_with("at line 2 column 18"),
            "{error}"
        );
        let error = read_results(r#"[{"image_id": 1}]"#.as_bytes()).unwrap_err();
        assert!(
            error.to_string().contains("missing field `caption`"),
            "{error}"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_name_their_line_and_column() {
        let error = read_results(&b"[\n\"ab\xFF\"]"[..]).unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 4 is not UTF-8 text");
    }

    #[test]
    fn what_is_written_reads_back() {
        let results = [Captioned {
            image_id: "a.jpg".into(),
            caption: "\"é\"\n".to_owned(),
        }];
        let mut file = Vec::new();
        write_results(&results, &mut file).unwrap();
        assert_eq!(read_results(&*file).unwrap(), results);
        let mut file = Vec::new();
        annotations().write(&mut file).unwrap();
        assert_eq!(Annotations::read(&*file).unwrap(), annotations());
    }
}
