//! Llama-style decoders (SmolLM2, Llama 2 and 3, TinyLlama): a second kind of body behind the same
//! mappers, and the files that people keep them in.
//!
//! Of the design of Llama (Touvron et al. 2023, arXiv:2302.13971): lengths alone are normalised,
//! positions turn queries and keys (Su et al. 2021, arXiv:2104.09864), several heads share their
//! keys and values (Ainslie et al. 2023, arXiv:2305.13245), and one of two wide layers gates the
//! other (Shazeer 2020, arXiv:2002.05202).

mod config;
mod model;
mod names;
mod tokens;
mod weights;

pub use config::{LlamaBodyConfig, LlamaConfig};
pub(crate) use model::{LlamaBody, Turn};
pub use weights::LlamaFile;
