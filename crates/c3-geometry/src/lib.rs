//! Embeddings, and what can be measured of a contrastive space.
//!
//! The ground floor of C3: no tensor library, no file, no clock. A batch of
//! embeddings is an [`Embeddings`]; every question about it is a function.
//!
//! | question | function |
//! | --- | --- |
//! | how far apart do two modalities stand? | [`modality_gap`] |
//! | how near do matched points lie? | [`mean_pair_cosine`], [`mean_group_cosine`] |
//! | and without one pair? | [`mate_cosine`] |
//! | how strong must Corrupt be? | [`relative_noise`] |
//! | does a picture find its caption? | [`recall`], [`nearest`] |

mod cosine;
mod embeddings;
mod error;
mod gap;
mod mates;
mod retrieval;

pub use cosine::{mean_group_cosine, mean_pair_cosine, relative_noise};
pub use embeddings::Embeddings;
pub use error::GeometryError;
pub use gap::{ModalityGap, modality_gap};
pub use mates::mate_cosine;
pub use retrieval::{Recall, nearest, recall};
