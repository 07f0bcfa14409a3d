//! Rows on their way into tiles: every thread goes through some of them, a block at a time.
//!
//! A block is looked at, cut and multiplied while it is in the cache of a core, and the next one
//! comes there meanwhile. So rows are read from memory once, and nobody waits for them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use rayon::prelude::*;

use super::bin::Bin;
use super::digits::{self, BLOCK, Tiles};
use super::scales::{self, Scales};
use super::source::Source;
use crate::Embeddings;

/// Most blocks of a task: enough to fill blocks of each scale where rows differ.
const BLOCKS_OF_A_TASK: usize = 16;
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
    tasks.for_each(|start| shared.add(start..n.min(start + size)));
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
