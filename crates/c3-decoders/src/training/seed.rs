//! One generator for every use of chance, so that none disturbs another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a generator is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Order,
    TrainingView,
    ValidationView,
    Dropout,
    LowRank,
}

/// The generator of one batch: the same after a resumed training as without the break.
pub(super) fn rng(seed: u64, purpose: Purpose, epoch: usize, batch: usize) -> ChaCha8Rng {
    let words = [seed, purpose as u64, epoch as u64, batch as u64];
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}
