//! Embedding sets and transform records: laws, and every way a file can be wrong.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use c3_artifacts::{ArtifactError, EmbeddingSet, NoiseRecord, Rows, TransformRecord};
use c3_geometry::Embeddings;
use proptest::prelude::*;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

fn embeddings() -> impl Strategy<Value = Embeddings> {
    let finite = prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO;
    (0..6_usize, 1..5_usize).prop_flat_map(move |(rows, dim)| {
        let values = prop::collection::vec(finite, rows * dim);
        values.prop_map(move |values| Embeddings::new(values, dim).unwrap())
    })
}

fn set() -> impl Strategy<Value = EmbeddingSet> {
    embeddings().prop_flat_map(|embeddings| {
        let texts = prop::collection::vec(".{0,12}", embeddings.len());
        let owners = prop::collection::vec(any::<u32>(), embeddings.len());
        (Just(embeddings), texts, owners, 0..3_u8).prop_map(|(embeddings, texts, owners, kind)| {
            let owners = owners.into_iter().map(|owner| owner as usize).collect();
            let rows = match kind {
                0 => Rows::Items { names: texts },
                1 => Rows::Captions { texts, owners },
                _ => Rows::Sentences { texts },
            };
            let origin = [("encoder", "tower \"b\""), ("split", "train")];
            let origin = origin.map(|(key, value)| (key.to_owned(), value.to_owned()));
            EmbeddingSet::new(embeddings, rows, origin.into()).unwrap()
        })
    })
}

fn bits(set: &EmbeddingSet) -> Vec<u32> {
    set.embeddings()
        .as_slice()
        .iter()
        .map(|value| value.to_bits())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))] // each case waits for the disk

    #[test]
    fn a_set_comes_back_bit_for_bit_and_is_written_the_same_again(set in set()) {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        set.write(&first).unwrap();
        let read = EmbeddingSet::read(&first).unwrap();
        prop_assert_eq!(bits(&read), bits(&set)); // -0.0 equals 0.0, their bits do not
        prop_assert_eq!(&read, &set);
        read.write(&second).unwrap();
        prop_assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
    }

    #[test]
    fn a_set_that_was_cut_off_is_an_error_wherever_it_was_cut(set in set(), at in 0.0..1.0_f64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set");
        set.write(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let cut = (bytes.len() as f64 * at) as usize;
        fs::write(&path, &bytes[..cut]).unwrap();
        let error = EmbeddingSet::read(&path).unwrap_err();
        prop_assert!(matches!(error, ArtifactError::Tensors { .. }), "{}", error);
    }
}

fn captions() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("texts.safetensors");
    let rows = Rows::Captions {
        texts: vec!["a calm sea".to_owned(), "water".to_owned()],
        owners: vec![0, 0],
    };
    let embeddings = Embeddings::new(vec![0.0, 1.0, 2.0, 3.0], 2).unwrap();
    let set = EmbeddingSet::new(embeddings, rows, BTreeMap::new()).unwrap();
    set.write(&path).unwrap();
    (folder, path)
}

/// A tensor in pieces: type, shape, bytes.
type Parts = (Dtype, Vec<usize>, Vec<u8>);

/// Writes the file at `path` again, its tag and tensors changed by `change`.
fn rewrite(path: &Path, change: impl FnOnce(&mut String, &mut HashMap<String, Parts>)) {
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut tag = header.metadata().as_ref().unwrap()["c3"].clone();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let parts = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    let tensors = file
        .iter()
        .map(|(name, view)| (name.to_owned(), parts(view)));
    let mut tensors: HashMap<String, Parts> = tensors.collect();
    change(&mut tag, &mut tensors);
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let metadata = HashMap::from([("c3".to_owned(), tag)]);
    let bytes = safetensors::serialize(views.collect::<Vec<_>>(), Some(metadata)).unwrap();
    fs::write(path, bytes).unwrap();
}

fn message(path: &Path) -> String {
    let error = EmbeddingSet::read(path).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_missing_file_says_which_step_writes_it() {
    let path = Path::new("no/texts.safetensors");
    let expected = "`FILE` is not there; run the step that writes it first \
                    (`encode` or `connect`)";
    assert_eq!(message(path), expected);
}

#[test]
fn another_version_is_refused() {
    let (_folder, path) = captions();
    rewrite(&path, |tag, _| {
        *tag = tag.replace("\"version\": 1", "\"version\": 9")
    });
    let expected = "`FILE` is version 9 of c3-embeddings; this program reads version 1";
    assert_eq!(message(&path), expected);
}

#[test]
fn another_kind_of_file_is_refused() {
    let (_folder, path) = captions();
    rewrite(&path, |tag, _| {
        *tag = tag.replace("c3-embeddings", "c3-transform")
    });
    let expected = "`FILE` does not say that it holds c3-embeddings; \
                    expected a file written by C3";
    assert_eq!(message(&path), expected);
    fs::write(&path, safetensors::serialize(no_tensors(), None).unwrap()).unwrap();
    assert_eq!(message(&path), expected);
}

fn no_tensors() -> Vec<(String, TensorView<'static>)> {
    Vec::new()
}

#[test]
fn a_missing_tensor_is_named() {
    for tensor in ["embeddings", "texts", "offsets", "owners"] {
        let (_folder, path) = captions();
        rewrite(&path, |_, tensors| drop(tensors.remove(tensor)));
        assert_eq!(message(&path), format!("`FILE` has no tensor `{tensor}`"));
    }
}

#[test]
fn a_misshapen_tensor_names_both_shapes() {
    let (_folder, path) = captions();
    rewrite(&path, |_, tensors| {
        tensors.get_mut("embeddings").unwrap().1 = vec![4]
    });
    let expected = "tensor `embeddings` of `FILE` is f32 [4]; expected f32 [rows, columns]";
    assert_eq!(message(&path), expected);
    rewrite(&path, |_, tensors| {
        let embeddings = tensors.get_mut("embeddings").unwrap();
        *embeddings = (Dtype::F64, vec![2, 1], vec![0; 16]);
    });
    let expected = "tensor `embeddings` of `FILE` is f64 [2, 1]; expected f32 [rows, columns]";
    assert_eq!(message(&path), expected);
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let (_folder, path) = captions();
    rewrite(&path, |_, tensors| {
        let bytes = &mut tensors.get_mut("embeddings").unwrap().2;
        bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert_eq!(message(&path), "`FILE` does not hold embeddings");
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let (_folder, path) = captions();
    rewrite(&path, |_, tensors| {
        let owners = tensors.get_mut("owners").unwrap();
        *owners = (Dtype::U64, vec![1], vec![0; 8]);
    });
    assert_eq!(
        message(&path),
        "2 embeddings cannot carry 1 owners; expected one each"
    );
}

#[test]
fn a_caption_without_its_item_is_found() {
    let rows = Rows::Captions {
        texts: vec!["a".to_owned(), "b".to_owned()],
        owners: vec![1, 2],
    };
    let embeddings = Embeddings::new(vec![0.0, 1.0], 1).unwrap();
    let set = EmbeddingSet::new(embeddings, rows, BTreeMap::new()).unwrap();
    set.check_owners(3).unwrap();
    let error = set.check_owners(2).unwrap_err().to_string();
    assert_eq!(error, "caption 1 belongs to item 2 of 2");
}

fn record() -> TransformRecord {
    TransformRecord {
        arm: "C3".to_owned(),
        renorm: "after_all".to_owned(),
        sigma: 0.016_f64.sqrt(),
        means: BTreeMap::from([
            ("image".to_owned(), vec![0.1, -0.0, 1e-40]),
            ("text".to_owned(), vec![-0.1, 0.2, 0.3]),
        ]),
        noise: Some(NoiseRecord {
            directions: "gap_only".to_owned(),
            axes: vec![1.7, -0.0, 0.2],
            dim: 3,
        }),
    }
}

#[test]
fn a_transform_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    record().write(&first).unwrap();
    let read = TransformRecord::read(&first).unwrap();
    assert_eq!(read, record());
    assert!(read.means["image"][1].is_sign_negative());
    read.write(&second).unwrap();
    assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
}

#[test]
fn isotropic_noise_leaves_a_file_as_it_was_before_there_was_other_noise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transform");
    let mut plain = record();
    plain.noise = None;
    plain.write(&path).unwrap();
    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    assert!(
        !text.contains("directions") && !text.contains("noise"),
        "{text}"
    );
    assert_eq!(TransformRecord::read(&path).unwrap(), plain);
    record().write(&path).unwrap();
    rewrite(&path, |_, tensors| drop(tensors.remove("noise.axes")));
    let error = TransformRecord::read(&path).unwrap_err().to_string();
    assert!(error.ends_with("has no tensor `noise.axes`"), "{error}");
}

#[test]
fn a_transform_without_one_of_its_means_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transform");
    record().write(&path).unwrap();
    rewrite(&path, |_, tensors| drop(tensors.remove("mean.text")));
    let error = TransformRecord::read(&path).unwrap_err().to_string();
    assert!(error.ends_with("has no tensor `mean.text`"), "{error}");
}

#[test]
fn a_transform_that_is_not_finite_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transform");
    let mut broken = record();
    broken.sigma = f64::NAN;
    let error = broken.write(&path).unwrap_err().to_string();
    assert_eq!(error, "sigma of arm C3 is not a finite number");
    let mut broken = record();
    broken.means.insert("audio".to_owned(), vec![f32::INFINITY]);
    let error = broken.write(&path).unwrap_err().to_string();
    assert_eq!(error, "the mean of audio embeddings is not a finite number");
    assert!(!path.exists());
}
