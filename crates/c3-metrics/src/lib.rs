//! Caption metrics, with the numbers of the COCO caption toolkit and without Java.
//!
//! [`score`] takes captions and their references, and returns BLEU-1 to BLEU-4, ROUGE-L
//! and CIDEr of the whole set and of each caption. [`coco`] reads the files that the
//! toolkit reads; [`Tokenizer`] splits a caption into the same words. [`meteor`] is METEOR
//! 1.5, [`bootstrap`] says how far scores can be trusted, and [`retrieval`] how high the
//! right targets rank.
//!
//! ```
//! let references = [vec!["A cat sleeps.", "The cat is asleep."], vec!["A dog barks."]];
//! let scores = c3_metrics::score(&references, &["a cat sleeps", "a cow"])?;
//! assert!(scores.items[0].rouge_l > 0.999);
//! # Ok::<_, c3_metrics::MetricError>(())
//! ```

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
pub use retrieval::{Retrieval, retrieval};
pub use score::{ItemScores, Scores, score, score_with};
pub use training::{Seen, seen_in_training};
