//! Everything that can be wrong with a file of a data set.

use std::io;

/// What is wrong with a file of a data set, and on which line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The reader failed.
    #[error("line {line} cannot be read")]
    Read {
        /// Line that was being read, from 1.
        line: usize,
        /// What the reader said.
        source: io::Error,
    },
    /// A line is not UTF-8.
    #[error("line {line} is not UTF-8: byte {byte} is wrong; save the file as UTF-8")]
    NotUtf8 {
        /// Line, from 1.
        line: usize,
        /// First wrong byte of the line, from 1.
        byte: usize,
    },
    /// A line is longer than any caption.
    #[error("line {line} is longer than {limit} bytes; expected one caption a line")]
    LongLine {
        /// Line, from 1.
        line: usize,
        /// Longest line that is read, in bytes.
        limit: usize,
    },
    /// A table does not begin with its column names.
    #[error("line 1 is `{found}`; expected the header `image<TAB>caption`")]
    Header {
        /// The line that stands there.
        found: String,
    },
    /// A row does not have exactly two columns.
    #[error("line {line} has {tabs} tabs; expected `{expected}`, one tab")]
    Tabs {
        /// Line, from 1.
        line: usize,
        /// Tabs found.
        tabs: usize,
        /// How a row looks.
        expected: &'static str,
    },
    /// A row of a token file does not number its caption.
    #[error("line {line} begins `{found}`; expected `picture.jpg#N`, N the caption's number")]
    CaptionNumber {
        /// Line, from 1.
        line: usize,
        /// What stands before the tab.
        found: String,
    },
    /// The same caption number was given to one picture twice.
    #[error("line {line} is caption {number} of `{name}` again; expected each number once")]
    RepeatedNumber {
        /// Line, from 1.
        line: usize,
        /// The picture.
        name: String,
        /// The number it has twice.
        number: u32,
    },
    /// A row has no caption.
    #[error("line {line} has no caption for `{name}`; expected text")]
    EmptyCaption {
        /// Line, from 1.
        line: usize,
        /// The picture.
        name: String,
    },
    /// A row names no picture, or one outside the data set's folder.
    #[error("line {line} names the picture `{name}`; expected a file below the picture folder")]
    PictureName {
        /// Line, from 1.
        line: usize,
        /// What stands in place of a name.
        name: String,
    },
    /// The rows of one picture do not stand together.
    #[error("line {line} names `{name}` again, after line {first}; its rows must stand together")]
    Scattered {
        /// Line, from 1.
        line: usize,
        /// The picture.
        name: String,
        /// Where its first rows began.
        first: usize,
    },
    /// A list names one picture twice.
    #[error("line {line} names `{name}` again, after line {first}; expected each name once")]
    RepeatedName {
        /// Line, from 1.
        line: usize,
        /// The name.
        name: String,
        /// Line of its first mention.
        first: usize,
    },
    /// A file has no row at all.
    #[error("the file holds no rows; expected at least one {expected}")]
    Empty {
        /// What a row would be.
        expected: &'static str,
    },
    /// A table of comma-separated values is broken.
    #[error("the comma-separated table is broken")]
    Csv {
        /// What the parser said, with the line.
        source: csv::Error,
    },
    /// A table has no such column.
    #[error("no column `{column}`; the header has `{}`", found.join("`, `"))]
    Column {
        /// The column that was asked for.
        column: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// An annotation file is not the JSON it should be.
    #[error("not {expected}")]
    Json {
        /// What the file should hold.
        expected: &'static str,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// A caption belongs to no picture of its file.
    #[error("a caption belongs to image `{id}`, which `images` does not list")]
    UnknownImage {
        /// The id the caption names.
        id: String,
    },
    /// Two pictures of a file share an id.
    #[error("image `{id}` is listed twice")]
    RepeatedImage {
        /// The id.
        id: String,
    },
    /// A picture of an annotation file has no caption, or an empty one.
    #[error("image `{id}` has no caption, or an empty one")]
    Uncaptioned {
        /// The id.
        id: String,
    },
    /// An annotation file names a picture outside the data set's folder.
    #[error("image `{id}` is in `{file}`; expected a file below the picture folder")]
    ImageFile {
        /// The id.
        id: String,
        /// The file name that leaves the folder.
        file: String,
    },
    /// A split is not one of Karpathy's.
    #[error("image `{id}` is in split `{split}`; expected train, restval, val or test")]
    UnknownSplit {
        /// The id.
        id: String,
        /// The split's name.
        split: String,
    },
    /// A file is not a NumPy array.
    #[error("not a NumPy `.npy` file: it does not begin with its magic bytes")]
    NotNpy,
    /// The header of a NumPy file cannot be understood.
    #[error("the header of the NumPy file {what}")]
    NpyHeader {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A NumPy file holds a pickle.
    #[error(
        "the NumPy file holds pickled Python objects, and reading them could run any code; \
         save one float array with `numpy.save`"
    )]
    NpyObjects,
    /// A NumPy file holds no floating-point numbers that can be read.
    #[error("the NumPy file holds `{found}`; expected `<f2`, `<f4` or `<f8`")]
    NpyType {
        /// The type it names.
        found: String,
    },
    /// A NumPy file holds its columns one after the other.
    #[error("the NumPy file is in Fortran order; save `numpy.ascontiguousarray` of it")]
    NpyOrder,
    /// A file ends before its numbers do.
    #[error(
        "the file promises {} bytes of numbers and holds {found} bytes; it was cut off",
        promised.map_or("more than memory can hold".to_owned(), |size| size.to_string())
    )]
    CutOff {
        /// Bytes that its header asks for, if they can be counted.
        promised: Option<usize>,
        /// Bytes there are.
        found: usize,
    },
    /// An array has not the shape of embeddings.
    #[error("the array has shape {shape:?}; expected [n, d] or [2, n, d]")]
    VectorShape {
        /// Length of each axis.
        shape: Vec<usize>,
    },
    /// A file is not in safetensors format.
    #[error("not a safetensors file, or cut off")]
    NotTensors {
        /// What the parser said.
        source: safetensors::SafeTensorError,
    },
    /// A file is not in Parquet format.
    #[cfg(feature = "parquet")]
    #[error("not a Parquet file, or cut off")]
    NotParquet {
        /// What the parser said.
        source: parquet::errors::ParquetError,
    },
    /// A Parquet file holds fewer rows than it promises.
    #[error("the file promises {promised} rows and ends before row {row}")]
    FewerRows {
        /// Rows that its footer counts.
        promised: usize,
        /// First row that is not there.
        row: usize,
    },
    /// A Parquet file has not the one column of vectors that is wanted.
    #[error("{}", column_sentence(wanted.as_deref(), found))]
    VectorColumn {
        /// The column that was asked for, if any.
        wanted: Option<String>,
        /// The columns there are that hold lists of numbers.
        found: Vec<String>,
    },
    /// A Parquet file has no column of texts of this name.
    #[error("no column `{column}` holds texts")]
    TextColumn {
        /// The column that was looked for.
        column: &'static str,
    },
    /// A row of a column of texts has none.
    #[error("row {row} of column `{column}` is null, or not UTF-8")]
    NoText {
        /// The column.
        column: &'static str,
        /// Which row, from zero.
        row: usize,
    },
    /// A list of a Parquet column is longer or shorter than the first, or has holes.
    #[error("row {row} of column `{column}` holds {found} numbers; the first row holds {width}")]
    RaggedColumn {
        /// The column.
        column: String,
        /// Which row, from zero.
        row: usize,
        /// Numbers in it that are not null.
        found: usize,
        /// Numbers in the first row.
        width: usize,
    },
    /// A file of tensors holds no embeddings.
    #[error("no tensor is a table of f16, f32 or f64")]
    NoVectors,
}

fn column_sentence(wanted: Option<&str>, found: &[String]) -> String {
    let names = found.join("`, `");
    match (wanted, found) {
        (_, []) => "no column is a list of f16, f32 or f64".to_owned(),
        (Some(wanted), _) => {
            format!("no column `{wanted}` is a list of numbers; there are `{names}`")
        }
        (None, _) => format!("several columns are lists of numbers; name one of `{names}`"),
    }
}
