//! Any bytes as a `.npy` file: read or refused, never a panic.
#![no_main]

use c3_datasets::vectors::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(numbers) = npy::parse(bytes) else {
        return;
    };
    for matrix in numbers.matrices().unwrap_or_default() {
        let values = matrix.rows(0..matrix.n_rows());
        assert_eq!(values.len(), matrix.n_rows() * matrix.n_columns());
    }
});
