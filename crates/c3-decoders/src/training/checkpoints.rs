//! Checkpoints of every epoch, of which the best and the last two stay.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::tensor::Bytes;
use burn::train::EarlyStoppingStrategy;
use burn::train::checkpoint::{
    Checkpoint, Checkpointer, CheckpointerError, CheckpointingAction, CheckpointingStrategy,
};
use burn::train::metric::store::EventStoreClient;

use super::journal::{EpochLoss, Journal, best};

/// Where checkpoints are kept.
#[derive(Clone, Debug)]
pub enum Checkpoints {
    /// In memory, for the time of one training.
    InMemory,
    /// In a folder that must hold none yet.
    Fresh(PathBuf),
    /// In a folder; goes on from the last whole checkpoint that lies there, if there is one.
    Resume(PathBuf),
}

/// The parts of a checkpoint; it is whole when all are there.
pub(super) const PARTS: [&str; 3] = [MODEL, OPTIMIZER, SCHEDULE];
pub(super) const MODEL: &str = "model";
pub(super) const OPTIMIZER: &str = "optimizer";
pub(super) const SCHEDULE: &str = "schedule";
/// One line per epoch; the shortest decimals that give the same floats back.
const CURVE: &str = "curve.txt";

type Parts = BTreeMap<(&'static str, usize), Vec<u8>>;

/// Keeps bytes by part and epoch.
#[derive(Clone, Debug)]
pub(super) enum Shelf {
    Memory(Arc<Mutex<Parts>>),
    Folder(PathBuf),
}

impl Shelf {
    pub(super) fn new(checkpoints: &Checkpoints) -> io::Result<Self> {
        match checkpoints {
            Checkpoints::InMemory => Ok(Self::Memory(Arc::default())),
            Checkpoints::Fresh(folder) | Checkpoints::Resume(folder) => {
                fs::create_dir_all(folder)?;
                Ok(Self::Folder(folder.clone()))
            }
        }
    }

    /// The losses up to the last whole checkpoint; empty if there is none.
    pub(super) fn whole_epochs(&self) -> io::Result<Vec<EpochLoss>> {
        let Self::Folder(folder) = self else {
            return Ok(Vec::new());
        };
        let path = folder.join(CURVE);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let mut curve = parse_curve(&fs::read_to_string(path)?)?;
        while let Some(last) = curve.last() {
            if self.is_whole(folder, last.epoch, &curve) {
                break;
            }
            curve.pop();
        }
        Ok(curve)
    }

    /// Whether an epoch can be gone on from, and the best epoch until then be had.
    fn is_whole(&self, folder: &Path, epoch: usize, curve: &[EpochLoss]) -> bool {
        let there = |part, epoch| folder.join(file_name(part, epoch)).exists();
        let best_is_there = best(curve).is_some_and(|best| there(MODEL, best.epoch));
        best_is_there && PARTS.iter().all(|part| there(part, epoch))
    }

    /// Writes down the losses of every epoch so far.
    pub(super) fn save_curve(&self, curve: &[EpochLoss]) -> io::Result<()> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Folder(folder) => {
                let lines: String = curve
                    .iter()
                    .map(|loss| format!("{} {} {}\n", loss.epoch, loss.train, loss.valid))
                    .collect();
                replace(&folder.join(CURVE), lines.as_bytes())
            }
        }
    }

    pub(super) fn read(&self, part: &'static str, epoch: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(parts) => {
                let parts = parts.lock().expect("nothing panics while it holds the map");
                let bytes = parts.get(&(part, epoch)).cloned();
                bytes.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            Self::Folder(folder) => fs::read(folder.join(file_name(part, epoch))),
        }
    }

    fn write(&self, part: &'static str, epoch: usize, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(parts) => {
                let mut parts = parts.lock().expect("nothing panics while it holds the map");
                parts.insert((part, epoch), bytes.to_vec());
                Ok(())
            }
            Self::Folder(folder) => replace(&folder.join(file_name(part, epoch)), bytes),
        }
    }

    fn remove(&self, part: &'static str, epoch: usize) -> io::Result<()> {
        match self {
            Self::Memory(parts) => {
                let mut parts = parts.lock().expect("nothing panics while it holds the map");
                parts.remove(&(part, epoch));
                Ok(())
            }
            Self::Folder(folder) => match fs::remove_file(folder.join(file_name(part, epoch))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// One part of this shelf, as burn saves and restores it.
    pub(super) fn part(&self, part: &'static str) -> ShelfPart {
        ShelfPart {
            shelf: self.clone(),
            part,
        }
    }
}

fn parse_curve(text: &str) -> io::Result<Vec<EpochLoss>> {
    let parse = |line: &str| {
        let mut numbers = line.split(' ');
        let loss = EpochLoss {
            epoch: numbers.next()?.parse().ok()?,
            train: numbers.next()?.parse().ok()?,
            valid: numbers.next()?.parse().ok()?,
        };
        numbers.next().is_none().then_some(loss)
    };
    let curve: Option<Vec<EpochLoss>> = text.lines().map(parse).collect();
    curve.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn file_name(part: &str, epoch: usize) -> String {
    format!("{part}-{epoch}.bpk")
}

/// Never leaves half a file under its final name.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let half = path.with_extension("half");
    let mut file = fs::File::create(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(half, path)
}

/// One part of a checkpoint: the weights, the optimiser, or the schedule.
pub(super) struct ShelfPart {
    shelf: Shelf,
    part: &'static str,
}

impl<R: Checkpoint> Checkpointer<R> for ShelfPart {
    fn save(&self, epoch: usize, record: R) -> Result<(), CheckpointerError> {
        let bytes = record
            .checkpoint_into_bytes()
            .map_err(CheckpointerError::Record)?;
        self.shelf
            .write(self.part, epoch, &bytes)
            .map_err(CheckpointerError::IOError)
    }

    fn delete(&self, epoch: usize) -> Result<(), CheckpointerError> {
        self.shelf
            .remove(self.part, epoch)
            .map_err(CheckpointerError::IOError)
    }

    fn restore(&self, epoch: usize) -> Result<R, CheckpointerError> {
        let bytes = self
            .shelf
            .read(self.part, epoch)
            .map_err(CheckpointerError::IOError)?;
        R::checkpoint_from_bytes(Bytes::from_bytes_vec(bytes)).map_err(CheckpointerError::Record)
    }
}

/// Saves every epoch; keeps the best and the last two.
///
/// The last but one stays because the parts of a checkpoint are written side by
/// side: until the last is whole, it is the one to go on from.
pub(super) struct KeepBestAndLast {
    pub(super) journal: Journal,
    pub(super) shelf: Shelf,
    pub(super) kept: Vec<usize>,
}

impl CheckpointingStrategy for KeepBestAndLast {
    fn checkpointing(&mut self, epoch: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        self.journal.close_epoch(epoch);
        let curve = self.journal.curve();
        if let Err(error) = self.shelf.save_curve(&curve) {
            self.journal
                .fail_checkpoint(CheckpointerError::IOError(error));
        }
        self.kept.push(epoch);
        let best = best(&curve).map(|best| best.epoch);
        let (kept, old) = self
            .kept
            .iter()
            .partition(|kept| **kept + 1 >= epoch || Some(**kept) == best);
        self.kept = kept;
        let deletions = Vec::into_iter(old).map(CheckpointingAction::Delete);
        std::iter::once(CheckpointingAction::Save)
            .chain(deletions)
            .collect()
    }
}

/// Ends the training when the validation loss has not fallen for some epochs.
#[derive(Clone)]
pub(super) struct Patience {
    pub(super) journal: Journal,
    pub(super) epochs: usize,
}

impl EarlyStoppingStrategy for Patience {
    fn should_stop(&mut self, _epoch: usize, _: &EventStoreClient) -> bool {
        self.journal.is_stale(self.epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_read_back_are_the_same_floats() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(&Checkpoints::Resume(folder.path().to_owned())).unwrap();
        let loss = EpochLoss {
            epoch: 1,
            train: 2.084_839_230_113_559_4,
            valid: f64::MIN_POSITIVE,
        };
        shelf.save_curve(&[loss]).unwrap();
        for part in PARTS {
            shelf.write(part, 1, b"bytes").unwrap();
        }
        assert_eq!(shelf.whole_epochs().unwrap(), [loss]);
        fs::write(folder.path().join(CURVE), "1 2.0\n").unwrap();
        let error = shelf.whole_epochs().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
