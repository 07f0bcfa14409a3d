//! CLIP, against open_clip and transformers: photos and sentences to embeddings, and tokens.

mod golden;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use c3_encoders::clip::{Clip, ClipTokenizer, ImageTower, Overlong, TextTower, clean};
use c3_encoders::{EncoderError, Pixels};
use c3_geometry::Embeddings;

/// The folders: OpenAI's names without a description, `open_clip`'s, and transformers'.
const FOLDERS: [&str; 3] = ["openai_rn", "open_clip", "transformers"];

fn path(name: &str) -> PathBuf {
    golden::path("clip").join(name)
}

/// The largest difference, in parts of the length of its row, is below 2e-4.
fn assert_agree(ours: &Embeddings, name: &str) {
    let theirs = golden::rows(&format!("clip/{name}.npy"), 24);
    assert_eq!((ours.len(), ours.dim()), (theirs.len(), 24));
    for (row, (ours, theirs)) in ours.rows().zip(theirs.rows()).enumerate() {
        let length = theirs.iter().map(|value| value * value).sum::<f32>().sqrt();
        for (a, b) in ours.iter().zip(theirs) {
            let error = (a - b).abs() / length;
            assert!(error < 2e-4, "{name}, row {row}: {a} is not {b}");
        }
    }
}

fn see(tower: &ImageTower) -> Embeddings {
    let files = golden::pictures().into_iter().map(|(_, file)| file);
    let files: Vec<Vec<u8>> = files.collect();
    let pixels = tower.preprocess().decode_all(&files).into_iter();
    let pixels: Vec<Pixels> = pixels.map(|result| result.unwrap()).collect();
    let mut done = 0;
    let seen = tower.encode(&pixels, |rows| done += rows).unwrap();
    assert_eq!(done, 32);
    seen
}

fn read(tower: &TextTower) -> Embeddings {
    let captions = golden::captions();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    tower.encode(&captions, |_| ()).unwrap()
}

/// A copy of a folder, to be damaged.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(path(name)).unwrap() {
        let file = entry.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn edit(folder: &Path, file: &str, from: &str, to: &str) {
    let file = folder.join(file);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

fn fault(folder: &Path) -> EncoderError {
    Clip::load(folder, &Device::flex()).unwrap_err()
}

#[test]
fn both_towers_agree_with_the_reference_in_every_layout() {
    for name in FOLDERS {
        let clip = Clip::load(&path(name), &Device::flex()).unwrap();
        assert_eq!(clip.logit_scale(), 2.625);
        assert_eq!((clip.images().dim(), clip.texts().dim()), (24, 24));
        assert_agree(&see(clip.images()), &format!("{name}_images"));
        assert_agree(&read(clip.texts()), &format!("{name}_texts"));
    }
}

#[test]
fn a_torchscript_archive_is_read_as_it_is_published() {
    let (folder, published) = (copy("openai_rn"), "RN-small.pt");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    fs::copy(path("openai_rn.pt"), folder.path().join(published)).unwrap();
    for place in [folder.path(), &folder.path().join(published)] {
        let clip = Clip::load(place, &Device::flex()).unwrap();
        assert_eq!(clip.logit_scale(), 2.625);
        assert_agree(&see(clip.images()), "openai_rn_images");
        assert_agree(&read(clip.texts()), "openai_rn_texts");
    }
    fs::copy(path("openai_rn.pt"), folder.path().join("other.pt")).unwrap();
    let error = fault(folder.path()).to_string();
    assert!(error.contains("one .pt"), "{error}");
}

#[test]
fn a_tower_alone_is_the_same_tower() {
    for name in FOLDERS {
        let images = ImageTower::load(&path(name), &Device::flex()).unwrap();
        assert_agree(&see(&images), &format!("{name}_images"));
        let texts = TextTower::load(&path(name), &Device::flex()).unwrap();
        assert_agree(&read(&texts), &format!("{name}_texts"));
    }
}

#[derive(serde::Deserialize)]
struct Tokens {
    text: String,
    clean: String,
    ids: Vec<u32>,
}

#[test]
fn hard_texts_have_the_tokens_of_the_reference_by_every_vocabulary() {
    let golden = fs::read_to_string(path("tokens.json")).unwrap();
    let golden: Vec<Tokens> = serde_json::from_str(&golden).unwrap();
    for row in &golden {
        assert_eq!(clean(&row.text), row.clean, "{:?}", row.text);
    }
    let texts: Vec<&str> = golden.iter().map(|row| row.text.as_str()).collect();
    for name in FOLDERS {
        let tokenizer = ClipTokenizer::load(&path(name)).unwrap();
        let ids = tokenizer.encode(&texts).unwrap();
        assert_eq!(ids.len(), golden.len());
        for (ids, row) in ids.iter().zip(&golden) {
            assert_eq!(*ids, row.ids, "{name}: {:?}", row.text);
        }
    }
}

#[test]
fn a_text_that_is_too_long_is_cut_before_its_end_mark_or_refused() {
    let tokenizer = ClipTokenizer::load(&path("open_clip")).unwrap();
    let texts = ["a", &"1 ".repeat(100)];
    let cut = tokenizer.encode(&texts).unwrap();
    assert_eq!((cut[0].len(), cut[1].len()), (3, 77));
    assert_eq!(cut[0].last(), cut[1].last());
    let error = tokenizer.with_overlong(Overlong::Refuse).encode(&texts);
    let expected = "text 1 has 102 tokens with its two marks, but the model reads 77";
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn a_folder_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        fault(folder.path())
            .to_string()
            .contains("holds no weights")
    );

    let folder = copy("open_clip");
    fs::remove_file(folder.path().join("merges.txt")).unwrap();
    assert!(
        fault(folder.path())
            .to_string()
            .contains("holds no tokenizer.json")
    );
    fs::remove_file(folder.path().join("open_clip_config.json")).unwrap();
    let error = fault(folder.path()).to_string();
    assert!(error.contains("which activation"), "{error}");
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let folder = copy("open_clip");
    edit(
        folder.path(),
        "open_clip_config.json",
        "\"layers\": 2",
        "\"layers\": 3",
    );
    edit(
        folder.path(),
        "open_clip_config.json",
        "\"embed_dim\": 24",
        "\"embed_dim\": 25",
    );
    let EncoderError::Weights { faults, .. } = fault(folder.path()) else {
        panic!("the weights fit");
    };
    assert_eq!(faults.len(), 2 * 12 + 2); // a block of each tower, and both projections
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let missing = "visual.transformer.resblocks.2.ln_1.weight is missing (expected [32])";
    assert!(text.contains(&missing.to_owned()), "{text:?}");
    let misshapen = "text_projection has shape [32, 24] (expected [32, 25])";
    assert!(text.contains(&misshapen.to_owned()), "{text:?}");
}

#[test]
fn tensors_that_belong_to_no_layer_are_all_named() {
    let folder = copy("transformers");
    edit(
        folder.path(),
        "config.json",
        "\"num_hidden_layers\": 2",
        "\"num_hidden_layers\": 1",
    );
    let EncoderError::Weights { faults, .. } = fault(folder.path()) else {
        panic!("the weights fit");
    };
    assert_eq!(faults.len(), 2 * 16);
    let first =
        "text_model.encoder.layers.1.layer_norm1.bias of shape [32] is not part of the model";
    assert_eq!(faults[0].to_string(), first);
    // The other tower's tensors are nobody's business.
    edit(
        folder.path(),
        "config.json",
        "\"projection_dim\": 24",
        "\"projection_dim\": 23",
    );
    let error = TextTower::load(folder.path(), &Device::flex()).unwrap_err();
    let EncoderError::Weights { faults, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(faults.len(), 16 + 1);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for (from, to, expected) in [
        (
            "\"heads\": 2",
            "\"heads\": 5",
            "n_heads = 5: has to divide the width",
        ),
        (
            "\"patch_size\": 16",
            "\"patch_size\": 0",
            "patch = 0: has to fit into a picture",
        ),
        (
            "\"vocab_size\": ",
            "\"vocab_size\": 1, \"n\": ",
            "but the weights have 1",
        ),
        (
            "\"vision_cfg\": {",
            "\"vision_cfg\": {\"timm_model_name\": \"a\",",
            "a tower of timm",
        ),
    ] {
        let folder = copy("open_clip");
        edit(folder.path(), "open_clip_config.json", from, to);
        let error = fault(folder.path()).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
