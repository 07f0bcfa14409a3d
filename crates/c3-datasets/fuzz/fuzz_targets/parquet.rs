//! Any bytes as a Parquet file: read or refused, never a panic.
#![no_main]

use bytes::Bytes;
use c3_datasets::vectors::parquet;
use libfuzzer_sys::fuzz_target;

// Panics of the parser are caught by the reader; the hook of the fuzzer would end it before.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let file = Bytes::copy_from_slice(bytes);
    let _ = parquet::items(file.clone());
    let n_rows = parquet::count(file.clone()).unwrap_or_default();
    let _ = parquet::captions(file.clone(), &[0, 1, 5][..n_rows.min(2)]);
    let Ok(rows) = parquet::open(file, None) else {
        return;
    };
    let mut some = vec![0.0; rows.n_columns().min(4096) * 3];
    if rows.n_columns() <= 4096 {
        for first in [0, 5, 1] {
            let _ = rows.read(first, &mut some);
        }
    }
});
