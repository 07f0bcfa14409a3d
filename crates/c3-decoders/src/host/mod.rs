//! A decoder on the processor, arranged to read one token at a time.
//!
//! Its weights lie in the panels of [`c3_kernels::Panels`] and everything between them is slices:
//! a token of 32 captions is little work for every single operation, and burn's would spend more
//! time on starting them, and on arranging weights, than on numbers. Other devices read through
//! [`PrefixDecoder`](crate::PrefixDecoder) itself, and tests hold the two against each other.

mod attention;
mod block;
mod body;
mod decoder;
mod layers;
mod seen;

pub(crate) use attention::Attention;
pub(crate) use block::{Block, Mlp};
pub(crate) use body::{Body, Positions};
pub(crate) use decoder::{HostDecoder, HostReading};
pub(crate) use layers::{Dense, Norm, values};

use burn::tensor::Device;

/// Whether tensors of `device` lie in the host's memory.
pub(crate) fn is_host(device: &Device) -> bool {
    format!("{device:?}").contains("Flex") // burn has no other way to ask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_backend_is_the_host() {
        assert!(is_host(&Device::flex()));
    }
}
