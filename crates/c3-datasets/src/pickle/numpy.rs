//! Arrays, kinds of numbers and single numbers as NumPy pickles them.

use std::sync::Arc;

use super::arena::{Arena, Id, Part};
use super::tensor::{Layout, Order};
use super::{Bytes, Dtype, PickleError, Tensor, Value};

/// Something of NumPy that may not be filled yet.
#[derive(Clone, Debug)]
pub(super) enum Array<'a> {
    /// An array without shape or numbers.
    Empty,
    /// An array.
    Full(Arc<Tensor<'a>>),
    /// A kind of number.
    Kind(Dtype),
}

impl<'a> Array<'a> {
    /// The array, or the name of the kind.
    pub(super) fn value(&self) -> Result<Value<'a>, PickleError> {
        match self {
            Self::Full(tensor) => Ok(Value::Tensor(Arc::clone(tensor))),
            Self::Kind(dtype) => Ok(Value::Text(format!("{dtype:?}").to_lowercase().into())),
            Self::Empty => Err(PickleError::Misfit {
                what: "an array was never filled",
            }),
        }
    }
}

/// The kind that NumPy calls `code`, such as `f4`.
pub(super) fn kind(code: &str) -> Result<Dtype, PickleError> {
    let plain = code.trim_start_matches(['<', '=', '|']);
    Ok(match plain {
        "b1" | "?" => Dtype::Bool,
        "u1" => Dtype::U8,
        "i1" => Dtype::I8,
        "i2" => Dtype::I16,
        "i4" => Dtype::I32,
        "i8" => Dtype::I64,
        "f2" => Dtype::F16,
        "f4" => Dtype::F32,
        "f8" => Dtype::F64,
        _ => {
            let kind = code.chars().take(16).collect();
            return Err(PickleError::Kind { kind });
        }
    })
}

/// An array from the state that NumPy saves: version, shape, kind, order, bytes.
pub(super) fn filled<'a>(arena: &Arena<'a>, state: Id) -> Result<Array<'a>, PickleError> {
    let damaged = || PickleError::Misfit {
        what: "the state of a NumPy array is not shape, kind, order and bytes",
    };
    let state = arena.items(state).ok_or_else(damaged)?;
    let &[_, shape, kind, fortran, data] = state else {
        return Err(damaged());
    };
    let order = match arena.part(fortran) {
        Part::Value(Value::Bool(true)) => Order::FirstFastest,
        _ => Order::LastFastest,
    };
    let bytes = arena.bytes(data).ok_or_else(damaged)?;
    array(arena, shape, kind, order, bytes)
}

/// An array of a shape and kind over bytes.
pub(super) fn array<'a>(
    arena: &Arena<'a>,
    shape: Id,
    kind: Id,
    order: Order,
    bytes: Bytes<'a>,
) -> Result<Array<'a>, PickleError> {
    let Part::Numpy(Array::Kind(dtype)) = arena.part(kind) else {
        let what = "a NumPy array has no kind";
        return Err(PickleError::Misfit { what });
    };
    let shape = arena.sizes(shape).ok_or(PickleError::Misfit {
        what: "the shape of a NumPy array is not of whole numbers",
    })?;
    let layout = Layout::dense(shape, order)?;
    Ok(Array::Full(Arc::new(Tensor::new(*dtype, layout, bytes)?)))
}

/// Holds the order of bytes, the second of a kind's state, against ours.
pub(super) fn check_order(arena: &Arena<'_>, state: Id) -> Result<(), PickleError> {
    let order = arena.items(state).and_then(|state| state.get(1));
    match order.and_then(|order| arena.text(*order)) {
        Some("<" | "|" | "=") => Ok(()),
        other => Err(PickleError::Kind {
            kind: format!("{} (largest byte first)", other.unwrap_or("unknown")),
        }),
    }
}

/// One number of a kind.
pub(super) fn scalar<'a>(dtype: Dtype, bytes: &[u8]) -> Option<Value<'a>> {
    Some(match dtype {
        Dtype::Bool => Value::Bool(*bytes.first()? != 0),
        Dtype::U8 => Value::Integer((*bytes.first()?).into()),
        Dtype::I8 => Value::Integer(i8::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::I16 => Value::Integer(i16::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::I32 => Value::Integer(i32::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::I64 => Value::Integer(i64::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::F64 => Value::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        Dtype::F16 | Dtype::Bf16 | Dtype::F32 => {
            let layout = Layout::dense(vec![1], Order::LastFastest).ok()?;
            let one = Tensor::new(dtype, layout, Bytes::File(bytes)).ok()?;
            Value::Float(f64::from(*one.floats().ok()?.first()?))
        }
    })
}
