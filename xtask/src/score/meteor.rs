//! METEOR's tables: indexed once, then mapped into memory.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use anyhow::Context;
use c3_metrics::meteor::{Meteor, Sources, index};
use flate2::read::GzDecoder;
use memmap2::Mmap;
use tempfile::NamedTempFile;
use zip::ZipArchive;

use crate::fetch;

/// The indexed tables, beside those they were made from.
const INDEXED: &str = "english.tables";

/// METEOR with its tables, or nothing with the reason said.
pub(super) fn open() -> Option<Meteor<Mmap>> {
    let Ok(folder) = fetch::weights(fetch::METEOR) else {
        eprintln!(
            "METEOR is left out: its tables are not there; `cargo xtask fetch {}` brings them",
            fetch::METEOR
        );
        return None;
    };
    let opened = map(&folder.join(INDEXED)).or_else(|_| {
        eprintln!("indexing the tables of METEOR, once ...");
        index_tables(&folder)?;
        map(&folder.join(INDEXED))
    });
    opened
        .map_err(|error| eprintln!("METEOR is left out: {error:#}"))
        .ok()
}

/// Maps the indexed tables; an error if there are none, or not all of them.
fn map(path: &Path) -> anyhow::Result<Meteor<Mmap>> {
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    #[expect(
        unsafe_code,
        reason = "the file is written under another name and never changed afterwards"
    )]
    // SAFETY: only `index_tables` makes this file, whole, by renaming; nobody writes into it.
    let map =
        unsafe { Mmap::map(&file) }.with_context(|| format!("cannot map `{}`", path.display()))?;
    Ok(Meteor::new(map)?)
}

/// Indexes what was fetched, all or nothing.
fn index_tables(folder: &Path) -> anyhow::Result<()> {
    let jar = folder.join("meteor-1.5.jar");
    let open =
        |path: &Path| File::open(path).with_context(|| format!("cannot open `{}`", path.display()));
    let mut archive = ZipArchive::new(BufReader::new(open(&jar)?))
        .with_context(|| format!("cannot read `{}`", jar.display()))?;
    let mut table = |name: &str| -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut entry = archive
            .by_name(name)
            .with_context(|| format!("cannot read `{name}` in `{}`", jar.display()))?;
        entry.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let synsets = table("synonym/english.synsets")?;
    let exceptions = table("synonym/english.exceptions")?;
    let function_words = table("function/english.words")?;
    let prefixes = table("nonbreaking/english.prefixes")?;
    let paraphrases = GzDecoder::new(BufReader::new(open(&folder.join("paraphrase-en.gz"))?));
    let sources = Sources {
        paraphrases: &mut BufReader::new(paraphrases),
        synsets: &mut synsets.as_slice(),
        exceptions: &mut exceptions.as_slice(),
        function_words: &mut function_words.as_slice(),
        prefixes: &mut prefixes.as_slice(),
    };
    // A fetch sweeps away what is called like this, should this process be killed.
    let part = tempfile::Builder::new()
        .suffix(".part")
        .tempfile_in(folder)?;
    write(sources, part, &folder.join(INDEXED))
}

fn write(sources: Sources<'_>, mut part: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    let mut target = std::io::BufWriter::new(part.as_file_mut());
    index(sources, &mut target)?;
    target.flush()?;
    drop(target);
    part.persist(path)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}
