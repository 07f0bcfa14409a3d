//! Embeddings, and what can be measured of a contrastive space.
//!
//! The ground floor of C3: no tensor library, no file, no clock. A batch of
//! embeddings is an [`Embeddings`]; every question about it is a function.
//!
//! | question | function |
//! | --- | --- |
//! | how far apart do two modalities stand? | [`modality_gap`] |
//! | is the gap one constant vector, orthogonal to the rest? | [`gap_table`] |
//! | what do pairs differ by beside it? | [`alignment_noise`] |
//! | is that Gaussian, the same in all directions? | [`normality`], [`isotropic_null`] |
//! | in how many directions does a space vary, and in which? | [`Moments`], [`Spectrum`], [`PrincipalAxes`] |
//! | in the same ones in both modalities? | [`subspace_overlap`], [`spectral_correlation`] |
//! | how near do matched points lie? | [`mean_pair_cosine`], [`mean_group_cosine`] |
//! | and without one pair? | [`mate_cosine`] |
//! | how strong must Corrupt be? | [`relative_noise`] |
//! | and at least, by captions alone? | [`caption_spread`] |
//! | does a picture find its caption? | [`recall`], [`nearest`] |
//! | who lies next to whom? | [`same_modality_share`], [`hubness`], [`separability`] |
//! | does depth alone narrow a space? | [`depth_dimensions`], [`layer_dimensions`] |
//! | what can contrastive training move? | [`one_sided_contrast`], [`symmetric_contrast`] |
//! | where does it stop? | [`stable_margin`], [`query_loss`] |
//! | and what is left then? | [`SyntheticSpace`] |
//! | what can be read off a point in a straight line? | [`RidgeSums`], [`Ridge`] |
//! | so, will C3 help here? | [`verdict`] |
//!
//! Randomness comes in as `&mut impl Rng`: the same generator gives the same answer.

mod axes;
mod contrastive;
mod cosine;
mod depth;
mod embeddings;
mod error;
mod gap;
mod infonce;
mod isotropy;
mod mates;
mod moments;
mod neighbours;
mod noise;
mod normality;
mod retrieval;
mod ridge;
mod separability;
mod spectrum;
mod spread;
mod table;
mod unit_rows;
mod verdict;

pub use axes::PrincipalAxes;
pub use contrastive::{SyntheticSettings, SyntheticSpace, initial_gap};
pub use cosine::{mean_group_cosine, mean_pair_cosine, mean_unpaired_cosine, relative_noise};
pub use depth::{depth_dimensions, layer_dimensions};
pub use embeddings::Embeddings;
pub use error::GeometryError;
pub use gap::{ModalityGap, modality_gap};
pub use infonce::{
    Contrast, one_sided_contrast, query_loss, stable_margin, symmetric_contrast,
    through_normalisation,
};
pub use isotropy::isotropic_null;
pub use mates::mate_cosine;
pub use moments::{BinState, Moments, MomentsState, Side};
pub use neighbours::{hubness, same_modality_share};
pub use noise::{AlignmentNoise, alignment_noise};
pub use normality::{Normality, adjust_for_many, normality};
pub use retrieval::{Recall, nearest, recall};
pub use ridge::{Ridge, RidgeSums};
pub use separability::separability;
pub use spectrum::{PAPER_GAMMA, Spectrum, spectral_correlation, subspace_overlap};
pub use spread::{CaptionSpread, caption_spread};
pub use table::{Comparison, GapTable, PAPER_GROUP, Summary, TableSettings, gap_table};
pub use unit_rows::UnitRows;
pub use verdict::{Interval, Outcome, Verdict, VerdictSettings, verdict};
