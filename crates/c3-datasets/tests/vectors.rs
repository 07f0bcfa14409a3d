//! No bytes, however broken, make a reader of embeddings panic or read past its file.

use c3_datasets::vectors::{Numbers, npy, tensors};
use proptest::prelude::*;

/// A sound `.npy` file.
fn sound(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// Looks at everything that a file gives.
fn look(numbers: &Numbers<'_>) {
    for matrix in numbers.matrices().unwrap_or_default() {
        let values = matrix.rows(0..matrix.n_rows());
        assert_eq!(values.len(), matrix.n_rows() * matrix.n_columns());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(numbers) = npy::parse(&bytes) {
            look(&numbers);
        }
        for (_, numbers) in tensors::parse(&bytes).unwrap_or_default() {
            look(&numbers);
        }
    }

    #[test]
    fn a_sound_file_with_some_bytes_changed_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sound("<f2", "(2, 3, 4)", &[7; 48]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        if let Ok(numbers) = npy::parse(&bytes) {
            look(&numbers);
        }
    }

    #[test]
    fn any_shape_holds_no_more_than_its_file(axes in prop::collection::vec(any::<u64>(), 1..4)) {
        let axes: Vec<String> = axes.iter().map(u64::to_string).collect();
        let bytes = sound("<f8", &format!("({},)", axes.join(", ")), &[0; 64]);
        if let Ok(numbers) = npy::parse(&bytes) {
            let count: usize = numbers.shape().iter().product();
            prop_assert!(count * 8 <= 64);
            look(&numbers);
        }
    }

    #[test]
    fn half_precision_is_read_as_it_is(values in prop::collection::vec(any::<u16>(), 1..50)) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes = sound("<f2", &format!("({}, 1)", values.len()), &data);
        let read = npy::parse(&bytes).unwrap().matrices().unwrap()[0].rows(0..values.len());
        for (read, stored) in read.into_iter().zip(values) {
            let expected = half::f16::from_bits(stored).to_f32();
            prop_assert!(read == expected || (read.is_nan() && expected.is_nan()));
        }
    }
}
