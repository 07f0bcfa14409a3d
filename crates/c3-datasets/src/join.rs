//! Captions meet the pictures that are there; what is left over is said.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::sample::{Picture, Sample};

/// Names kept for the message.
const SHOWN: usize = 3;

/// Names that one side has and the other lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// How many there are.
    pub count: usize,
    /// The first few, in the order they came.
    pub first: Vec<String>,
}

impl Difference {
    /// True if nothing is left over.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What is left over, in the order in which it comes.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut difference = Self::default();
        for name in names {
            difference.count += 1;
            if difference.count <= SHOWN {
                difference.first.push(name.to_owned());
            }
        }
        difference
    }
}

/// `12: a.jpg, b.jpg, c.jpg, ...`
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.count)?;
        if !self.is_empty() {
            write!(f, ": {}", self.first.join(", "))?;
        }
        if self.count > self.first.len() {
            write!(f, ", ...")?;
        }
        Ok(())
    }
}

/// Samples whose pictures are there, and both differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Samples that have their picture, in their order.
    pub samples: Vec<Sample>,
    /// Pictures that captions name and the folder lacks.
    pub missing_pictures: Difference,
    /// Pictures of the folder that no caption names.
    pub uncaptioned_pictures: Difference,
}

/// Keeps the samples whose picture is one of `pictures`, the file names of a folder.
///
/// Embedded pictures are always there.
///
/// # Examples
///
/// ```
/// # use c3_datasets::{flickr8k::Samples, join};
/// let table = "image\tcaption\nsea.jpg\tA calm sea .\nsky.jpg\tA grey sky .\n";
/// let samples = Samples::from_table(table.as_bytes()).collect::<Result<Vec<_>, _>>()?;
/// let folder = ["sea.jpg", "cat.jpg", "dog.jpg"].map(str::to_owned).into();
/// let joined = join(samples, &folder);
/// assert_eq!(joined.missing_pictures.to_string(), "1: sky.jpg");
/// assert_eq!(joined.uncaptioned_pictures.to_string(), "2: cat.jpg, dog.jpg");
/// # Ok::<_, c3_datasets::DatasetError>(())
/// ```
pub fn join(samples: Vec<Sample>, pictures: &BTreeSet<String>) -> Joined {
    let named: BTreeSet<String> = samples.iter().filter_map(file).map(str::to_owned).collect();
    let (there, gone): (Vec<Sample>, Vec<Sample>) = samples
        .into_iter()
        .partition(|sample| file(sample).is_none_or(|name| pictures.contains(name)));
    Joined {
        samples: there,
        missing_pictures: Difference::of(gone.iter().filter_map(file)),
        uncaptioned_pictures: Difference::of(pictures.difference(&named).map(String::as_str)),
    }
}

/// The samples of a split list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Samples that the list names, in the order of the list.
    pub samples: Vec<Sample>,
    /// Names of the list that no sample has.
    pub missing_samples: Difference,
}

/// Picks the samples that `names` lists, in the order of the list.
pub fn select(samples: &[Sample], names: &[String]) -> Selected {
    let by_name: HashMap<&str, &Sample> = samples.iter().map(|s| (s.name.as_str(), s)).collect();
    let found = |name: &&String| by_name.contains_key(name.as_str());
    let picked = names.iter().filter_map(|name| by_name.get(name.as_str()));
    Selected {
        samples: picked.map(|&sample| sample.clone()).collect(),
        missing_samples: Difference::of(names.iter().filter(|n| !found(n)).map(String::as_str)),
    }
}

fn file(sample: &Sample) -> Option<&str> {
    match &sample.picture {
        Picture::File(name) => Some(name),
        Picture::Embedded(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str) -> Sample {
        Sample {
            name: name.to_owned(),
            picture: Picture::File(name.to_owned()),
            captions: vec!["A .".to_owned()],
        }
    }

    fn names(samples: &[Sample]) -> Vec<&str> {
        samples.iter().map(|s| s.name.as_str()).collect()
    }

    #[test]
    fn a_join_counts_both_differences_and_shows_the_first_few() {
        let samples = ["e", "d", "c", "b", "a"].map(sample).to_vec();
        let joined = join(samples, &BTreeSet::from(["c".to_owned(), "x".to_owned()]));
        assert_eq!(names(&joined.samples), ["c"]);
        assert_eq!(joined.missing_pictures.to_string(), "4: e, d, b, ...");
        assert_eq!(joined.uncaptioned_pictures.to_string(), "1: x");
    }

    #[test]
    fn embedded_pictures_are_always_there() {
        let mut embedded = sample("a");
        embedded.picture = Picture::Embedded(b"png");
        let joined = join(vec![embedded], &BTreeSet::new());
        assert_eq!(names(&joined.samples), ["a"]);
        assert!(joined.missing_pictures.is_empty());
        assert_eq!(joined.missing_pictures.to_string(), "0");
    }

    #[test]
    fn a_selection_follows_the_list_and_names_what_is_missing() {
        let samples = ["a", "b", "c"].map(sample);
        let list = ["c", "z", "a"].map(str::to_owned);
        let selected = select(&samples, &list);
        assert_eq!(names(&selected.samples), ["c", "a"]);
        assert_eq!(selected.missing_samples.to_string(), "1: z");
    }
}
