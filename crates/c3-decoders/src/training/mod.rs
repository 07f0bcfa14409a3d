//! Training a decoder from embeddings and their captions.

mod batch;
mod captions;
mod checkpoints;
mod config;
mod footprint;
mod journal;
mod lesson;
mod loader;
mod loss;
mod metric;
mod precision;
mod run;
mod schedule;
mod seed;
mod tune;
mod unwatched;
mod view;

pub use captions::CaptionSet;
pub use checkpoints::Checkpoints;
pub use config::{Decay, TrainingConfig};
pub use footprint::Footprint;
pub use journal::EpochLoss;
pub use precision::Precision;
pub use run::{Ending, Trained, TrainingSession};
pub use tune::Tune;
pub use unwatched::Unwatched;
pub use view::{Split, View};
