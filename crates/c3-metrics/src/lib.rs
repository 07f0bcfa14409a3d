#![doc = include_str!("../README.md")]

mod bleu;
pub mod bootstrap;
mod cider;
mod clip_score;
pub mod coco;
mod error;
mod features;
#[cfg(feature = "frechet")]
mod frechet;
mod frequencies;
mod inception;
mod kernel_distance;
pub mod meteor;
mod ngrams;
mod overlap;
mod ptb;
mod retrieval;
mod rouge;
mod score;
mod sentence;
mod training;

pub use clip_score::{ClipScores, clip_scores};
pub use error::MetricError;
pub use features::Features;
#[cfg(feature = "frechet")]
pub use frechet::frechet_distance;
pub use frequencies::DocumentFrequencies;
pub use inception::inception_score;
pub use kernel_distance::{Spread, Subsets, kernel_distance, kernel_distances};
pub use ptb::Tokenizer;
pub use retrieval::{Retrieval, average_precisions, retrieval};
pub use score::{ItemScores, Scores, score, score_with};
pub use training::{Seen, seen_in_training};
