//! What can be wrong with a transform or what it is given.

use c3_geometry::GeometryError;

/// What can be wrong with a transform or the embeddings it is given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// A mean was fitted in a space of another width.
    #[error("the mean has width {mean}, the embeddings have width {embeddings}")]
    WidthMismatch {
        /// Width of the fitted mean.
        mean: usize,
        /// Width of the embeddings.
        embeddings: usize,
    },
    /// A mean needs at least one row of positive weight.
    #[error("cannot take the mean of no rows")]
    NoRows,
    /// Weights do not belong to the rows one by one.
    #[error("{weights} weights for {rows} rows")]
    WeightMismatch {
        /// How many weights were given.
        weights: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A standard deviation is negative or not finite.
    #[error("sigma must be finite and at least 0, found {sigma}")]
    BadSigma {
        /// The value.
        sigma: f32,
    },
    /// Noise was to be drawn in directions that a space does not have.
    #[error("there is no noise of kind `{directions}`: the space has no such direction")]
    NoDirection {
        /// Name of the choice.
        directions: &'static str,
    },
    /// Noise was fitted in a space of another width.
    #[error("the noise has width {noise}, the embeddings have width {embeddings}")]
    NoiseWidth {
        /// Width of the fitted noise.
        noise: usize,
        /// Width of the embeddings.
        embeddings: usize,
    },
    /// A name is not an arm of C3.
    #[error("no arm is called `{name}`; there are C1, C2_1, C2_2 and C3")]
    UnknownArm {
        /// The name.
        name: String,
    },
    /// The embeddings themselves are at fault.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}
