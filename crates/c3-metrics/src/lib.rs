//! Caption metrics, with the numbers of the COCO caption toolkit and without Java.
//!
//! [`score`] takes captions and their references, and returns BLEU-1 to BLEU-4, ROUGE-L
//! and CIDEr of the whole set and of each caption. [`coco`] reads the files that the
//! toolkit reads; [`Tokenizer`] splits a caption into the same words. [`meteor`] is METEOR
//! 1.5, [`bootstrap`] says how far scores can be trusted, and [`retrieval`] how high the
//! right targets rank.
//!
//! ```
//! let references = vec![vec!["A cat sleeps.".to_owned()], vec!["A dog barks.".to_owned()]];
//! let captions = ["a cat sleeps".to_owned(), "a cow".to_owned()];
//! let scores = c3_metrics::score(&references, &captions)?;
//! assert!(scores.items[0].rouge_l > 0.999);
//! # Ok::<_, c3_metrics::MetricError>(())
//! ```

mod bleu;
pub mod bootstrap;
mod cider;
pub mod coco;
mod error;
pub mod meteor;
mod ngrams;
mod overlap;
mod ptb;
mod retrieval;
mod rouge;
mod score;
mod sentence;

pub use error::MetricError;
pub use ptb::Tokenizer;
pub use retrieval::{Retrieval, retrieval};
pub use score::{ItemScores, Scores, score};
