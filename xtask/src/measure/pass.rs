//! One pass over all rows: every thread reads some, sums them up, and reads the next.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use c3_geometry::{Embeddings, GeometryError, Moments, UnitRows};

use super::survey::Settings;
use super::vectors::Side;
use crate::progress::Meter;

/// Rows that a thread reads at once: they stay in the cache of its core.
const ROWS_AT_ONCE: usize = 256;
/// More rows take so long that somebody may look at a bar.
const ROWS_WITHOUT_A_BAR: usize = 4096;

/// Sums over all rows, and what was seen on the way.
pub(crate) struct Pass {
    pub(crate) moments: Vec<Moments>,
    /// The shortest and the longest row, before they were brought to unit length.
    pub(crate) lengths: [f64; 2],
}

/// Reads every row once. Pairs share their moments; others have their own.
pub(crate) fn pass(sides: &[Side<'_>], settings: Settings) -> anyhow::Result<Pass> {
    let total = sides.iter().map(Side::n_rows).sum();
    let meter = (total > ROWS_WITHOUT_A_BAR).then(|| Meter::start("reading", total, "rows"));
    let meter = Mutex::new(meter);
    let together = match sides {
        [_, _] if !settings.unpaired => vec![sides],
        sides => sides.chunks(1).collect(),
    };
    let mut pass = Pass {
        moments: Vec::new(),
        lengths: [f64::INFINITY, 0.0],
    };
    for sides in together {
        let rows = Rows {
            sides,
            settings,
            next: Mutex::new(0),
            meter: &meter,
        };
        let Summed { moments, lengths } = rows.sum_up()?;
        pass.moments.push(moments);
        pass.lengths = widest(pass.lengths, lengths);
    }
    Ok(pass)
}

/// The rows of one modality, or of both together.
struct Rows<'a> {
    sides: &'a [Side<'a>],
    settings: Settings,
    /// The first row that no thread has taken.
    next: Mutex<usize>,
    meter: &'a Mutex<Option<Meter>>,
}

/// What a thread has seen.
struct Summed {
    moments: Moments,
    lengths: [f64; 2],
}

/// What is wrong with some rows, and the first of them.
type Wrong = (usize, anyhow::Error);

impl Rows<'_> {
    fn n_rows(&self) -> usize {
        self.sides[0].n_rows()
    }

    /// Sums up all rows on all threads; of what is wrong, the first in the files is said.
    fn sum_up(&self) -> anyhow::Result<Summed> {
        let threads = rayon::current_num_threads().min(self.n_rows().div_ceil(ROWS_AT_ONCE));
        let parts: Vec<Result<Summed, Wrong>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| self.sum_up_alone()))
                .collect();
            let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .map(|part| part.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        let (mut all, mut wrong) = (None, Vec::new());
        for part in parts {
            match part {
                Ok(part) => {
                    all = Some(match all.take() {
                        Some(before) => part.merge(&before)?,
                        None => part,
                    });
                }
                Err(found) => wrong.push(found),
            }
        }
        match wrong.into_iter().min_by_key(|(row, _)| *row) {
            Some((_, error)) => Err(error),
            None => Ok(all.unwrap_or_else(|| self.begin())),
        }
    }

    fn begin(&self) -> Summed {
        let dim = self.sides[0].dim();
        let moments = match self.sides.len() {
            1 => Moments::unpaired(dim),
            _ => Moments::paired(dim),
        };
        Summed {
            moments: match self.settings.portable {
                true => moments.portable(),
                false => moments,
            },
            lengths: [f64::INFINITY, 0.0],
        }
    }

    /// Takes rows as long as there are any, on this thread alone.
    fn sum_up_alone(&self) -> Result<Summed, Wrong> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(|error| (0, error.into()))?;
        pool.install(|| {
            let mut summed = self.begin();
            let mut rooms = vec![Vec::new(); self.sides.len()];
            while let Some((rows, read)) = self.take(&mut rooms) {
                let batch = read.and_then(|read| self.prepare(read, rows.start));
                let emptied = batch.and_then(|batch| summed.add(batch));
                rooms = emptied.map_err(|error| self.stop(rows.start, error))?;
                let mut meter = lock(self.meter);
                let read = rows.len() * self.sides.len();
                meter.iter_mut().for_each(|meter| meter.advance(read));
            }
            Ok(summed)
        })
    }

    /// Leaves nothing to take for the other threads.
    fn stop(&self, row: usize, error: anyhow::Error) -> Wrong {
        *lock(&self.next) = self.n_rows();
        (row, error)
    }

    /// The next rows that nobody has taken, read into rooms that were used before.
    fn take(
        &self,
        rooms: &mut Vec<Vec<f32>>,
    ) -> Option<(Range<usize>, anyhow::Result<Vec<Embeddings>>)> {
        let mut next = lock(&self.next);
        let rows = *next..self.n_rows().min(*next + ROWS_AT_ONCE);
        if rows.is_empty() {
            return None;
        }
        *next = rows.end;
        // Some files can be read from the front to the back only: others wait for their turn.
        let in_order = self.sides.iter().any(Side::is_read_in_order);
        let turn = in_order.then_some(next);
        let sides = self.sides.iter().zip(rooms.drain(..));
        let read = sides.map(|(side, room)| side.read_into(rows.clone(), room));
        let read = read.collect();
        drop(turn);
        Some((rows, read))
    }

    fn prepare(&self, read: Vec<Embeddings>, start: usize) -> anyhow::Result<Vec<Batch>> {
        let sides = self.sides.iter().zip(read);
        let batch = sides.map(|(side, rows)| match self.settings.as_they_are {
            true => Ok(Batch::Rows(rows)),
            false => UnitRows::new(rows)
                .map(Batch::UnitRows)
                .map_err(|error| side.place(error, start)),
        });
        batch.collect()
    }
}

/// Rows of one modality, as they are summed up.
enum Batch {
    Rows(Embeddings),
    UnitRows(UnitRows),
}

impl Batch {
    fn lengths(&self) -> [f64; 2] {
        let extremes = |lengths: &[f64]| {
            let lengths = lengths.iter().map(|length| [*length; 2]);
            lengths.fold([f64::INFINITY, 0.0], widest)
        };
        match self {
            Self::Rows(rows) => extremes(&rows.lengths()),
            Self::UnitRows(rows) => extremes(rows.lengths()),
        }
    }

    /// What the rows were in.
    fn into_room(self) -> Vec<f32> {
        let rows = match self {
            Self::Rows(rows) => rows,
            Self::UnitRows(rows) => rows.into_rows(),
        };
        rows.into_array().into_raw_vec_and_offset().0
    }
}

impl Summed {
    fn merge(mut self, other: &Self) -> Result<Self, GeometryError> {
        self.moments.merge(&other.moments)?;
        self.lengths = widest(self.lengths, other.lengths);
        Ok(self)
    }

    /// Adds rows, and gives back what they were in.
    fn add(&mut self, batch: Vec<Batch>) -> anyhow::Result<Vec<Vec<f32>>> {
        match &batch[..] {
            [Batch::Rows(x)] => self.moments.add(x)?,
            [Batch::UnitRows(x)] => self.moments.add_unit_rows(x)?,
            [Batch::Rows(x), Batch::Rows(y)] => self.moments.add_pairs(x, y)?,
            [Batch::UnitRows(x), Batch::UnitRows(y)] => {
                self.moments.add_unit_pairs(x, y)?;
            }
            _ => unreachable!("there are one or two modalities, all as they are or none"),
        }
        let lengths = batch.iter().map(Batch::lengths);
        self.lengths = lengths.fold(self.lengths, widest);
        Ok(batch.into_iter().map(Batch::into_room).collect())
    }
}

/// What a thread has locked when it panics does not matter: that is said when it is joined.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn widest(one: [f64; 2], other: [f64; 2]) -> [f64; 2] {
    [one[0].min(other[0]), one[1].max(other[1])]
}
