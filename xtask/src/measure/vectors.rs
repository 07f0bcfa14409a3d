//! Files of embeddings, mapped into memory and read as one space.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use c3_geometry::{Embeddings, GeometryError};

use super::metadata;
use super::sources::{EXTENSIONS, Source, Table, ends_in};

/// The folders of clip-retrieval: pictures, and their texts.
const PAIR_FOLDERS: [&str; 2] = ["img_emb", "text_emb"];
/// Its folder of what else is known of them.
const METADATA_FOLDER: &str = "metadata";

/// Which files are which modality.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Shards of one modality, of pairs, or exactly two files, one for each modality.
    Files(Vec<PathBuf>),
    /// Shards of the first modality and of the second.
    Sides([Vec<PathBuf>; 2]),
    /// The same, and what is known of the rows of each shard.
    Described([Vec<PathBuf>; 2], Vec<PathBuf>),
}

impl Layout {
    /// Looks into folders.
    pub(crate) fn find(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            let pair = PAIR_FOLDERS.map(|name| path.join(name));
            if pair.iter().all(|folder| folder.is_dir()) {
                ensure!(
                    paths.len() == 1,
                    "`{}` holds both modalities, so it has to be the only path",
                    path.display()
                );
                let [x, y] = pair;
                let sides = [inside(&x, &EXTENSIONS)?, inside(&y, &EXTENSIONS)?];
                let metadata = path.join(METADATA_FOLDER);
                return match metadata.is_dir() {
                    true => Ok(Self::Described(sides, inside(&metadata, &["parquet"])?)),
                    false => Ok(Self::Sides(sides)),
                };
            }
            match path.is_dir() {
                true => files.extend(inside(path, &EXTENSIONS)?),
                false => files.push(path.clone()),
            }
        }
        Ok(Self::Files(files))
    }

    fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Files(files) => files.iter().collect(),
            Self::Sides(sides) | Self::Described(sides, _) => sides.iter().flatten().collect(),
        }
    }
}

/// Files of a folder that end so, by name.
fn inside(folder: &Path, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let unread = || format!("cannot read folder `{}`", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unread)? {
        let path = entry.with_context(unread)?.path();
        if extensions.iter().any(|extension| ends_in(&path, extension)) {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "`{}` holds no file that ends in `.{}`",
        folder.display(),
        extensions.join("`, `.")
    );
    files.sort();
    Ok(files)
}

/// Files that are open.
pub(crate) struct Mapped {
    files: Vec<(PathBuf, Source)>,
    layout: Layout,
}

impl Mapped {
    /// Opens the files; of Parquet files the named columns, one for each modality.
    pub(crate) fn open(layout: Layout, columns: &[String]) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for path in layout.paths() {
            ensure!(
                columns.is_empty() || ends_in(path, "parquet"),
                "`--columns` names columns of Parquet files, and `{}` is none",
                path.display()
            );
            files.push((path.clone(), Source::open(path, columns)?));
        }
        Ok(Self { files, layout })
    }

    /// The files, as they were named.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.files.iter();
        names.map(|(path, _)| path.display().to_string()).collect()
    }

    /// One or two modalities of one width.
    pub(crate) fn sides(&self) -> anyhow::Result<Vec<Side<'_>>> {
        let mut tables = Vec::new();
        for (path, source) in &self.files {
            let found = source
                .tables(path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            let parts = found.into_iter().map(|table| Part { path, table });
            tables.push(parts.collect::<Vec<Part<'_>>>());
        }
        let sides = match &self.layout {
            Layout::Files(_) => arrange(tables)?,
            Layout::Sides([first, _]) | Layout::Described([first, _], _) => {
                let wrong = tables.iter().position(|parts| parts.len() > 1);
                if let Some(at) = wrong {
                    bail!(
                        "`{}` holds two tables; expected one",
                        self.files[at].0.display()
                    );
                }
                let second = tables.split_off(first.len());
                vec![Side::new(tables), Side::new(second)]
            }
        };
        check_widths(&sides)?;
        if let Layout::Described(_, metadata) = &self.layout {
            for side in &sides {
                let shards = side
                    .parts
                    .iter()
                    .map(|part| (part.path, part.table.n_rows()));
                metadata::check(&shards.collect::<Vec<_>>(), metadata)?;
            }
        }
        Ok(sides)
    }

    /// The item of each row, where a folder says it and rows share items.
    pub(crate) fn items(&self, n_rows: usize) -> anyhow::Result<Option<Vec<usize>>> {
        match &self.layout {
            Layout::Described(_, metadata) => metadata::items(metadata, n_rows),
            Layout::Files(_) | Layout::Sides(_) => Ok(None),
        }
    }

    /// The captions of some rows in rising order, where a folder says what is known of rows.
    pub(crate) fn captions(&self, rows: &[usize]) -> anyhow::Result<Option<Vec<String>>> {
        match &self.layout {
            Layout::Described(_, metadata) => metadata::captions(metadata, rows).map(Some),
            Layout::Files(_) | Layout::Sides(_) => Ok(None),
        }
    }
}

/// Shards of one modality, shards of pairs, or a file for each modality.
fn arrange(mut tables: Vec<Vec<Part<'_>>>) -> anyhow::Result<Vec<Side<'_>>> {
    let of = |n: usize| move |parts: &Vec<Part<'_>>| parts.len() == n;
    if tables.iter().all(of(2)) {
        let mut sides = vec![Side::default(), Side::default()];
        for parts in tables {
            for (side, part) in sides.iter_mut().zip(parts) {
                side.parts.push(part);
            }
        }
        return Ok(sides);
    }
    ensure!(
        tables.iter().all(of(1)),
        "some files hold one table and some two; expected the same of all"
    );
    if tables.len() == 2 {
        let second = tables.split_off(1);
        return Ok(vec![Side::new(tables), Side::new(second)]);
    }
    Ok(vec![Side::new(tables)])
}

fn check_widths(sides: &[Side<'_>]) -> anyhow::Result<()> {
    let parts: Vec<&Part<'_>> = sides.iter().flat_map(|side| &side.parts).collect();
    for part in &parts[1..] {
        let (first, other) = (&parts[0].table, &part.table);
        ensure!(
            first.n_columns() == other.n_columns(),
            "widths differ: `{}` has {} and `{}` has {}; all rows have to lie in one space",
            parts[0].path.display(),
            first.n_columns(),
            part.path.display(),
            other.n_columns()
        );
    }
    Ok(())
}

/// A table in a file.
#[derive(Clone, Copy)]
struct Part<'a> {
    path: &'a Path,
    table: Table<'a>,
}

/// One modality: shards, one after the other.
#[derive(Clone, Default)]
pub(crate) struct Side<'a> {
    parts: Vec<Part<'a>>,
}

impl<'a> Side<'a> {
    fn new(tables: Vec<Vec<Part<'a>>>) -> Self {
        let parts = tables.into_iter().flatten().collect();
        Self { parts }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.parts.iter().map(|part| part.table.n_rows()).sum()
    }

    /// The first of its files, and how many more there are.
    pub(crate) fn name(&self) -> String {
        let first = self.parts[0].path.display();
        match self.parts.len() {
            1 => format!("`{first}`"),
            n => format!("`{first}` and {} more", n - 1),
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.parts[0].table.n_columns()
    }

    /// Whether going back would mean to begin anew.
    pub(crate) fn is_read_in_order(&self) -> bool {
        self.parts.iter().any(|part| part.table.is_read_in_order())
    }

    /// Reads some rows, over the ends of shards.
    pub(crate) fn read(&self, rows: Range<usize>) -> anyhow::Result<Embeddings> {
        self.read_into(rows, Vec::new())
    }

    /// As [`Side::read`], into a room that was used before.
    pub(crate) fn read_into(
        &self,
        rows: Range<usize>,
        mut values: Vec<f32>,
    ) -> anyhow::Result<Embeddings> {
        values.resize(rows.len() * self.dim(), 0.0);
        let (mut first, mut rest) = (0, &mut values[..]);
        for part in &self.parts {
            let end = first + part.table.n_rows();
            let (from, to) = (rows.start.max(first), rows.end.min(end));
            if from < to {
                let here;
                (here, rest) = rest.split_at_mut((to - from) * self.dim());
                let unread = || format!("cannot read `{}`", part.path.display());
                part.table.read(from - first, here).with_context(unread)?;
            }
            first = end;
        }
        Embeddings::new(values, self.dim()).map_err(|error| self.place(error, rows.start))
    }

    /// Says in which file, and where in it, the row is that something is wrong with.
    pub(crate) fn place(&self, error: GeometryError, start: usize) -> anyhow::Error {
        let found = match &error {
            GeometryError::NotFinite { row, .. } | GeometryError::ZeroRow { row } => {
                self.part_of(row + start)
            }
            _ => None,
        };
        let Some((part, row)) = found else {
            return error.into();
        };
        let error = match error {
            GeometryError::NotFinite { column, .. } => GeometryError::NotFinite { row, column },
            _ => GeometryError::ZeroRow { row },
        };
        anyhow::Error::from(error).context(format!("cannot measure `{}`", part.path.display()))
    }

    /// The file of a row, and which of its rows it is.
    fn part_of(&self, mut row: usize) -> Option<(&Part<'a>, usize)> {
        for part in &self.parts {
            if row < part.table.n_rows() {
                return Some((part, row));
            }
            row -= part.table.n_rows();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `.npy` file of f32.
    fn npy(path: &Path, shape: &str, values: &[f32]) {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(path, bytes).unwrap();
    }

    fn open(paths: &[PathBuf]) -> anyhow::Result<Mapped> {
        Mapped::open(Layout::find(paths)?, &[])
    }

    #[test]
    fn shards_are_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        npy(&at("a.npy"), "(2, 2)", &[0.0, 1.0, 2.0, 3.0]);
        npy(&at("b.npy"), "(1, 2)", &[4.0, 5.0]);
        npy(&at("c.npy"), "(1, 2)", &[6.0, 7.0]);
        let mapped = open(&[folder.path().to_owned()]).unwrap();
        let sides = mapped.sides().unwrap();
        assert_eq!((sides.len(), sides[0].n_rows()), (1, 4));
        let read = sides[0].read(1..4).unwrap();
        assert_eq!(read.as_slice(), [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn the_folders_of_clip_retrieval_are_a_pair() {
        let folder = tempfile::tempdir().unwrap();
        for (name, value) in [("img_emb", 1.0), ("text_emb", 2.0)] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            npy(&folder.path().join(name).join("0.npy"), "(1, 1)", &[value]);
        }
        let mapped = open(&[folder.path().to_owned()]).unwrap();
        let sides = mapped.sides().unwrap();
        assert_eq!(sides[1].read(0..1).unwrap().as_slice(), [2.0]);
    }

    #[test]
    fn metadata_says_which_rows_are_of_one_item() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["img_emb", "text_emb", "metadata"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        // Paths a, b, a, none, c, b, none; `parquet.py` beside it made it.
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/c3-datasets/tests");
        let fixture = fixtures.join("fixtures/metadata.parquet");
        std::fs::copy(fixture, path("metadata/0.parquet")).unwrap();
        npy(&path("img_emb/0.npy"), "(7, 1)", &[1.0; 7]);
        npy(&path("text_emb/0.npy"), "(7, 1)", &[1.0; 7]);
        let mapped = open(&[folder.path().to_owned()]).unwrap();
        assert_eq!(mapped.sides().unwrap()[0].n_rows(), 7);
        assert_eq!(mapped.items(7).unwrap(), Some(vec![0, 1, 0, 2, 3, 1, 4]));
        npy(&path("text_emb/0.npy"), "(6, 1)", &[1.0; 6]);
        let mapped = open(&[folder.path().to_owned()]).unwrap();
        let said = format!("{:#}", mapped.sides().err().unwrap());
        assert!(
            said.contains("0.parquet` describes 7 rows and") && said.contains("0.npy` holds 6"),
            "{said}"
        );
        npy(&path("img_emb/1.npy"), "(6, 1)", &[1.0; 6]);
        let mapped = open(&[folder.path().to_owned()]).unwrap();
        let said = format!("{:#}", mapped.sides().err().unwrap());
        assert_eq!(said, "there are 2 shards of embeddings and 1 of metadata");
    }

    #[test]
    fn what_is_wrong_names_its_file_row_and_column() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        npy(&at("a.npy"), "(1, 2)", &[0.0, 1.0]);
        npy(&at("b.npy"), "(2, 2)", &[0.0, 1.0, 0.0, f32::NAN]);
        npy(&at("c.npy"), "(1, 3)", &[0.0, 1.0, 2.0]);
        let mapped = open(&[at("a.npy"), at("b.npy"), at("b.npy")]).unwrap();
        let said = format!("{:#}", mapped.sides().unwrap()[0].read(0..5).unwrap_err());
        assert!(said.contains("b.npy`: value at row 1, column 1"), "{said}");
        let mapped = open(&[at("a.npy"), at("c.npy")]).unwrap();
        let said = format!("{:#}", mapped.sides().err().unwrap());
        assert!(
            said.contains("a.npy` has 2 and") && said.contains("has 3"),
            "{said}"
        );
    }
}
