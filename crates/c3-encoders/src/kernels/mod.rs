//! What burn's processor backend does slowly, in one pass over the host's memory.
//!
//! Tensors of the `flex` backend lie in the host's memory and can be taken out and
//! put back without a copy. There, element-wise operations run one after another,
//! each over all of the memory and on one thread, and `erf` one value at a time;
//! here they run fused and in vectors: each kernel is a type whose `call`, always
//! inlined, `pulp` compiles for several processors and chooses from at run time.
//! Its matrix product arranges both sides anew for every batch; ours keeps the weights
//! arranged. On every other device the same work goes through burn's own operations, and
//! tests hold the two against each other.

mod attention;
mod bias;
mod dense;
mod depthwise;

pub(crate) use attention::{KeyValue, Sees, mix_heads};
pub(crate) use bias::Bias;
pub(crate) use c3_kernels::Activation;
pub(crate) use dense::Dense;
pub(crate) use depthwise::{Depthwise, Grid};

use burn::tensor::{Device, Tensor};

/// Whether tensors of `device` lie in the host's memory, so that reading them is free.
pub(crate) fn is_host(device: &Device) -> bool {
    format!("{device:?}").contains("Flex") // burn has no other way to ask
}

/// Changes the values of a tensor in the host's memory, in place.
fn on_host<const D: usize>(x: Tensor<D>, work: impl FnOnce(&mut [f32])) -> Tensor<D> {
    let device = x.device();
    let mut data = x.into_data();
    work(data.as_mut_slice().expect("towers compute in f32"));
    Tensor::from_data(data, &device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_backend_is_the_host() {
        assert!(is_host(&Device::flex()));
    }
}
