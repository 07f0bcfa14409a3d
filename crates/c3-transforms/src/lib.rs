//! What C3 does to an embedding before a decoder sees it.
//!
//! | step | training, own modality | test, other modality |
//! | --- | --- | --- |
//! | 1 Connect | `e = u(f(y))` | `e = u(f(x))` |
//! | 2 [`Collapse`] | `e <- e - mean(Y)` | `e <- e - mean(X)` |
//! | 3 [`Corrupt`] | `e <- e + sigma * z` | nothing |
//! | 4 [`Renorm`] | `e <- u(e)` | `e <- u(e)` |
//!
//! A [`Transform`] is one row of that table for one modality; an [`Arm`] says
//! which steps are taken, and [`Directions`] which way the noise goes. Source: Zhang et al. 2024, arXiv:2401.08567.

mod arm;
mod collapse;
mod corrupt;
mod directions;
mod error;
mod noise_shape;
mod transform;

pub use arm::Arm;
pub use collapse::Collapse;
pub use corrupt::{Corrupt, PAPER_SIGMA};
pub use directions::Directions;
pub use error::TransformError;
pub use noise_shape::NoiseShape;
pub use transform::{Renorm, Transform};
