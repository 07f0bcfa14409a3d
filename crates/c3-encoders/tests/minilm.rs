//! all-MiniLM-L6-v2, against transformers: sentences to unit embeddings.

mod golden;

use std::fs;

use burn::tensor::Device;
use c3_encoders::{EncoderError, MiniLm};
use c3_geometry::Embeddings;

fn encode(tower: &MiniLm) -> Embeddings {
    let captions = golden::captions();
    let texts: Vec<&str> = captions.iter().map(String::as_str).collect();
    let mut done = 0;
    let embeddings = tower.encode(&texts, |rows| done += rows).unwrap();
    assert_eq!(done, 256);
    embeddings
}

#[test]
fn a_small_network_agrees_with_transformers() {
    let tower = MiniLm::load(&golden::path("tiny_minilm"), &Device::flex()).unwrap();
    golden::assert_close(&encode(&tower), &golden::rows("tiny_minilm.npy", 24));
}

#[test]
fn the_published_network_agrees_with_transformers() {
    let Some(folder) = golden::weights("all-minilm-l6-v2") else {
        return;
    };
    let tower = MiniLm::load(&folder, &Device::flex()).unwrap();
    golden::assert_close(&encode(&tower), &golden::rows("minilm.npy", 384));
}

#[test]
fn no_texts_make_no_rows() {
    let tower = MiniLm::load(&golden::path("tiny_minilm"), &Device::flex()).unwrap();
    assert!(tower.encode(&[], |_| ()).unwrap().is_empty());
}

#[test]
fn an_embedding_does_not_depend_on_its_neighbours() {
    let tower = MiniLm::load(&golden::path("tiny_minilm"), &Device::flex()).unwrap();
    let all = encode(&tower);
    let captions = golden::captions();
    for row in [0, 11, 200] {
        let alone = tower.encode(&[&captions[row]], |_| ()).unwrap();
        let pairs = alone.row(0).iter().zip(all.row(row));
        assert!(pairs.fold(0.0_f32, |worst, (a, b)| worst.max((a - b).abs())) < 1e-5);
    }
}

#[test]
fn a_config_that_contradicts_the_weights_names_every_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let config = fs::read_to_string(golden::path("tiny_minilm/config.json")).unwrap();
    let config = config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    fs::write(folder.path().join("config.json"), config).unwrap();
    for name in ["tokenizer.json", "model.safetensors"] {
        let source = golden::path("tiny_minilm").join(name);
        fs::copy(source, folder.path().join(name)).unwrap();
    }
    let error = MiniLm::load(folder.path(), &Device::flex()).unwrap_err();
    let EncoderError::Weights { faults, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 16); // all of one layer
    let first = "encoder.layer.2.attention.self.query.weight is missing (expected [24, 24])";
    assert_eq!(faults[0].to_string(), first);
}
