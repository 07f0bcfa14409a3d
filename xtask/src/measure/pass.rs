//! One pass over all rows: they are read while the ones before are summed up.

use std::ops::Range;

use c3_geometry::{Embeddings, GeometryError, Moments};

use super::survey::Settings;
use super::vectors::Side;
use crate::progress::Meter;

/// Rows read and multiplied at once.
const ROWS_AT_ONCE: usize = 2048;

/// Sums over all rows, and what was seen on the way.
pub(crate) struct Pass {
    pub(crate) moments: Vec<Moments>,
    /// The shortest and the longest row, before they were brought to unit length.
    pub(crate) lengths: [f64; 2],
}

/// Reads every row once. Pairs share their moments; others have their own.
pub(crate) fn pass(sides: &[Side<'_>], settings: Settings) -> anyhow::Result<Pass> {
    let total = sides.iter().map(Side::n_rows).sum();
    let mut pass = Pass {
        moments: Vec::new(),
        lengths: [f64::INFINITY, 0.0],
    };
    // What is read at once is read before anybody could look at a bar.
    let mut meter = (total > ROWS_AT_ONCE).then(|| Meter::start("reading", total, "rows"));
    if let ([x, _], false) = (sides, settings.unpaired) {
        let moments = begin(Moments::paired(x.dim()), settings);
        pass.add(sides, moments, settings, &mut meter)?;
    } else {
        for side in sides {
            let moments = begin(Moments::unpaired(side.dim()), settings);
            pass.add(std::slice::from_ref(side), moments, settings, &mut meter)?;
        }
    }
    Ok(pass)
}

fn begin(moments: Moments, settings: Settings) -> Moments {
    match settings.portable {
        true => moments.portable(),
        false => moments,
    }
}

impl Pass {
    /// Adds the rows of one modality, or of both together.
    fn add(
        &mut self,
        sides: &[Side<'_>],
        mut moments: Moments,
        settings: Settings,
        meter: &mut Option<Meter>,
    ) -> anyhow::Result<()> {
        let n = sides[0].n_rows();
        let mut starts = (0..n).step_by(ROWS_AT_ONCE);
        let mut read = || {
            let rows = starts
                .next()
                .map(|start| start..n.min(start + ROWS_AT_ONCE))?;
            let batch = sides.iter().map(|side| read(side, rows.clone(), settings));
            Some(batch.collect::<anyhow::Result<Vec<Read>>>())
        };
        let mut next = read();
        while let Some(batch) = next {
            let batch = batch?;
            let added;
            (added, next) = rayon::join(|| sum_up(&mut moments, &batch), &mut read);
            added?;
            for Read { rows, lengths } in &batch {
                self.lengths = widest(self.lengths, *lengths);
                meter.iter_mut().for_each(|meter| meter.advance(rows.len()));
            }
        }
        self.moments.push(moments);
        Ok(())
    }
}

/// Rows of one modality, as they are summed up.
struct Read {
    rows: Embeddings,
    lengths: [f64; 2],
}

fn read(side: &Side<'_>, rows: Range<usize>, settings: Settings) -> anyhow::Result<Read> {
    let start = rows.start;
    let rows = side.read(rows)?;
    let (rows, lengths) = match settings.as_they_are {
        true => {
            let lengths = rows.lengths();
            (rows, lengths)
        }
        false => {
            let directions = rows.into_directions();
            directions.map_err(|error| side.place(error, start))?
        }
    };
    let lengths = lengths.into_iter().map(|length| [length; 2]);
    let lengths = lengths.fold([f64::INFINITY, 0.0], widest);
    Ok(Read { rows, lengths })
}

fn sum_up(moments: &mut Moments, batch: &[Read]) -> Result<(), GeometryError> {
    match batch {
        [x, y] => moments.add_pairs(&x.rows, &y.rows),
        batch => batch.iter().try_for_each(|x| moments.add(&x.rows)),
    }
}

fn widest(one: [f64; 2], other: [f64; 2]) -> [f64; 2] {
    [one[0].min(other[0]), one[1].max(other[1])]
}
