//! A run folder: what was asked for, with what, and how far it came.
//!
//! `run.json` is the manifest, `stages.json` the stages that are finished, and
//! `.lock` keeps a second run out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::document::{self, Document};
use crate::lock::{self, FolderLock};
use crate::{ArtifactError, atomic};

const MANIFEST: &str = "run.json";
const STAGES: &str = "stages.json";
const ADVICE: &str = "give the folder of a run that was begun, or start one without `--resume`";

/// Everything that decides what a run computes, and when it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunManifest {
    /// The resolved recipe, every default and override in it, as TOML text.
    pub recipe: String,
    /// Seeds by what they seed.
    pub seeds: BTreeMap<String, Vec<u64>>,
    /// Versions by crate or tool.
    pub versions: BTreeMap<String, String>,
    /// Revision of the source tree, if it is under version control.
    pub git_revision: Option<String>,
    /// Where it computed, such as the backend and the number of threads.
    pub machine: BTreeMap<String, String>,
    /// SHA-256 of every input, by the name it was given.
    pub inputs: BTreeMap<String, String>,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339; absent while it runs or after it was cut off.
    pub finished: Option<String>,
}

impl Document for RunManifest {
    const FORMAT: &'static str = "c3-run";
    const VERSION: u32 = 1;
}

/// A stage of a run that is finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name, as in `connect`.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stages {
    finished: Vec<Stage>,
}

impl Document for Stages {
    const FORMAT: &'static str = "c3-stages";
    const VERSION: u32 = 1;
}

/// A run folder that this process alone writes in, until dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    manifest: RunManifest,
    stages: Stages,
    _lock: FolderLock,
}

impl RunFolder {
    /// Begins a run in `path`, a folder that is empty or not there.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::RunExists`], [`ArtifactError::RunLocked`],
    /// [`ArtifactError::Write`].
    pub fn create(path: &Path, manifest: RunManifest) -> Result<Self, ArtifactError> {
        fs::create_dir_all(path).map_err(|source| ArtifactError::Write {
            path: path.to_owned(),
            source,
        })?;
        // Locked before it is looked at: of two runs that begin at once, one wins.
        let lock = FolderLock::take(path)?;
        if !is_vacant(path)? {
            let path = path.to_owned();
            return Err(ArtifactError::RunExists { path });
        }
        document::write(&path.join(MANIFEST), &manifest)?;
        Ok(Self {
            path: path.to_owned(),
            manifest,
            stages: Stages::default(),
            _lock: lock,
        })
    }

    /// Goes on with the run in `path`; removes what it left half written.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Missing`], [`ArtifactError::RunLocked`], or what is wrong
    /// with one of its files.
    pub fn resume(path: &Path) -> Result<Self, ArtifactError> {
        let manifest_path = path.join(MANIFEST);
        // Looked at before it is locked: a lock file would make a run of any folder.
        let _: RunManifest = document::read(&manifest_path, ADVICE)?;
        let lock = FolderLock::take(path)?;
        atomic::remove_leftovers(path)?;
        let stages = path.join(STAGES);
        Ok(Self {
            path: path.to_owned(),
            manifest: document::read(&manifest_path, ADVICE)?,
            stages: match stages.exists() {
                true => document::read(&stages, ADVICE)?,
                false => Stages::default(),
            },
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run was begun with.
    pub fn manifest(&self) -> &RunManifest {
        &self.manifest
    }

    /// Stages that are finished, in the order they ended.
    pub fn stages(&self) -> &[Stage] {
        &self.stages.finished
    }

    /// True if the stage called `name` is finished.
    pub fn is_finished(&self, name: &str) -> bool {
        self.stages().iter().any(|stage| stage.name == name)
    }

    /// Checks that `now` would compute what this run was begun to compute.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::RunChanged`] if the recipe, the seeds or an input differ.
    pub fn check_unchanged(&self, now: &RunManifest) -> Result<(), ArtifactError> {
        let then = &self.manifest;
        let differences = [
            ("recipe", then.recipe != now.recipe),
            ("seeds", then.seeds != now.seeds),
            ("inputs", then.inputs != now.inputs),
        ];
        match differences.into_iter().find(|(_, differs)| *differs) {
            None => Ok(()),
            Some((what, _)) => Err(ArtifactError::RunChanged {
                path: self.path.clone(),
                what,
            }),
        }
    }

    /// Records that `stage` is finished and its files are written.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Write`].
    pub fn finish_stage(&mut self, stage: Stage) -> Result<(), ArtifactError> {
        let mut stages = self.stages.clone();
        stages
            .finished
            .retain(|finished| finished.name != stage.name);
        stages.finished.push(stage);
        document::write(&self.path.join(STAGES), &stages)?;
        self.stages = stages;
        Ok(())
    }

    /// Records that the run ended at `time`, RFC 3339, and gives the folder free.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Write`].
    pub fn finish(self, time: &str) -> Result<(), ArtifactError> {
        let manifest = RunManifest {
            finished: Some(time.to_owned()),
            ..self.manifest
        };
        document::write(&self.path.join(MANIFEST), &manifest)
    }
}

/// Reads the manifest of a run, without taking its folder.
///
/// # Errors
///
/// What is wrong with `run.json`.
pub fn read_manifest(folder: &Path) -> Result<RunManifest, ArtifactError> {
    document::read(&folder.join(MANIFEST), ADVICE)
}

/// True if nothing but our lock, or what a killed process left, is in `folder`.
fn is_vacant(folder: &Path) -> Result<bool, ArtifactError> {
    let unreadable = |source| ArtifactError::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.ends_with(lock::FILE) && !atomic::is_leftover(&path) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> RunManifest {
        RunManifest {
            recipe: "name = \"tea\"\n".to_owned(),
            seeds: BTreeMap::from([("decoder".to_owned(), vec![0, 1, u64::MAX])]),
            versions: BTreeMap::from([("burn".to_owned(), "0.22.1".to_owned())]),
            git_revision: None,
            machine: BTreeMap::new(),
            inputs: BTreeMap::from([("captions.tsv".to_owned(), "ab".repeat(32))]),
            started: "2030-01-02T03:04:05Z".to_owned(),
            finished: None,
        }
    }

    fn stage(name: &str) -> Stage {
        Stage {
            name: name.to_owned(),
            seconds: 1.5,
        }
    }

    #[test]
    fn a_run_goes_on_where_it_ended() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("runs/tea");
        let mut run = RunFolder::create(&path, manifest()).unwrap();
        run.finish_stage(stage("connect")).unwrap();
        run.finish_stage(stage("fit")).unwrap();
        run.finish_stage(stage("connect")).unwrap();
        drop(run);

        let run = RunFolder::resume(&path).unwrap();
        assert_eq!(run.stages(), [stage("fit"), stage("connect")]);
        assert!(run.is_finished("fit") && !run.is_finished("train"));
        assert_eq!(run.manifest(), &manifest());
        run.finish("2030-01-02T03:14:05Z").unwrap();
        let finished = read_manifest(&path).unwrap().finished;
        assert_eq!(finished.as_deref(), Some("2030-01-02T03:14:05Z"));
    }

    #[test]
    fn a_folder_that_holds_a_run_is_not_begun_again() {
        let parent = tempfile::tempdir().unwrap();
        drop(RunFolder::create(parent.path(), manifest()).unwrap());
        let error = RunFolder::create(parent.path(), manifest()).unwrap_err();
        assert!(matches!(error, ArtifactError::RunExists { .. }), "{error}");
    }

    #[test]
    fn a_folder_with_other_files_is_not_written_in() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("thesis.tex"), "").unwrap();
        let error = RunFolder::create(parent.path(), manifest()).unwrap_err();
        assert!(matches!(error, ArtifactError::RunExists { .. }), "{error}");
    }

    #[test]
    fn two_runs_in_one_folder_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let _run = RunFolder::create(parent.path(), manifest()).unwrap();
        let created = RunFolder::create(parent.path(), manifest()).unwrap_err();
        let resumed = RunFolder::resume(parent.path()).unwrap_err();
        for error in [created, resumed] {
            assert!(matches!(error, ArtifactError::RunLocked { .. }), "{error}");
        }
    }

    #[test]
    fn a_folder_without_a_run_cannot_be_resumed_and_stays_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let error = RunFolder::resume(parent.path()).unwrap_err();
        assert!(matches!(error, ArtifactError::Missing { .. }), "{error}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_resumed_run_names_what_changed() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(parent.path(), manifest()).unwrap();
        let mut now = manifest();
        now.started = "2031-01-02T03:04:05Z".to_owned();
        run.check_unchanged(&now).unwrap();
        now.inputs
            .insert("captions.tsv".to_owned(), "cd".repeat(32));
        let error = run.check_unchanged(&now).unwrap_err().to_string();
        assert!(error.starts_with("the inputs of the run in"), "{error}");
        now.recipe.push_str("sigma = 1\n");
        let error = run.check_unchanged(&now).unwrap_err().to_string();
        assert!(error.starts_with("the recipe of the run in"), "{error}");
    }

    #[test]
    fn resuming_sweeps_out_what_was_half_written() {
        let parent = tempfile::tempdir().unwrap();
        drop(RunFolder::create(parent.path(), manifest()).unwrap());
        let left = parent.path().join(".weights.abc123.partial");
        fs::write(&left, "half").unwrap();
        RunFolder::resume(parent.path()).unwrap();
        assert!(!left.exists());
    }
}
