//! Files of embeddings, mapped into memory and read as one space.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use c3_datasets::vectors::{Matrix, npy, tensors};
use c3_geometry::{Embeddings, GeometryError};
use memmap2::Mmap;
use rayon::prelude::*;

/// The folders of clip-retrieval: pictures, and their texts.
const PAIR_FOLDERS: [&str; 2] = ["img_emb", "text_emb"];

/// Rows that one thread reads at once.
const ROWS_OF_A_TASK: usize = 256;

/// Which files are which modality.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Shards of one modality, of pairs, or exactly two files, one for each modality.
    Files(Vec<PathBuf>),
    /// Shards of the first modality and of the second.
    Sides([Vec<PathBuf>; 2]),
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
                return Ok(Self::Sides([inside(&x)?, inside(&y)?]));
            }
            match path.is_dir() {
                true => files.extend(inside(path)?),
                false => files.push(path.clone()),
            }
        }
        Ok(Self::Files(files))
    }

    fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Files(files) => files.iter().collect(),
            Self::Sides(sides) => sides.iter().flatten().collect(),
        }
    }
}

/// Embedding files of a folder, by name.
fn inside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let unread = || format!("cannot read folder `{}`", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(unread)? {
        let path = entry.with_context(unread)?.path();
        let extension = path.extension().unwrap_or_default();
        if extension == "npy" || extension == "safetensors" {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "`{}` holds neither `.npy` nor `.safetensors` files",
        folder.display()
    );
    files.sort();
    Ok(files)
}

/// Files in memory, as far as anybody has looked at them.
pub(crate) struct Mapped {
    files: Vec<(PathBuf, Mmap)>,
    layout: Layout,
}

impl Mapped {
    pub(crate) fn open(layout: Layout) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for path in layout.paths() {
            files.push((path.clone(), map(path)?));
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
        for (path, bytes) in &self.files {
            let found = matrices(path, bytes)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            let parts = found.into_iter().map(|matrix| Part { path, matrix });
            tables.push(parts.collect::<Vec<Part<'_>>>());
        }
        let sides = match &self.layout {
            Layout::Files(_) => arrange(tables)?,
            Layout::Sides([first, _]) => {
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
        Ok(sides)
    }
}

#[expect(
    unsafe_code,
    reason = "a mapping is bytes that others may change; every reader checks what it reads"
)]
fn map(path: &Path) -> anyhow::Result<Mmap> {
    let unread = || format!("cannot read `{}`", path.display());
    let file = File::open(path).with_context(unread)?;
    // SAFETY: the bytes are only ever read as numbers, so a change cannot break a promise of
    // the language; a file made shorter meanwhile ends the process.
    unsafe { Mmap::map(&file) }.with_context(unread)
}

fn matrices<'a>(path: &Path, bytes: &'a [u8]) -> anyhow::Result<Vec<Matrix<'a>>> {
    if path
        .extension()
        .is_some_and(|extension| extension == "safetensors")
    {
        let tables = tensors::parse(bytes)?;
        let names: Vec<&str> = tables.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(
            tables.len() < 3,
            "it holds {} tables: `{}`; expected one, or one for each modality",
            tables.len(),
            names.join("`, `")
        );
        let mut found = Vec::new();
        for (_, numbers) in &tables {
            found.extend(numbers.matrices()?);
        }
        return Ok(found);
    }
    Ok(npy::parse(bytes)?.matrices()?)
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
        let (first, other) = (&parts[0].matrix, &part.matrix);
        ensure!(
            first.n_columns() == other.n_columns(),
            "widths differ: `{}` has {} and `{}` has {}",
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
    matrix: Matrix<'a>,
}

impl Part<'_> {
    /// Fills `into` with rows from `first` on, on all threads.
    fn read(&self, first: usize, into: &mut [f32]) {
        let size = ROWS_OF_A_TASK * self.matrix.n_columns();
        into.par_chunks_mut(size)
            .enumerate()
            .for_each(|(at, into)| self.matrix.read(first + at * ROWS_OF_A_TASK, into));
    }
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
        self.parts.iter().map(|part| part.matrix.n_rows()).sum()
    }

    pub(crate) fn dim(&self) -> usize {
        self.parts[0].matrix.n_columns()
    }

    /// Reads some rows, over the ends of shards.
    pub(crate) fn read(&self, rows: Range<usize>) -> anyhow::Result<Embeddings> {
        let mut values = vec![0.0; rows.len() * self.dim()];
        let (mut first, mut rest) = (0, &mut values[..]);
        for part in &self.parts {
            let end = first + part.matrix.n_rows();
            let (from, to) = (rows.start.max(first), rows.end.min(end));
            if from < to {
                let here;
                (here, rest) = rest.split_at_mut((to - from) * self.dim());
                part.read(from - first, here);
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
            if row < part.matrix.n_rows() {
                return Some((part, row));
            }
            row -= part.matrix.n_rows();
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
        Mapped::open(Layout::find(paths)?)
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
