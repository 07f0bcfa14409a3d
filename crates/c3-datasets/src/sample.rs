//! The noun that leaves this crate: one thing and what people said of it.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

/// One picture and its captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What the data set calls it; never twice in one data set.
    pub name: String,
    /// Where its pixels are.
    pub picture: Picture,
    /// What people said of it, in the order of the file; at least one.
    pub captions: Vec<String>,
}

/// Where the pixels of a [`Sample`] are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// A file below the data set's folder of pictures, `/` between its parts.
    File(String),
    /// An encoded picture that is compiled into the program.
    Embedded(&'static [u8]),
}

/// A thing by its name alone, and what is said of it: all that scoring needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captioned {
    /// What the file calls it.
    pub name: String,
    /// What is said of it, in the order of the file; at least one.
    pub captions: Vec<String>,
}

/// What a sample may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Fitting weights, means and noise.
    Train,
    /// Choosing settings.
    Dev,
    /// The last measurement, once.
    Test,
}

/// True if `name` stays inside the folder it is looked up in.
pub(crate) fn stays_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.contains('\\') && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leaves_its_folder_is_seen() {
        for inside in ["sea.jpg", "val2014/sea.jpg", "..sea.jpg"] {
            assert!(stays_inside(inside), "{inside}");
        }
        for outside in ["../sea.jpg", "/sea.jpg", "a/../../sea.jpg", "..\\sea.jpg"] {
            assert!(!stays_inside(outside), "{outside}");
        }
    }
}
