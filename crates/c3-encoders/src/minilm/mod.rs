//! all-MiniLM-L6-v2: sentences into 384 numbers of unit length.
//!
//! A six-layer BERT (Devlin et al. 2019, arXiv:1810.04805) distilled to a width of
//! 384 (Wang et al. 2020, arXiv:2002.10957) and tuned on a billion sentence pairs;
//! its embedding is the mean over tokens. Read from the files of
//! `sentence-transformers/all-MiniLM-L6-v2`.

mod config;
mod model;
mod tokens;
mod weights;

pub use config::MiniLmConfig;
pub use model::MiniLm;
