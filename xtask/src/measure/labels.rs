//! What is known of rows beside their embeddings: a caption each, and the item each is of.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, ensure};

/// Labels of the rows of one modality, one a line in files beside it.
#[derive(Debug, Default)]
pub(super) struct Labels {
    pub(super) captions: Option<Vec<String>>,
    /// Numbers of items, in the order in which they first come.
    pub(super) items: Option<Vec<usize>>,
}

impl Labels {
    /// Reads the files that were named, for `n_rows` rows.
    pub(super) fn read(
        captions: Option<&Path>,
        items: Option<&Path>,
        n_rows: usize,
    ) -> anyhow::Result<Self> {
        let read = |path: Option<&Path>| path.map(|path| lines(path, n_rows)).transpose();
        Ok(Self {
            captions: read(captions)?,
            items: read(items)?.map(|names| numbers(&names)),
        })
    }

    /// At most about `limit` of `n` rows at even distances; of an item all rows or none.
    pub(super) fn sample(&self, n: usize, limit: usize) -> Vec<usize> {
        if n <= limit {
            return (0..n).collect();
        }
        let Some(items) = &self.items else {
            return (0..limit).map(|at| at * n / limit).collect();
        };
        let n_items = items.iter().max().map_or(0, |last| last + 1);
        let wanted = (n_items * limit / n).max(1);
        let chosen: Vec<usize> = (0..wanted).map(|at| at * n_items / wanted).collect();
        (0..n)
            .filter(|row| chosen.binary_search(&items[*row]).is_ok())
            .collect()
    }

    /// The items of some rows, numbered anew.
    pub(super) fn items_of(&self, rows: &[usize]) -> Option<Vec<usize>> {
        let items = self.items.as_ref()?;
        let own: Vec<usize> = rows.iter().map(|row| items[*row]).collect();
        Some(numbers(&own))
    }
}

fn lines(path: &Path, n_rows: usize) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    ensure!(
        lines.len() == n_rows,
        "`{}` has {} lines; expected one for each of {n_rows} rows",
        path.display(),
        lines.len()
    );
    Ok(lines)
}

/// Names as numbers, in the order in which they first come.
fn numbers<T: std::hash::Hash + Eq>(names: &[T]) -> Vec<usize> {
    let mut known = HashMap::new();
    let number = |name| {
        let next = known.len();
        *known.entry(name).or_insert(next)
    };
    names.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_many_as_rows_and_items_get_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.txt");
        std::fs::write(&path, "b\na\nb\n").unwrap();
        let labels = Labels::read(None, Some(&path), 3).unwrap();
        assert_eq!(labels.items_of(&[0, 1, 2]), Some(vec![0, 1, 0]));
        assert_eq!(labels.items_of(&[1, 2]), Some(vec![0, 1]));
        let said = Labels::read(Some(&path), None, 4).unwrap_err().to_string();
        assert!(
            said.ends_with("has 3 lines; expected one for each of 4 rows"),
            "{said}"
        );
    }

    #[test]
    fn a_sample_takes_whole_items() {
        let items = Some((0..100).map(|row| row / 5).collect());
        let labels = Labels {
            captions: None,
            items,
        };
        let rows = labels.sample(100, 20);
        assert_eq!(rows.len(), 20);
        assert!(
            rows.chunks(5).all(|rows| rows[4] / 5 == rows[0] / 5),
            "{rows:?}"
        );
        let plain = Labels::default();
        assert_eq!(plain.sample(100, 4), [0, 25, 50, 75]);
        assert_eq!(plain.sample(3, 4), [0, 1, 2]);
    }
}
