//! What networks compute on the processor, on slices of `f32`.
//!
//! burn's processor backend arranges both sides of a matrix product anew for every call;
//! [`Panels`] keeps the weights arranged. Its element-wise operations run one after another,
//! each over all of the memory; the functions here are small enough for one loop to hold several,
//! and become vectors inside a function that [`pulp`] compiles for several processors.

mod activation;
mod exp;
mod product;
mod rows;

pub use activation::{Activation, gelu, gelu_tanh, quick_gelu, relu6, silu};
pub use exp::exp;
pub use product::{Last, Panels};
pub use rows::{add_scaled, dot, layer_norm, length_norm, log_softmax, softmax};
