//! What can be wrong with embeddings.

/// What can be wrong with embeddings handed to this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A value is NaN or infinite.
    #[error("value at row {row}, column {column} is not finite")]
    NotFinite {
        /// Row of the first such value, from 0.
        row: usize,
        /// Column of the first such value, from 0.
        column: usize,
    },
    /// A flat list of values does not cut into whole rows.
    #[error("{values} values do not make whole rows of width {dim}")]
    RaggedRows {
        /// How many values were given.
        values: usize,
        /// The width that was asked for.
        dim: usize,
    },
    /// Two batches come from spaces of different width.
    #[error("cannot compare embeddings of width {left} and {right}")]
    WidthMismatch {
        /// Width of the first batch.
        left: usize,
        /// Width of the second batch.
        right: usize,
    },
    /// A paired question was asked of batches of different length.
    #[error("rows are not paired: {left} on one side, {right} on the other")]
    Unpaired {
        /// Rows of the first batch.
        left: usize,
        /// Rows of the second batch.
        right: usize,
    },
    /// There are too few rows for the question.
    #[error("needs at least {needed} rows, found {found}")]
    TooFewRows {
        /// The least number that has an answer.
        needed: usize,
        /// How many there were.
        found: usize,
    },
    /// A row has length zero where its direction is needed.
    #[error("row {row} has length zero, so it has no direction")]
    ZeroRow {
        /// The row, from 0.
        row: usize,
    },
    /// An item is owned by a row that does not exist.
    #[error("item {item} belongs to row {owner}, but there are only {rows} rows")]
    UnknownOwner {
        /// The item, from 0.
        item: usize,
        /// The row that it claims.
        owner: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A matrix has no eigenvalues that could be found.
    #[error("the matrix is not square, is empty or holds values that are not finite")]
    NoSpectrum,
    /// All values are equal where their spread is needed.
    #[error("all values are equal, so they have no shape")]
    Constant,
    /// A temperature is not a positive number.
    #[error("a temperature must be positive and finite, found {temperature}")]
    BadTemperature {
        /// The value.
        temperature: f64,
    },
}
