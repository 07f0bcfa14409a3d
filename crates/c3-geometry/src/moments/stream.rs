//! Rows on their way into tiles: every thread goes through some of them, a block at a time.
//!
//! A block is looked at, cut and multiplied while it is in the cache of a core, and the next one
//! comes there meanwhile. So rows are read from memory once, and nobody waits for them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use rayon::prelude::*;

use super::bin::Bin;
use super::digits::{self, BLOCK, Tiles, directions};
use super::scales::{self, Scales};
use super::source::Source;
use crate::Embeddings;

/// Most blocks of a task: enough to fill blocks of each scale where rows differ.
const BLOCKS_OF_A_TASK: usize = 6;
/// Tasks for each thread where there are few rows: none waits for long at the end.
const TASKS_OF_A_THREAD: usize = 4;

/// Adds all rows to the sums of their scales.
pub(super) fn add(tiles: Tiles, sides: &[&Embeddings], bins: &mut BTreeMap<Scales, Bin>) {
    let n = sides[0].len();
    let shared = Shared {
        tiles,
        sides,
        bins: Mutex::new(bins),
    };
    let tasks = rayon::current_num_threads() * TASKS_OF_A_THREAD;
    let size = n.div_ceil(BLOCK * tasks).clamp(1, BLOCKS_OF_A_TASK) * BLOCK;
    let tasks = (0..n).into_par_iter().step_by(size);
    let tasks = tasks.with_max_len(1); // else a thread keeps what it began, and others wait at the end
    tasks.for_each(|start| shared.add(start..n.min(start + size)));
}

/// Adds directions, which share a scale, to its sums.
pub(super) fn add_directions(tiles: Tiles, source: Source<'_>, bin: &mut Bin) {
    let n = source.rows.len();
    let bin = Mutex::new(bin);
    let bin = || bin.lock().expect("no task panics while it holds the lock");
    let blocks = (0..n).into_par_iter().step_by(directions::BLOCK);
    blocks.with_max_len(1).for_each(|start| {
        let end = n.min(start + directions::BLOCK);
        let ahead = end..n.min(end + directions::BLOCK);
        let mut part = bin().lend();
        let rows = &source.rows[start..end];
        directions::add(tiles, source.part(rows), ahead, &mut part);
        bin().take_back(part, rows.len());
    });
}

/// What all tasks know.
struct Shared<'a> {
    tiles: Tiles,
    sides: &'a [&'a Embeddings],
    bins: Mutex<&'a mut BTreeMap<Scales, Bin>>,
}

impl<'a> Shared<'a> {
    /// Rows wait until those of their scale fill a block.
    fn add(&self, rows: Range<usize>) {
        let mut waiting: BTreeMap<Scales, Vec<usize>> = BTreeMap::new();
        for start in rows.clone().step_by(BLOCK) {
            let end = rows.end.min(start + BLOCK);
            let ahead = end..self.sides[0].len().min(end + BLOCK);
            for row in start..end {
                let scales = scales::of(self.sides, row);
                waiting.entry(scales).or_default().push(row);
            }
            let full = waiting.iter_mut().filter(|(_, rows)| rows.len() >= BLOCK);
            full.for_each(|(scales, rows)| {
                let rest = rows.split_off(BLOCK);
                self.multiply(*scales, rows, ahead.clone());
                *rows = rest;
            });
        }
        for (scales, rows) in waiting.iter().filter(|(_, rows)| !rows.is_empty()) {
            self.multiply(*scales, rows, 0..0);
        }
    }

    fn multiply(&self, scales: Scales, rows: &[usize], ahead: Range<usize>) {
        let source = Source::new(self.sides, scales, rows);
        let width = self.sides.iter().map(|side| side.dim()).sum();
        let mut part = self
            .bins()
            .entry(scales)
            .or_insert_with(|| Bin::new(width))
            .lend();
        digits::add(self.tiles, source, ahead, &mut part);
        let mut bins = self.bins();
        let bin = bins.get_mut(&scales).expect("it has just lent a part");
        bin.take_back(part, rows.len());
    }

    fn bins(&self) -> MutexGuard<'_, &'a mut BTreeMap<Scales, Bin>> {
        self.bins
            .lock()
            .expect("no task panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::Moments;

    const N: usize = 1000;

    /// Rows of three scales, in turns of uneven length.
    fn row(at: usize) -> [f32; 2] {
        let size = [0.5, 20.0, 0.01][at * at / 7 % 3];
        [size, size * (at as f32).sin()]
    }

    fn batch(rows: impl Iterator<Item = usize>) -> Embeddings {
        Embeddings::new(rows.flat_map(row).collect(), 2).unwrap()
    }

    #[test]
    fn rows_wait_for_those_of_their_scale_and_none_is_forgotten() {
        let (mut mixed, mut apart) = (Moments::unpaired(2), Moments::unpaired(2));
        mixed.add(&batch(0..N)).unwrap();
        for at in (0..N).rev() {
            apart.add(&batch(at..at + 1)).unwrap();
        }
        assert_eq!((mixed.bins.len(), mixed.rows()), (3, N as u64));
        assert_eq!(mixed, apart);
    }

    #[test]
    fn pairs_keep_together_on_any_number_of_threads() {
        let (x, y) = (batch(0..N), batch((0..N).rev()));
        let add = || {
            let mut moments = Moments::paired(2);
            moments.add_pairs(&x, &y).unwrap();
            moments
        };
        let threads = |n| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .build()
                .unwrap()
        };
        assert_eq!(threads(1).install(add), threads(3).install(add));
    }
}
