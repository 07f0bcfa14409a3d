//! Photos in folders, with the files that say what people said of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use c3_datasets::{Difference, Picture, Sample, flickr8k, karpathy};

use super::{Corpus, Media, Part, name, open, splits};
use crate::recipe::DataSettings;

/// Folder of a photo data set in which its pictures lie.
const PICTURES: &str = "images";

/// Reads a folder of `images/`, `captions.tsv` (or `Flickr8k.token.txt`), `train.txt`, `dev.txt`.
pub(super) fn flickr8k(folder: &Path, data: &DataSettings) -> anyhow::Result<Corpus> {
    check_folder(folder)?;
    let pictures = picture_names(&folder.join(PICTURES))?;
    let joined = c3_datasets::join(captions(folder)?, &pictures);
    tell(
        &joined.missing_pictures,
        "pictures that captions name are not there",
    );
    tell(&joined.uncaptioned_pictures, "pictures have no caption");
    splits(data, |split| {
        let path = folder.join(format!("{}.txt", name(split)));
        let names = flickr8k::split_list(open(&path)?)
            .with_context(|| format!("cannot use `{}`", path.display()))?;
        let selected = c3_datasets::select(&joined.samples, &names);
        let file = path.display();
        tell(
            &selected.missing_samples,
            &format!("names of `{file}` have no picture and caption"),
        );
        ensure!(
            !selected.samples.is_empty(),
            "no picture of `{file}` has a caption and a file"
        );
        Ok(Part {
            name: name(split),
            samples: selected.samples,
            media: Media::Pictures(folder.join(PICTURES)),
        })
    })
}

/// Reads Karpathy's file of splits, and looks for the pictures that it names.
pub(super) fn karpathy(folder: &Path, data: &DataSettings) -> anyhow::Result<Corpus> {
    check_folder(folder)?;
    let path = match &data.annotations {
        Some(name) => folder.join(name),
        None => split_file(folder)?,
    };
    let unusable = || format!("cannot use `{}`", path.display());
    let samples = karpathy::read(open(&path)?).with_context(unusable)?;
    let pictures = match &data.pictures {
        Some(name) => folder.join(name),
        None => folder.to_owned(),
    };
    splits(data, |split| {
        let own = samples.iter().filter(|(of, _)| *of == split);
        let (there, missing): (Vec<&Sample>, Vec<&Sample>) = own
            .map(|(_, sample)| sample)
            .partition(|sample| match &sample.picture {
                Picture::File(name) => pictures.join(name).is_file(),
                Picture::Embedded(_) => true,
            });
        let missing = Difference::of(missing.iter().map(|sample| sample.name.as_str()));
        ensure!(
            missing.is_empty()
                || there.is_empty()
                || split != data.evaluate
                || data.limit.is_some(),
            "pictures of the split `{}`, which is measured on, are not there: {missing}; bring \
             them, or take a quick look with `--set data.limit=N`",
            name(split)
        );
        let what = format!("pictures of the split `{}` are not there", name(split));
        tell(&missing, &what);
        ensure!(
            !there.is_empty(),
            "no picture of the split `{}` is below `{}`; `data.pictures` names the folder that \
             the file names of `{}` start from",
            name(split),
            pictures.display(),
            path.display()
        );
        Ok(Part {
            name: name(split),
            samples: there.into_iter().cloned().collect(),
            media: Media::Pictures(pictures.clone()),
        })
    })
}

/// The one file of a folder that is called as Karpathy's are.
fn split_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let unread = || format!("cannot read the folder `{}`", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(unread)? {
        let name = entry.with_context(unread)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("dataset") && name.ends_with(".json") {
            found.push(name);
        }
    }
    found.sort();
    match found.as_slice() {
        [only] => Ok(folder.join(only)),
        [] => bail!(
            "`{}` holds no `dataset_*.json`, Karpathy's list of pictures, captions and splits",
            folder.display()
        ),
        several => bail!(
            "`{}` holds {}; say which with `data.annotations`",
            folder.display(),
            several.join(" and ")
        ),
    }
}

fn check_folder(folder: &Path) -> anyhow::Result<()> {
    ensure!(
        folder.is_dir(),
        "`{}` is not a folder; give the data set's own",
        folder.display()
    );
    Ok(())
}

fn captions(folder: &Path) -> anyhow::Result<Vec<Sample>> {
    let (table, tokens) = (
        folder.join("captions.tsv"),
        folder.join("Flickr8k.token.txt"),
    );
    let path = if table.exists() { &table } else { &tokens };
    ensure!(
        path.exists(),
        "`{}` has neither `captions.tsv` nor `Flickr8k.token.txt`",
        folder.display()
    );
    let reader = open(path)?;
    let samples: Result<Vec<Sample>, _> = if path == &table {
        flickr8k::Samples::from_table(reader).collect()
    } else {
        flickr8k::Samples::from_tokens(reader).collect()
    };
    samples.with_context(|| format!("cannot use `{}`", path.display()))
}

fn picture_names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder of pictures `{}`", folder.display()))?;
    let mut names = BTreeSet::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    ensure!(
        !names.is_empty(),
        "the folder of pictures `{}` is empty",
        folder.display()
    );
    Ok(names)
}

fn tell(difference: &Difference, what: &str) {
    if !difference.is_empty() {
        eprintln!("left out: {what}: {difference}");
    }
}
