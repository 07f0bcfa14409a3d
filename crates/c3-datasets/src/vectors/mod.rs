//! Embeddings that other programs saved: NumPy arrays, safetensors and Parquet.
//!
//! A reader takes the whole file as bytes, which may be a mapping, and copies nothing until
//! rows are asked for. Nothing in a file is run, and nothing is believed that it promises.
//!
//! ```
//! # use c3_datasets::vectors::npy;
//! let mut file = b"\x93NUMPY\x01\x00\x46\x00".to_vec();
//! file.extend(b"{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }".iter());
//! file.resize(80, b' ');
//! file.extend([0x00, 0x3C, 0x00, 0xC0]); // 1 and -2 in half precision
//! let numbers = npy::parse(&file)?;
//! assert_eq!(numbers.shape(), [1, 2]);
//! assert_eq!(numbers.matrices()?[0].rows(0..1), [1.0, -2.0]);
//! # Ok::<_, c3_datasets::DatasetError>(())
//! ```

pub mod npy;
mod numbers;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod tensors;

pub use numbers::{Kind, Matrix, Numbers};
