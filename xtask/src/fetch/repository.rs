//! A model repository of the hub that the catalogue does not list: `hf:owner/name@revision`.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::catalogue::{Entry, File, MAIN, Repository};
use super::hub::Hub;

/// What such a name begins with.
const PREFIX: &str = "hf:";
/// Small files that our loaders read, if they are there.
const DESCRIPTIONS: [&str; 6] = [
    "config.json",
    "open_clip_config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
];
/// Weights in one file, the first that is there.
const WHOLE: [&str; 2] = ["model.safetensors", "open_clip_model.safetensors"];
/// The list of weights in several files.
const INDEX: &str = "model.safetensors.index.json";
/// Longest list of files that is read.
const LONGEST_LIST: u64 = 16 << 20;

/// The name of a repository and of one state of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// `owner/name`.
    repository: String,
    /// A branch, a tag or a commit.
    revision: String,
    /// The name as it was given.
    spelt: String,
}

/// What the hub lists of a repository.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Listing {
    siblings: Vec<Sibling>,
    #[serde(rename = "cardData")]
    card: Option<Card>,
}

#[derive(Clone, Debug, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
struct Card {
    /// A word, or a list of them.
    license: Option<serde_json::Value>,
}

impl Named {
    /// Reads `hf:owner/name` or `hf:owner/name@revision`; nothing if the name is of another kind.
    ///
    /// # Errors
    ///
    /// One sentence if what follows `hf:` is no name of a repository.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Option<Self>> {
        let Some(rest) = text.strip_prefix(PREFIX) else {
            return Ok(None);
        };
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
        let is_word = |word: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !word.is_empty() && word.chars().all(known) && !word.starts_with('.')
        };
        let is_repository =
            (1..=2).contains(&repository.split('/').count()) && repository.split('/').all(is_word);
        ensure!(
            is_repository && revision.split('/').all(is_word),
            "`{text}` is no name of a repository; write `hf:owner/name` or \
             `hf:owner/name@revision`"
        );
        Ok(Some(Self {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            spelt: text.to_owned(),
        }))
    }

    /// The name as it was given.
    pub(crate) fn spelt(&self) -> &str {
        &self.spelt
    }

    /// The folder of the cache that it lies in, below that of all weights.
    pub(crate) fn folder(&self) -> String {
        let flat = |text: &str| text.replace('/', "+"); // which no name holds
        format!("hf/{}@{}", flat(&self.repository), flat(&self.revision))
    }

    /// Asks the hub which files there are.
    pub(crate) fn list(&self, hub: &Hub) -> anyhow::Result<Listing> {
        let mut text = Vec::new();
        let reader = hub.listing(&self.repository, &self.revision)?;
        let read = reader.take(LONGEST_LIST).read_to_end(&mut text);
        read.with_context(|| format!("the list of files of `{}` broke off", self.spelt))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("the hub's list of files of `{}` is odd", self.spelt))
    }

    /// The files that our loaders read, weights among them.
    pub(crate) fn wanted<'l>(&self, listing: &'l Listing) -> anyhow::Result<Vec<File<'l>>> {
        let names = || listing.siblings.iter().map(|file| file.rfilename.as_str());
        let mut wanted: Vec<&str> = names().filter(|name| DESCRIPTIONS.contains(name)).collect();
        let whole = WHOLE
            .iter()
            .find_map(|wanted| names().find(|name| name == wanted));
        let is_shard = |name: &&str| {
            let middle = name.strip_prefix("model-");
            middle.is_some_and(|rest| rest.ends_with(".safetensors") && !rest.contains('/'))
        };
        match (whole, names().find(|name| *name == INDEX)) {
            (Some(whole), _) => wanted.push(whole),
            (None, Some(index)) => {
                wanted.push(index);
                wanted.extend(names().filter(is_shard));
            }
            (None, None) => bail!(
                "`{}` has no weights as safetensors; bring another file of it by hand, and turn \
                 it into one with `cargo xtask import`",
                self.spelt
            ),
        }
        Ok(wanted
            .into_iter()
            .map(|name| File {
                name,
                path: name,
                from: None,
                pin: None,
            })
            .collect())
    }

    /// The repository as if the catalogue listed it.
    pub(crate) fn entry<'a>(
        &'a self,
        licence: &'a str,
        files: &'a [File<'a>],
        listing: &Listing,
    ) -> Entry<'a> {
        let size = |file: &File<'_>| {
            let mut siblings = listing.siblings.iter();
            siblings.find(|other| other.rfilename == file.path)?.size
        };
        Entry {
            name: &self.spelt,
            what: "a model of the hub",
            licence,
            serves: None,
            hub: Some(Repository {
                name: &self.repository,
                revision: &self.revision,
                files,
            }),
            package: None,
            about: files.iter().filter_map(size).sum(),
        }
    }
}

impl Listing {
    /// The files of a folder on this machine.
    pub(crate) fn of_folder(path: &Path) -> anyhow::Result<Self> {
        let unread = || format!("cannot read the folder `{}`", path.display());
        let mut siblings = Vec::new();
        for entry in std::fs::read_dir(path).with_context(unread)? {
            let entry = entry.with_context(unread)?;
            let size = entry.metadata().with_context(unread)?.len();
            siblings.extend(entry.file_name().into_string().map(|rfilename| Sibling {
                rfilename,
                size: Some(size),
            }));
        }
        siblings.sort_by(|a, b| a.rfilename.cmp(&b.rfilename));
        Ok(Self {
            siblings,
            card: None,
        })
    }

    /// The licence that the card of the model states.
    pub(crate) fn licence(&self) -> String {
        let stated = self.card.as_ref().and_then(|card| card.license.as_ref());
        match stated {
            Some(serde_json::Value::String(name)) => name.clone(),
            Some(serde_json::Value::Array(names)) => {
                let names = names.iter().filter_map(|name| name.as_str());
                names.collect::<Vec<_>>().join(", ")
            }
            _ => "not stated on its card".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        Named::parse(text).unwrap().expect("it begins with hf:")
    }

    #[test]
    fn a_name_has_an_owner_a_name_and_perhaps_a_revision() {
        let plain = named("hf:openai-community/gpt2");
        assert_eq!(plain.folder(), "hf/openai-community+gpt2@main");
        let pinned = named("hf:org/name@refs/pr/3");
        assert_eq!(pinned.folder(), "hf/org+name@refs+pr+3");
        assert_eq!(Named::parse("clip-vit-b-32").unwrap(), None);
    }

    #[test]
    fn a_name_that_leaves_its_folder_is_refused() {
        for bad in [
            "hf:",
            "hf:../x",
            "hf:a/b/c",
            "hf:a/b@",
            "hf:a/b@../c",
            "hf:a b/c",
        ] {
            let said = Named::parse(bad).unwrap_err().to_string();
            assert!(said.contains("hf:owner/name@revision"), "{bad}: {said}");
        }
    }

    #[test]
    fn the_files_that_are_read_are_wanted_and_no_others() {
        let list = |names: &[&str]| {
            let siblings: Vec<_> = names
                .iter()
                .map(|name| serde_json::json!({"rfilename": name, "size": 5}))
                .collect();
            let listing = serde_json::json!({"siblings": siblings, "cardData": {"license": "mit"}});
            serde_json::from_value::<Listing>(listing).unwrap()
        };
        let wanted = |names: &[&str]| -> anyhow::Result<Vec<String>> {
            let listing = list(names);
            let files = named("hf:a/b").wanted(&listing)?;
            Ok(files.iter().map(|file| file.name.to_owned()).collect())
        };
        let names = [
            "README.md",
            "config.json",
            "model.safetensors",
            "pytorch_model.bin",
        ];
        assert_eq!(
            wanted(&names).unwrap(),
            ["config.json", "model.safetensors"]
        );
        let shards = [
            INDEX,
            "model-00001-of-00002.safetensors",
            "onnx/model-1.safetensors",
        ];
        assert_eq!(wanted(&shards).unwrap(), shards[..2]);
        let said = wanted(&["pytorch_model.bin"]).unwrap_err().to_string();
        assert!(said.contains("cargo xtask import"), "{said}");
        assert_eq!(list(&names).licence(), "mit");
    }
}
