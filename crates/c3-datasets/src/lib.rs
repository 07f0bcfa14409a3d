//! Other people's files, read into samples.
//!
//! One module per data set. Every reader takes what is already open (`impl BufRead`
//! or `impl Read`), keeps the order of the file and, where a row can be wrong,
//! names the line: which file that was, the caller knows.
//!
//! ```
//! # use c3_datasets::flickr8k::Samples;
//! let table = "image\tcaption\nsea.jpg\tA calm sea .\nsea.jpg\tWater at dusk .\n";
//! let samples = Samples::from_table(table.as_bytes()).collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(samples[0].captions, ["A calm sea .", "Water at dusk ."]);
//! # Ok::<_, c3_datasets::DatasetError>(())
//! ```

pub mod audiocaps;
pub mod clotho;
pub mod coco;
#[cfg(feature = "emoji")]
pub mod emoji;
mod error;
pub mod flickr8k;
mod join;
pub mod karpathy;
mod lines;
#[cfg(feature = "pickle")]
pub mod pickle;
mod sample;
pub mod sentences;
mod table;
pub mod vectors;

pub use error::DatasetError;
pub use join::{Difference, Joined, Selected, join, select};
pub use sample::{Captioned, Picture, Sample, Split};
