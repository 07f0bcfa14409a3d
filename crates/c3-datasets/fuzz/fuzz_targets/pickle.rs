//! Any bytes as a pickle or an archive of PyTorch: read or refused, never a panic.
#![no_main]

use c3_datasets::pickle::{self, SavedLayout};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = pickle::read(bytes) else {
        return;
    };
    for (_, tensor) in pickle::tensors(&value) {
        assert_eq!(tensor.bytes().len(), tensor.count() * tensor.dtype().size());
    }
    if let Some(Ok(saved)) = SavedLayout::of(&value).map(|layout| layout.read(&value)) {
        assert_eq!(saved.items.len(), saved.names.len() * saved.width);
        assert!(saved.owners.iter().all(|owner| *owner < saved.names.len()));
    }
});
