//! The names that a pickle may use: those that rebuild data, and no others.

use super::{Dtype, PickleError, Value};

/// What a name of a pickle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A dictionary.
    Map,
    /// `argparse.Namespace`: settings by name.
    Namespace,
    /// A module of TorchScript, in whose archives alone it may stand: its attributes by name.
    Module,
    /// A list of numbers, as TorchScript writes it.
    Sequence,
    /// A value with the name of its type, as TorchScript writes it.
    Tagged,
    /// `torch.Size`.
    Size,
    /// `torch.device`, read as its name.
    Device,
    /// The kind of a PyTorch tensor.
    Kind(Dtype),
    /// A storage of PyTorch, its kind unless it is plain bytes.
    Storage(Option<Dtype>),
    /// A tensor over a storage.
    Tensor,
    /// A tensor over plain bytes, its kind beside it.
    KindTensor,
    /// A tensor and whether it is trained.
    Parameter,
    /// A tensor of a class of its own.
    Typed,
    /// `torch.Tensor` and its like, named but not called.
    TensorType,
    /// A storage as bytes of an older stream.
    StorageBytes,
    /// Bytes spelt as a string.
    Encode,
    /// `numpy.ndarray`, named but not called.
    ArrayType,
    /// An empty NumPy array, filled later.
    Array,
    /// A NumPy array over bytes.
    ArrayBuffer,
    /// The kind of a NumPy array.
    ArrayKind,
    /// One number of NumPy.
    Scalar,
}

impl Class {
    /// What a name stands for; nothing for all that is not data.
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => {
                Some(Self::Map)
            }
            ("argparse", "Namespace") => Some(Self::Namespace),
            ("_codecs", "encode") => Some(Self::Encode),
            ("torch.jit._pickle", "restore_type_tag") => Some(Self::Tagged),
            ("torch.jit._pickle", name) if name.starts_with("build_") => Some(Self::Sequence),
            (module, _) if module.starts_with("__torch__") => Some(Self::Module),
            (module, name) if module.starts_with("numpy") => Self::of_numpy(module, name),
            (module, name) if module.starts_with("torch") => Self::of_torch(module, name),
            _ => None,
        }
    }

    fn of_numpy(module: &str, name: &str) -> Option<Self> {
        let within = module
            .strip_prefix("numpy.core.")
            .or_else(|| module.strip_prefix("numpy._core."));
        match (within, name) {
            (None, "ndarray") if module == "numpy" => Some(Self::ArrayType),
            (None, "dtype") if module == "numpy" => Some(Self::ArrayKind),
            (Some("multiarray"), "_reconstruct") => Some(Self::Array),
            (Some("multiarray"), "scalar") => Some(Self::Scalar),
            (Some("numeric"), "_frombuffer") => Some(Self::ArrayBuffer),
            _ => None,
        }
    }

    fn of_torch(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Self::Tensor),
            ("torch._utils", "_rebuild_tensor_v3") => Some(Self::KindTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::Parameter),
            ("torch._tensor", "_rebuild_from_type_v2") => Some(Self::Typed),
            ("torch", "Tensor") | ("torch.nn.parameter", "Parameter") => Some(Self::TensorType),
            ("torch.storage", "_load_from_bytes") => Some(Self::StorageBytes),
            ("torch", "Size") => Some(Self::Size),
            ("torch", "device") => Some(Self::Device),
            ("torch.storage" | "torch", "UntypedStorage") => Some(Self::Storage(None)),
            ("torch", name) => match name.strip_suffix("Storage") {
                Some(kind) => Some(Self::Storage(Some(storage_kind(kind)?))),
                None => tensor_kind(name).map(Self::Kind),
            },
            _ => None,
        }
    }

    /// The name of something that stands where a value should.
    ///
    /// # Errors
    ///
    /// [`PickleError::Misfit`] for what only builds values.
    pub(super) fn value<'a>(self) -> Result<Value<'a>, PickleError> {
        match self {
            Self::Kind(dtype) => Ok(Value::Text(format!("{dtype:?}").to_lowercase().into())),
            _ => Err(PickleError::Misfit {
                what: "a name stands where a value should",
            }),
        }
    }
}

fn storage_kind(name: &str) -> Option<Dtype> {
    Some(match name {
        "Bool" => Dtype::Bool,
        "Byte" => Dtype::U8,
        "Char" => Dtype::I8,
        "Short" => Dtype::I16,
        "Int" => Dtype::I32,
        "Long" => Dtype::I64,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::Bf16,
        "Float" => Dtype::F32,
        "Double" => Dtype::F64,
        _ => return None,
    })
}

fn tensor_kind(name: &str) -> Option<Dtype> {
    Some(match name {
        "bool" => Dtype::Bool,
        "uint8" => Dtype::U8,
        "int8" => Dtype::I8,
        "int16" => Dtype::I16,
        "int32" => Dtype::I32,
        "int64" => Dtype::I64,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::Bf16,
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        _ => return None,
    })
}
