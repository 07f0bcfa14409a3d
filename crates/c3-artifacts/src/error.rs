//! Everything that can be wrong with a file of ours.

use std::io;
use std::path::PathBuf;

use c3_geometry::GeometryError;
use safetensors::SafeTensorError;

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written; an older one under its name is untouched.
    #[error("cannot write `{path}`; nothing was changed under that name")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder is not there.
    #[error("`{path}` is not there; {advice}")]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// What to do about it.
        advice: &'static str,
    },
    /// A file is not the JSON it should be.
    #[error("`{path}` is not a {format} file, or was cut off")]
    Json {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        format: &'static str,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// A file is not in safetensors format.
    #[error("`{path}` is not a safetensors file, or was cut off")]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: SafeTensorError,
    },
    /// A file holds something else.
    #[error("`{path}` does not say that it holds {format}; expected a file written by C3")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        format: &'static str,
    },
    /// A file was written by another version.
    #[error("`{path}` is version {found} of {format}; this program reads version {expected}")]
    Version {
        /// The file.
        path: PathBuf,
        /// What it holds.
        format: &'static str,
        /// The version this program reads.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// A tensor is not in its file.
    #[error("`{path}` has no tensor `{tensor}`")]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor has another type or shape.
    #[error("tensor `{tensor}` of `{path}` is {found}; expected {expected}")]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Type and shape it should have.
        expected: &'static str,
        /// Type and shape it has.
        found: String,
    },
    /// The texts of an embedding file do not fit their offsets.
    #[error("the texts of `{path}` are damaged at row {row}")]
    Texts {
        /// The file.
        path: PathBuf,
        /// First row whose text cannot be read.
        row: usize,
    },
    /// The numbers of an embedding file are no embeddings.
    #[error("`{path}` does not hold embeddings")]
    Embeddings {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        source: GeometryError,
    },
    /// Rows and their descriptions differ in number.
    #[error("{embeddings} embeddings cannot carry {rows} {what}; expected one each")]
    RowCount {
        /// Rows of the embeddings.
        embeddings: usize,
        /// Descriptions given.
        rows: usize,
        /// What they are.
        what: &'static str,
    },
    /// A caption belongs to a row that is not there.
    #[error("caption {row} belongs to item {owner} of {items}")]
    Owner {
        /// Row of the caption, from 0.
        row: usize,
        /// The item it names, from 0.
        owner: usize,
        /// How many items there are.
        items: usize,
    },
    /// A name inside a folder leaves that folder, or is taken.
    #[error("`{name}` cannot be a file of a model folder; expected a plain name of its own")]
    FileName {
        /// The name.
        name: String,
    },
    /// A folder that would be replaced is not a model folder.
    #[error("`{path}` is there and is not a model folder; choose another name")]
    NotAModel {
        /// The folder.
        path: PathBuf,
    },
    /// A file of a model folder is not the one that was written.
    #[error("`{path}` is damaged or changed: its SHA-256 is {found}, expected {expected}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Digest that was recorded.
        expected: String,
        /// Digest of the file now.
        found: String,
    },
    /// A folder already holds something.
    #[error("`{path}` already holds a run or other files; resume it, or choose another folder")]
    RunExists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process works in a run folder.
    #[error("another run, process {process}, works in `{path}`; wait for it, or stop it")]
    RunLocked {
        /// The folder.
        path: PathBuf,
        /// Who holds it, as its lock file says.
        process: String,
    },
    /// A run would be resumed under other conditions.
    #[error("the {what} of the run in `{path}` changed; resume with the old, or start a new run")]
    RunChanged {
        /// The folder.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A result is NaN or infinite.
    #[error("{what} is not a finite number")]
    NotFinite {
        /// Which result.
        what: String,
    },
    /// Runs of one arm were scored by different metrics.
    #[error("seed {seed} of arm {arm} lacks the metric {metric}")]
    MissingMetric {
        /// The arm.
        arm: String,
        /// The seed.
        seed: u64,
        /// The metric.
        metric: String,
    },
}
