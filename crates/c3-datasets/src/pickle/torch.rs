//! Tensors and storages as PyTorch pickles them.

use super::arena::{Arena, Id, Part, Source, Storage};
use super::classes::Class;
use super::tensor::Layout;
use super::{Dtype, PickleError};

const NO_TENSOR: PickleError = PickleError::Misfit {
    what: "a tensor is not a storage, an offset, sizes and strides",
};

/// A tensor over a storage that knows its kind, or over bytes of a kind given.
///
/// The arguments are a storage, an offset, sizes and strides; what else there is says whether
/// and how the tensor is trained.
pub(super) fn tensor<'a>(
    arena: &Arena<'a>,
    arguments: &[Id],
    kind: Option<Dtype>,
) -> Result<Part<'a>, PickleError> {
    let &[storage, offset, shape, strides, ..] = arguments else {
        return Err(NO_TENSOR);
    };
    let Part::Storage(storage) = arena.part(storage) else {
        return Err(NO_TENSOR);
    };
    let dtype = kind.or(storage.dtype).ok_or(NO_TENSOR)?;
    let layout = Layout {
        shape: arena.sizes(shape).ok_or(NO_TENSOR)?,
        strides: arena.sizes(strides).ok_or(NO_TENSOR)?,
        offset: arena.size(offset).ok_or(NO_TENSOR)?,
    };
    Ok(Part::Tensor(dtype, layout, storage.clone()))
}

/// The kind that the last argument of a tensor over plain bytes names.
pub(super) fn kind(arena: &Arena<'_>, arguments: &[Id]) -> Option<Dtype> {
    match arena.part(*arguments.get(6)?) {
        Part::Class(Class::Kind(dtype)) => Some(*dtype),
        _ => None,
    }
}

/// A storage that lies elsewhere in the file: `("storage", class, key, device, numbers)`.
pub(super) fn storage<'a>(arena: &Arena<'a>, id: Id) -> Result<Part<'a>, PickleError> {
    let odd = PickleError::Misfit {
        what: "a reference into the archive is not one to a storage",
    };
    let Some(&[tag, class, key, ..]) = arena.items(id) else {
        return Err(odd);
    };
    let (Some("storage"), Part::Class(Class::Storage(dtype)), Some(key)) =
        (arena.text(tag), arena.part(class), arena.text(key))
    else {
        return Err(odd);
    };
    Ok(Part::Storage(Storage {
        dtype: *dtype,
        source: Source::Key(key.into()),
    }))
}
