//! Safetensors files that hold embeddings.

use safetensors::{Dtype, SafeTensors};

use super::{Kind, Numbers};
use crate::DatasetError;

/// Finds every table of floating-point numbers in a safetensors file, by name.
///
/// Tensors of other kinds (labels, texts) and of fewer than two axes are left out.
///
/// # Errors
///
/// [`DatasetError::NotTensors`] if it is no such file, [`DatasetError::NoVectors`] if it holds
/// no table.
pub fn parse(bytes: &[u8]) -> Result<Vec<(String, Numbers<'_>)>, DatasetError> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|source| DatasetError::NotTensors { source })?;
    let mut tables = Vec::new();
    for (name, tensor) in file.tensors() {
        let kind = match tensor.dtype() {
            Dtype::F16 => Kind::F16,
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            _ => continue,
        };
        if tensor.shape().len() > 1 {
            let numbers = Numbers::new(tensor.shape().to_vec(), kind, tensor.data())?;
            tables.push((name, numbers));
        }
    }
    if tables.is_empty() {
        return Err(DatasetError::NoVectors);
    }
    tables.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn tables_are_found_among_other_tensors() {
        let values: Vec<u8> = [1.0_f32, 2.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let view =
            |kind, shape: &[usize], bytes| TensorView::new(kind, shape.to_vec(), bytes).unwrap();
        let file = safetensors::serialize(
            [
                ("text", view(Dtype::F32, &[2, 1], &values)),
                ("image", view(Dtype::F32, &[1, 2], &values)),
                ("labels", view(Dtype::U8, &[2, 4], &values)),
                ("scale", view(Dtype::F32, &[2], &values)),
            ],
            None,
        )
        .unwrap();
        let found = parse(&file).unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["image", "text"]);
        assert_eq!(found[0].1.matrices().unwrap()[0].rows(0..1), [1.0, 2.0]);
        assert!(parse(&file[..40]).is_err());
    }

    #[test]
    fn a_file_without_a_table_is_refused() {
        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        let file = safetensors::serialize([("scale", view)], None).unwrap();
        assert!(matches!(parse(&file), Err(DatasetError::NoVectors)));
    }
}
