//! Any bytes as a safetensors file: read or refused, never a panic.
#![no_main]

use c3_datasets::vectors::tensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for (_, numbers) in tensors::parse(bytes).unwrap_or_default() {
        for matrix in numbers.matrices().unwrap_or_default() {
            let values = matrix.rows(0..matrix.n_rows());
            assert_eq!(values.len(), matrix.n_rows() * matrix.n_columns());
        }
    }
});
