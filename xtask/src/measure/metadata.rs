//! What the `metadata` folder of clip-retrieval says: which rows are of one item, and captions.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use c3_datasets::vectors::parquet;

/// Most rows that are told apart, so that memory stays bounded.
const MOST_ROWS: usize = 10_000_000;

/// Checks that every shard of embeddings has as many rows as its metadata.
pub(super) fn check(shards: &[(&Path, usize)], metadata: &[PathBuf]) -> anyhow::Result<()> {
    ensure!(
        shards.len() == metadata.len(),
        "there are {} shards of embeddings and {} of metadata",
        shards.len(),
        metadata.len()
    );
    for ((shard, rows), path) in shards.iter().zip(metadata) {
        let described = count(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        ensure!(
            described == *rows,
            "`{}` describes {described} rows and `{}` holds {rows}",
            path.display(),
            shard.display()
        );
    }
    Ok(())
}

fn count(path: &Path) -> anyhow::Result<usize> {
    Ok(parquet::count(File::open(path)?)?)
}

/// The item of each row, numbered; nothing if every row is an item of its own, or nobody says.
pub(super) fn items(metadata: &[PathBuf], n_rows: usize) -> anyhow::Result<Option<Vec<usize>>> {
    if n_rows > MOST_ROWS {
        eprintln!("measure: metadata is not read above {MOST_ROWS} rows; each counts as an item");
        return Ok(None);
    }
    let (mut known, mut items) = (HashMap::new(), Vec::with_capacity(n_rows));
    let mut n_items = 0;
    for path in metadata {
        let unread = || format!("cannot read `{}`", path.display());
        let file = File::open(path).with_context(unread)?;
        let Some(keys) = parquet::items(file).with_context(unread)? else {
            return Ok(None);
        };
        for key in keys {
            let item = match key {
                Some(key) => *known.entry(key).or_insert(n_items),
                None => n_items,
            };
            n_items += usize::from(item == n_items);
            items.push(item);
        }
    }
    Ok((n_items < items.len()).then_some(items))
}

/// The captions of some rows, which are given in rising order.
pub(super) fn captions(metadata: &[PathBuf], rows: &[usize]) -> anyhow::Result<Vec<String>> {
    let mut captions = Vec::with_capacity(rows.len());
    let (mut first, mut rest) = (0, rows);
    for path in metadata {
        let end = first + count(path)?;
        let (here, later) = rest.split_at(rest.partition_point(|row| *row < end));
        let own: Vec<usize> = here.iter().map(|row| row - first).collect();
        if !own.is_empty() {
            let read = || anyhow::Ok(parquet::captions(File::open(path)?, &own)?);
            captions.extend(read().with_context(|| {
                format!(
                    "cannot take captions from `{}`; give them as `--captions FILE`",
                    path.display()
                )
            })?);
        }
        (first, rest) = (end, later);
    }
    Ok(captions)
}
