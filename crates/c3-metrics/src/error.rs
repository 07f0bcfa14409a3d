use std::io;

use crate::coco::ImageId;

/// What can be wrong with the captions handed to this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// There is nothing to score.
    #[error("there are no captions to score")]
    NoItems,
    /// The two lists do not speak of the same items.
    #[error("{captions} captions cannot be scored against references of {references} items")]
    CountMismatch {
        /// Items with references.
        references: usize,
        /// Captions to score.
        captions: usize,
    },
    /// An item has nothing to be compared with.
    #[error("item {item} has no reference caption")]
    NoReferences {
        /// Position of the item, from zero.
        item: usize,
    },
    /// The input could not be read.
    #[error("cannot read the captions")]
    Read(#[source] io::Error),
    /// The output could not be written.
    #[error("cannot write the captions")]
    Write(#[source] io::Error),
    /// A file is not UTF-8 text.
    #[error("line {line}, column {column} is not UTF-8 text")]
    NotUtf8 {
        /// Line of the first wrong byte, from one.
        line: usize,
        /// Column of that byte, counted in bytes from one.
        column: usize,
    },
    /// A file is not the JSON that was expected; the parser names line and column.
    #[error("not the expected JSON: {0}")]
    Json(serde_json::Error),
    /// A result names an image that has no annotations.
    #[error("the result for image {image} has no image in the annotations")]
    UnknownImage {
        /// The image that was named.
        image: ImageId,
    },
    /// An annotated image has no result.
    #[error("image {image} has no result")]
    MissingResult {
        /// The image without a result.
        image: ImageId,
    },
    /// Two results speak of one image; the COCO toolkit refuses them too.
    #[error("image {image} has more than one result; the COCO toolkit refuses that too")]
    DuplicateResult {
        /// The image named twice.
        image: ImageId,
    },
    /// An image of the annotations has no caption.
    #[error("image {image} has no reference caption")]
    NoReferenceCaption {
        /// The image without captions.
        image: ImageId,
    },
    /// A document frequency exceeds the size of its corpus.
    #[error("`{ngram}` is in {count} of {items} items")]
    Frequency {
        /// The n-gram.
        ngram: String,
        /// In how many items it is said to be.
        count: u32,
        /// Items of the corpus.
        items: u32,
    },
    /// A table for METEOR ends in the middle of an entry.
    #[error("the table of {table} ends in the middle of an entry")]
    CutOff {
        /// The table.
        table: &'static str,
    },
    /// Bytes that should be METEOR's tables are not.
    #[error("these are not the indexed tables of METEOR; index them again")]
    NotTables,
    /// Two systems were not scored on the same captions.
    #[error("cannot compare scores of {left} and of {right} captions")]
    NotPaired {
        /// Captions of the first system.
        left: usize,
        /// Captions of the second system.
        right: usize,
    },
    /// A value is NaN or infinite.
    #[error("value at row {row}, column {column} is not finite")]
    NotFinite {
        /// Row, from zero.
        row: usize,
        /// Column, from zero.
        column: usize,
    },
    /// Values are not whole rows.
    #[error("{values} values are not rows of {width}")]
    NotRows {
        /// How many values there are.
        values: usize,
        /// Values of a row.
        width: usize,
    },
    /// Two sets of features come from spaces of different width.
    #[error("cannot compare features of width {left} and {right}")]
    WidthMismatch {
        /// Width of the first set.
        left: usize,
        /// Width of the second set.
        right: usize,
    },
    /// A covariance of so few rows is singular.
    #[error(
        "{rows} features of width {width} are too few; a Fréchet distance needs more than {width}"
    )]
    FewRows {
        /// Rows of the set.
        rows: usize,
        /// Values of a row.
        width: usize,
    },
    /// The eigenvalues of a matrix were not found.
    #[error("the eigenvalues of the covariances cannot be found")]
    NoEigenvalues,
    /// Too few rows for a kernel distance.
    #[error("{rows} features are too few for a kernel distance; expected at least {wanted}")]
    FewForKernel {
        /// Rows of the set, or of a subset.
        rows: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// Rows cannot be cut into so many parts.
    #[error("{rows} rows cannot be cut into {parts} parts")]
    FewForParts {
        /// Rows there are.
        rows: usize,
        /// Parts asked for.
        parts: usize,
    },
    /// A query of a retrieval has no right target.
    #[error("query {query} has no right target among its {targets} targets")]
    NoTarget {
        /// The query, from zero.
        query: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// Not every query has its list of right targets.
    #[error("{queries} queries cannot be paired with right targets of {right}")]
    QueryMismatch {
        /// Rows of similarities.
        queries: usize,
        /// Lists of right targets.
        right: usize,
    },
}
