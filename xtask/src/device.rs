//! Where tensors live: chosen at run time among what was compiled in.

use std::panic;
use std::str::FromStr;

use anyhow::anyhow;
use burn::tensor::{Device, Tensor};

/// What `--device` can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeviceChoice {
    /// The first that answers: a CUDA card, any other card, the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card through wgpu.
    Wgpu,
    /// The NVIDIA card of this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        match (name, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("wgpu", None) => Ok(Self::Wgpu),
            ("cuda", None) => Ok(Self::Cuda(0)),
            ("cuda", Some(number)) => number
                .parse()
                .map(Self::Cuda)
                .map_err(|_| anyhow!("`{number}` is not the number of a card, as in cuda:0")),
            _ => Err(anyhow!(
                "no device is called `{text}`; there are auto, cpu, wgpu, cuda[:N]"
            )),
        }
    }
}

/// A device that has answered, and its name for people.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) device: Device,
    pub(crate) name: String,
}

impl Chosen {
    /// Whether several models fit side by side: processors have cores for it.
    pub(crate) fn is_processor(&self) -> bool {
        self.name == "cpu"
    }
}

impl DeviceChoice {
    /// Opens the device and makes it compute once.
    pub(crate) fn open(self) -> anyhow::Result<Chosen> {
        match self {
            Self::Auto => auto(),
            Self::Cpu => cpu(),
            Self::Wgpu => wgpu(),
            Self::Cuda(card) => cuda(card),
        }
    }
}

fn auto() -> anyhow::Result<Chosen> {
    cuda(0).or_else(|_| wgpu()).or_else(|_| cpu())
}

#[cfg(feature = "flex")]
fn cpu() -> anyhow::Result<Chosen> {
    Ok(Chosen {
        device: Device::flex(),
        name: "cpu".to_owned(),
    })
}

#[cfg(not(feature = "flex"))]
fn cpu() -> anyhow::Result<Chosen> {
    Err(absent("cpu", "flex"))
}

#[cfg(feature = "wgpu")]
fn wgpu() -> anyhow::Result<Chosen> {
    use burn::tensor::DeviceKind;
    let device = answering(|| Device::wgpu(DeviceKind::DefaultDevice));
    let silent = || {
        anyhow!("no graphics card answers through wgpu; install its driver, or use --device cpu")
    };
    Ok(Chosen {
        device: device.ok_or_else(silent)?,
        name: "wgpu".to_owned(),
    })
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> anyhow::Result<Chosen> {
    Err(absent("wgpu", "wgpu"))
}

#[cfg(feature = "cuda")]
fn cuda(card: usize) -> anyhow::Result<Chosen> {
    let silent =
        || anyhow!("no NVIDIA card {card} answers; install its driver, or use --device cpu");
    let device = answering(|| Device::cuda(card)).ok_or_else(silent)?;
    Ok(Chosen {
        device,
        name: format!("cuda:{card}"),
    })
}

#[cfg(not(feature = "cuda"))]
fn cuda(_card: usize) -> anyhow::Result<Chosen> {
    Err(absent("cuda", "cuda"))
}

/// Says how to compile a backend in.
#[cfg_attr(
    all(feature = "flex", feature = "wgpu", feature = "cuda"),
    expect(dead_code, reason = "every backend is compiled in")
)]
fn absent(device: &str, feature: &str) -> anyhow::Error {
    anyhow!(
        "device `{device}` was not compiled in; build with `cargo run --release --package xtask \
         --features {feature} -- ...`, or use another --device"
    )
}

/// The device, if one sum comes back right. A missing driver panics inside burn, on several
/// threads; nothing of that is shown.
#[cfg_attr(
    not(any(feature = "wgpu", feature = "cuda", test)),
    expect(dead_code, reason = "the processor needs no probe")
)]
fn answering(open: impl FnOnce() -> Device + panic::UnwindSafe) -> Option<Device> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let answer = panic::catch_unwind(|| {
        let device = open();
        let two = Tensor::<1>::ones([2], &device)
            .sum()
            .try_into_scalar::<f32>();
        (two.ok() == Some(2.0)).then_some(device)
    });
    panic::set_hook(hook);
    answer.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!(
            "cuda:1".parse::<DeviceChoice>().unwrap(),
            DeviceChoice::Cuda(1)
        );
        assert_eq!("auto".parse::<DeviceChoice>().unwrap(), DeviceChoice::Auto);
        for bad in ["gpu", "cuda:x", "cpu:1"] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_device_that_panics_does_not_answer() {
        assert!(answering(|| panic!("no driver")).is_none());
    }
}
