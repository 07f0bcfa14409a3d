//! The files that C3 writes, and reads again.
//!
//! One module knows the bytes of one kind of file, in both directions. Every
//! file says what it is and which version, appears under its name only once it
//! is whole, and has the same bytes whenever it holds the same values.

pub mod atomic;
pub mod coco_results;
mod document;
pub mod embedding_set;
mod error;
pub mod hash;
mod lock;
pub mod model_card;
pub mod model_folder;
pub mod moments;
pub mod results;
pub mod run;
pub mod survey;
mod tensors;
pub mod transform;

pub use embedding_set::{EmbeddingSet, Rows};
pub use error::ArtifactError;
pub use model_card::ModelCard;
pub use model_folder::{ModelFolder, ModelParts};
pub use moments::MomentsRecord;
pub use results::Results;
pub use run::{RunFolder, RunManifest};
pub use survey::Survey;
pub use transform::{NoiseRecord, TransformRecord};
