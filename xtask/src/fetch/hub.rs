//! Weights from the model hub.
//!
//! `hf-hub` knows the repositories, the token and the local cache of the hub. Its own downloads
//! stay off: they append to a broken file whatever the server sends, and check no hash.

use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use hf_hub::{CacheRepo, Repo};
use indicatif::HumanBytes;

use super::arrival::{self, Arrival, Expectation};
use super::cache::Slot;
use super::catalogue::{File, MAIN, Repository};
use super::client::{Announcement, Client, is_hexadecimal};
use super::error::FetchError;
use super::folder;
use super::manifest::{PinnedBy, Provenance};
use super::patience::Patience;
use super::transfer::Transfer;

const ENDPOINT: &str = "https://huggingface.co";

/// The hub, as the environment describes it.
#[derive(Debug)]
pub(crate) struct Hub {
    endpoint: String,
    client: Client,
    /// Where other tools on this machine keep what they brought from the hub.
    shelf: hf_hub::Cache,
    offline: bool,
}

impl Hub {
    /// Reads `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
    ///
    /// # Errors
    ///
    /// [`FetchError::NoCacheFolder`] if nothing says where the hub's own cache is.
    pub(crate) fn from_environment() -> Result<Self, FetchError> {
        let endpoint = setting("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let home = home().ok_or(FetchError::NoCacheFolder)?;
        let shelf = setting("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from);
        let token = hf_hub::Cache::new(home.join("hub")).token();
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            client: Client::new(setting("HF_TOKEN").or(token)),
            shelf: hf_hub::Cache::new(shelf),
            offline: setting("HF_HUB_OFFLINE").is_some_and(|value| is_yes(&value)),
        })
    }

    /// The list of a repository's files, as JSON, with their sizes.
    ///
    /// # Errors
    ///
    /// [`FetchError::ListOffline`] if the hub must not be asked.
    pub(crate) fn listing(
        &self,
        repository: &str,
        revision: &str,
    ) -> Result<impl Read + use<>, FetchError> {
        if self.offline {
            let repository = repository.to_owned();
            return Err(FetchError::ListOffline { repository });
        }
        let endpoint = &self.endpoint;
        let revision = encoded(revision);
        let url = format!("{endpoint}/api/models/{repository}/revision/{revision}?blobs=true");
        let content = Patience::insist(|| self.client.content(&url, 0))?;
        Ok(content.reader)
    }

    /// Brings every file of `repository`, all of one commit.
    pub(crate) fn bring(
        &self,
        repository: &Repository<'_>,
        slot: &Slot,
    ) -> Result<(Provenance, Vec<Arrival>), FetchError> {
        let mut revision: Option<String> = None;
        let mut arrivals = Vec::new();
        for file in repository.files {
            let name = file.from.unwrap_or(repository.name);
            let visit = Visit {
                hub: self,
                repository: name,
                shelf: self.shelf.repo(Repo::model(name.to_owned())),
                slot,
            };
            let state = match (file.from, &revision) {
                (Some(_), _) => MAIN,
                (None, Some(commit)) => commit,
                (None, None) => repository.revision,
            };
            let (commit, arrival) = match self.offline {
                true => visit.take_shelved(file)?,
                false => visit.take(file, state)?,
            };
            if file.from.is_none() {
                revision = revision.or(commit);
            }
            arrivals.push(arrival);
        }
        let (endpoint, repository) = (self.endpoint.clone(), repository.name.to_owned());
        Ok((
            Provenance::Hub {
                endpoint,
                repository,
                revision,
            },
            arrivals,
        ))
    }
}

/// One repository on its way into the cache.
struct Visit<'a> {
    hub: &'a Hub,
    /// `owner/name`.
    repository: &'a str,
    shelf: CacheRepo,
    slot: &'a Slot,
}

impl Visit<'_> {
    fn url(&self, file: &File<'_>, revision: &str) -> String {
        let (endpoint, repository) = (&self.hub.endpoint, self.repository);
        let revision = encoded(revision);
        format!("{endpoint}/{repository}/resolve/{revision}/{}", file.path)
    }

    /// Asks what a file has to be, and takes it from the shelf or over the network.
    fn take(
        &self,
        file: &File<'_>,
        revision: &str,
    ) -> Result<(Option<String>, Arrival), FetchError> {
        let url = self.url(file, revision);
        let announced = Patience::insist(|| self.hub.client.announce(&url))?;
        let expectation = expect(file, &announced, &url)?;
        let size = announced
            .bytes
            .map_or("?".to_owned(), |bytes| HumanBytes(bytes).to_string());
        let sha256 = expectation.sha256.as_deref().unwrap_or("not announced");
        eprintln!("  {}: {size}, SHA-256 {sha256}", file.name);
        let part = self.slot.part(file.name, expectation.tag());
        let commit = announced.commit.as_deref();
        let shelved = commit.map(|commit| self.shelf.pointer_path(commit).join(file.path));
        match shelved.filter(|path| path.is_file()) {
            Some(path) if Some(arrival::hash(&path)?.0) == expectation.sha256 => {
                folder::copy(&path, &part, file.name)?;
            }
            // A branch may move while a broken transfer waits; a commit does not.
            _ => self.download(file, commit.unwrap_or(revision), announced.bytes, &part)?,
        }
        let arrival = Arrival::check(part, file.name, expectation)?;
        Ok((announced.commit, arrival))
    }

    fn download(
        &self,
        file: &File<'_>,
        revision: &str,
        bytes: Option<u64>,
        part: &Path,
    ) -> Result<(), FetchError> {
        let url = self.url(file, revision);
        let Some(total) = file.pin.map(|pin| pin.bytes).or(bytes) else {
            return Err(FetchError::Unannounced {
                url,
                what: "length",
            });
        };
        let client = &self.hub.client;
        Transfer {
            client,
            url,
            file: file.name,
            total,
            part,
        }
        .run()
    }

    /// Takes a file from the shelf without asking anybody.
    fn take_shelved(&self, file: &File<'_>) -> Result<(Option<String>, Arrival), FetchError> {
        let Some(path) = self.shelf.get(file.path) else {
            let (repository, shelf) = (self.repository.to_owned(), self.hub.shelf.path().clone());
            return Err(FetchError::Offline {
                file: file.name.to_owned(),
                repository,
                shelf,
            });
        };
        let expectation = expect_shelved(file, &path)?;
        let part = self.slot.part(file.name, expectation.tag());
        folder::copy(&path, &part, file.name)?;
        // .../snapshots/<commit>/<path of the file>
        let commit = path
            .ancestors()
            .nth(Path::new(file.path).components().count());
        let commit = commit
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        let arrival = Arrival::check(part, file.name, expectation)?;
        Ok((commit.map(str::to_owned), arrival))
    }
}

/// What a file has to be: what is pinned here, else what the hub announces.
fn expect(file: &File<'_>, announced: &Announcement, url: &str) -> Result<Expectation, FetchError> {
    match (file.pin, announced.sha256.clone()) {
        (Some(pin), Some(found)) if found != pin.sha256 => Err(FetchError::OtherContent {
            file: file.name.to_owned(),
            expected: pin.sha256,
            found,
        }),
        (Some(pin), _) => Ok(Some(pin).into()),
        // The hub keeps a SHA-256 of large files alone; these are of the same commit.
        (None, None) if is_text(file.path) => Ok(file.pin.into()),
        (None, None) => Err(FetchError::Unannounced {
            url: url.to_owned(),
            what: "SHA-256",
        }),
        (None, sha256) => Ok(Expectation {
            sha256,
            pinned_by: PinnedBy::Hub,
        }),
    }
}

/// A revision as one part of an address: that of a pull request holds slashes.
fn encoded(revision: &str) -> String {
    revision.replace('/', "%2F")
}

/// Whether the hub keeps a file among its texts, of which it announces no SHA-256.
fn is_text(path: &str) -> bool {
    let ending = Path::new(path).extension();
    ending.is_some_and(|ending| ending == "json" || ending == "txt")
}

/// As [`expect`], without the hub: it names a large file on the shelf by the SHA-256.
fn expect_shelved(file: &File<'_>, path: &Path) -> Result<Expectation, FetchError> {
    let blob = fs::canonicalize(path).map_err(|cause| FetchError::disk(path, cause))?;
    let name = blob.file_name().and_then(|name| name.to_str());
    let named = name
        .filter(|name| is_hexadecimal(name, 64))
        .map(str::to_owned);
    Ok(match (file.pin, named) {
        (None, Some(sha256)) => Expectation {
            sha256: Some(sha256),
            pinned_by: PinnedBy::Hub,
        },
        (pin, _) => pin.into(),
    })
}

/// The folder of everything about the hub, where the hub's own tools look for it.
fn home() -> Option<PathBuf> {
    let cache = || {
        let named = setting("XDG_CACHE_HOME").map(PathBuf::from);
        named.or_else(|| Some(dirs::home_dir()?.join(".cache")))
    };
    let named = setting("HF_HOME").map(PathBuf::from);
    named.or_else(|| Some(cache()?.join("huggingface")))
}

/// A variable of the environment that is set to something.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// What the hub's own tools take for a yes.
fn is_yes(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Pin;
    use super::*;

    const PINNED: File<'static> = File {
        name: "a",
        path: "a",
        from: None,
        pin: Some(Pin {
            sha256: "ab",
            bytes: 1,
        }),
    };
    const LOOSE: File<'static> = File {
        name: "a",
        path: "a",
        from: None,
        pin: None,
    };

    fn announced(sha256: Option<&str>) -> Announcement {
        Announcement {
            sha256: sha256.map(str::to_owned),
            ..Announcement::default()
        }
    }

    #[test]
    fn a_pin_outranks_the_hub() {
        let expectation = expect(&PINNED, &announced(None), "u").unwrap();
        assert_eq!(expectation.sha256.as_deref(), Some("ab"));
        assert_eq!(expectation.pinned_by, PinnedBy::Catalogue);
        let error = expect(&PINNED, &announced(Some("cd")), "u").unwrap_err();
        assert!(matches!(error, FetchError::OtherContent { .. }));
    }

    #[test]
    fn a_file_without_a_pin_has_to_be_announced() {
        let expectation = expect(&LOOSE, &announced(Some("cd")), "u").unwrap();
        assert_eq!(expectation.sha256.as_deref(), Some("cd"));
        assert_eq!(expectation.pinned_by, PinnedBy::Hub);
        let error = expect(&LOOSE, &announced(None), "u").unwrap_err();
        assert!(matches!(error, FetchError::Unannounced { .. }));
    }

    #[test]
    fn a_small_file_needs_no_announcement() {
        let file = File {
            path: "folder/config.json",
            ..LOOSE
        };
        let expectation = expect(&file, &announced(None), "u").unwrap();
        assert_eq!(expectation.pinned_by, PinnedBy::Nobody);
    }
}
