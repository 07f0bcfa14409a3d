//! The files that captions and references come in, told apart by what stands in them.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use c3_datasets::{Split, audiocaps, clotho, flickr8k, karpathy, sentences};
use c3_metrics::coco::{self, Annotations, Captioned, Image, ImageId};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    /// COCO's annotations or results.
    Coco,
    Karpathy,
    /// `image<TAB>caption`, with that header.
    Table,
    /// `picture.jpg#0<TAB>caption`.
    Tokens,
    Clotho,
    AudioCaps,
    /// One caption a line.
    Lines,
}

/// What tells Karpathy's JSON from COCO's.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    images: Vec<ProbeImage>,
    annotations: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ProbeImage {
    sentences: Option<IgnoredAny>,
}

impl Layout {
    fn of(path: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let is = |ending| path.extension().is_some_and(|found| found == ending);
        let first = bytes
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let first = String::from_utf8_lossy(first);
        let first = first.trim_start_matches('\u{feff}').trim_end();
        if is("json") {
            return Ok(json(bytes));
        }
        if is("csv") {
            return csv(first);
        }
        let before_tab = first.split_once('\t').map(|(name, _)| name);
        Ok(match before_tab {
            Some("image") => Self::Table,
            Some(name) if is_numbered(name) => Self::Tokens,
            _ => Self::Lines,
        })
    }
}

fn json(bytes: &[u8]) -> Layout {
    match serde_json::from_slice::<Probe>(bytes) {
        Ok(probe)
            if probe.annotations.is_none()
                && probe.images.iter().any(|image| image.sentences.is_some()) =>
        {
            Layout::Karpathy
        }
        _ => Layout::Coco,
    }
}

fn csv(header: &str) -> anyhow::Result<Layout> {
    let columns: Vec<&str> = header
        .split(',')
        .map(|name| name.trim_matches('"'))
        .collect();
    let has = |name: &str| columns.iter().any(|column| column.trim() == name);
    if has("youtube_id") && has("caption") {
        return Ok(Layout::AudioCaps);
    }
    if has("file_name") {
        return Ok(Layout::Clotho);
    }
    bail!(
        "its header is `{header}`; expected AudioCaps' `youtube_id` and `caption`, or Clotho's \
         `file_name` and `caption_1`, `caption_2`, ... (or `caption_predicted`)"
    )
}

/// As in `picture.jpg#0`.
fn is_numbered(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads references; of a Karpathy file those of `split`. `more` are further plain files that
/// stand line by line beside a first one.
pub(super) fn references(
    path: &Path,
    more: &[impl AsRef<Path>],
    split: Split,
) -> anyhow::Result<Annotations> {
    let mut read =
        read_references(path, split).with_context(|| format!("cannot use `{}`", path.display()))?;
    for other in more {
        let other = other.as_ref();
        add_lines(&mut read, other).with_context(|| format!("cannot use `{}`", other.display()))?;
    }
    ensure!(
        !read.images.is_empty(),
        "`{}` has no references",
        path.display()
    );
    Ok(read)
}

fn read_references(path: &Path, split: Split) -> anyhow::Result<Annotations> {
    let bytes = fs::read(path)?;
    let bytes = bytes.as_slice();
    let samples = match Layout::of(path, bytes)? {
        Layout::Coco => return Ok(Annotations::read(bytes)?),
        Layout::Lines => {
            let lines: Vec<String> = sentences::every_line(bytes).collect::<Result<_, _>>()?;
            let numbered = (1..).zip(lines);
            return Ok(annotations(
                numbered.map(|(line, text)| (ImageId::Number(line), vec![text])),
            ));
        }
        Layout::Karpathy => {
            let all = karpathy::read(bytes)?.into_iter();
            let of_split = all.filter(|(of, _)| *of == split);
            of_split.map(|(_, sample)| sample).collect()
        }
        Layout::Table => flickr8k::Samples::from_table(bytes).collect::<Result<Vec<_>, _>>()?,
        Layout::Tokens => flickr8k::Samples::from_tokens(bytes).collect::<Result<Vec<_>, _>>()?,
        Layout::Clotho => return Ok(named(clotho::read(bytes)?)),
        Layout::AudioCaps => return Ok(named(audiocaps::read(bytes)?)),
    };
    let mut read = annotations(samples.iter().map(|s| (id(&s.name), s.captions.clone())));
    for (image, sample) in read.images.iter_mut().zip(&samples) {
        if let c3_datasets::Picture::File(file) = &sample.picture {
            image.file_name = Some(file.clone());
        }
    }
    Ok(read)
}

fn named(things: Vec<c3_datasets::Captioned>) -> Annotations {
    annotations(
        things
            .into_iter()
            .map(|thing| (id(&thing.name), thing.captions)),
    )
}

/// Annotations of images with their captions.
fn annotations(images: impl Iterator<Item = (ImageId, Vec<String>)>) -> Annotations {
    let mut all = Annotations::default();
    for (id, captions) in images {
        let captioned = captions.into_iter().map(|caption| Captioned {
            image_id: id.clone(),
            caption,
        });
        all.annotations.extend(captioned);
        all.images.push(Image {
            id,
            file_name: None,
        });
    }
    all
}

/// Numbers stay numbers, as COCO's results have them.
fn id(name: &str) -> ImageId {
    name.parse()
        .map_or_else(|_| ImageId::from(name), ImageId::Number)
}

fn add_lines(read: &mut Annotations, path: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(path)?;
    let lines = lines_for(&bytes, read)?;
    let images = read.images.iter().map(|image| image.id.clone());
    let captioned = images
        .zip(lines)
        .map(|(image_id, caption)| Captioned { image_id, caption });
    let captioned: Vec<_> = captioned.collect();
    read.annotations.extend(captioned);
    Ok(())
}

/// The lines of a plain file, as many as there are images.
fn lines_for(bytes: &[u8], references: &Annotations) -> anyhow::Result<Vec<String>> {
    let lines: Vec<String> = sentences::every_line(bytes).collect::<Result<_, _>>()?;
    let images = references.images.len();
    ensure!(
        lines.len() == images,
        "it has {} lines, but the references have {images} images: a plain file needs one caption \
         a line, in the order of the references",
        lines.len()
    );
    Ok(lines)
}

/// Reads the captions of a system.
pub(super) fn results(path: &Path, references: &Annotations) -> anyhow::Result<Vec<Captioned>> {
    read_results(path, references).with_context(|| format!("cannot use `{}`", path.display()))
}

fn read_results(path: &Path, references: &Annotations) -> anyhow::Result<Vec<Captioned>> {
    let bytes = fs::read(path)?;
    match Layout::of(path, &bytes)? {
        Layout::Coco => Ok(coco::read_results(bytes.as_slice())?),
        Layout::Lines => {
            let lines = lines_for(&bytes, references)?;
            let images = references.images.iter().map(|image| image.id.clone());
            let captioned = images.zip(lines);
            let captioned = captioned.map(|(image_id, caption)| Captioned { image_id, caption });
            Ok(captioned.collect())
        }
        Layout::Karpathy => Err(anyhow!(
            "these are references, not the captions of a system"
        )),
        _ => Ok(read_references(path, Split::Test)?.annotations),
    }
}

/// Every sentence of a training text, in whatever file it comes.
pub(super) fn sentences(path: &Path) -> anyhow::Result<Vec<String>> {
    let read = read_references(path, Split::Train)
        .with_context(|| format!("cannot use `{}`", path.display()))?;
    let captions = read
        .annotations
        .into_iter()
        .map(|annotation| annotation.caption);
    Ok(captions.collect())
}

/// Says aloud what the COCO toolkit does in silence.
pub(super) fn tell_oddities(path: &Path, references: &Annotations, captions: &[Captioned]) {
    let path = path.display();
    let odd = references.oddities();
    if odd.repeated_images > 0 {
        let n = odd.repeated_images;
        eprintln!("`{path}` lists {n} image(s) again; each counts once, as in the COCO toolkit");
    }
    if odd.repeated_captions > 0 {
        let n = odd.repeated_captions;
        eprintln!(
            "`{path}` has {n} reference(s) twice for one image; both count, as in the COCO toolkit"
        );
    }
    if odd.unlisted_captions > 0 {
        let n = odd.unlisted_captions;
        eprintln!("`{path}` has {n} caption(s) of images that it does not list; they do not count");
    }
    let known: HashSet<&ImageId> = references.images.iter().map(|image| &image.id).collect();
    let empty = captions.iter().filter(|one| one.caption.trim().is_empty());
    let empty = empty.filter(|one| known.contains(&one.image_id)).count();
    if empty > 0 {
        eprintln!("{empty} caption(s) are empty; they score nothing, as in the COCO toolkit");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(name: &str, text: &str) -> Layout {
        Layout::of(Path::new(name), text.as_bytes()).unwrap()
    }

    #[test]
    fn files_are_told_apart_by_what_stands_in_them() {
        assert_eq!(
            layout("a.json", r#"{"images": [], "annotations": []}"#),
            Layout::Coco
        );
        assert_eq!(layout("a.json", "[{"), Layout::Coco);
        let karpathy = r#"{"images": [{"filename": "a", "sentences": []}], "dataset": "x"}"#;
        assert_eq!(layout("a.json", karpathy), Layout::Karpathy);
        assert_eq!(layout("a.tsv", "image\tcaption\r\n"), Layout::Table);
        assert_eq!(layout("token.txt", "a.jpg#0\tA dog\n"), Layout::Tokens);
        assert_eq!(layout("a.txt", "A dog # 1\n"), Layout::Lines);
        assert_eq!(layout("a.csv", "file_name,caption_1"), Layout::Clotho);
        assert_eq!(
            layout("a.csv", "id,youtube_id,start,caption"),
            Layout::AudioCaps
        );
    }

    #[test]
    fn a_strange_csv_says_what_was_expected() {
        let error = Layout::of(Path::new("a.csv"), b"id,text\n").unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("`id,text`") && said.contains("`youtube_id`"),
            "{said}"
        );
    }
}
