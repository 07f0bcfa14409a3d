//! ImageBind, against PyTorch: pictures, videos, sounds and sentences to embeddings.

mod golden;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use c3_encoders::clip::Overlong;
use c3_encoders::imagebind::{
    AudioClip, AudioTower, ImageBind, Lengths, TextTower, VideoClip, VisionTower,
};
use c3_encoders::{Clip, EncoderError, Pixels, Preprocess};
use c3_geometry::Embeddings;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// The folders: the published file in half precision, and safetensors behind a prefix in bfloat16.
const FOLDERS: [&str; 2] = ["published", "hub"];

/// Side of a picture of the small tower, in pixels.
const SIZE: usize = 32;
const D_EMBED: usize = 24;

/// Clips of each video, and of each sound.
const VIDEOS: [usize; 3] = [3, 1, 2];
const SOUNDS: [usize; 3] = [1, 3, 2];

fn path(name: &str) -> PathBuf {
    golden::path("imagebind").join(name)
}

fn load(name: &str) -> ImageBind {
    ImageBind::load(&path(name), &Device::flex()).unwrap()
}

fn theirs(name: &str) -> Embeddings {
    golden::rows(&format!("imagebind/{name}.npy"), D_EMBED)
}

/// The largest difference, in parts of the length of its row, is below 1e-5.
fn assert_agree(ours: &Embeddings, theirs: &Embeddings) {
    assert_eq!((ours.len(), ours.dim()), (theirs.len(), theirs.dim()));
    let lengths = theirs.lengths();
    for (row, (ours, theirs)) in ours.rows().zip(theirs.rows()).enumerate() {
        for (a, b) in ours.iter().zip(theirs) {
            let error = f64::from((a - b).abs()) / lengths[row];
            assert!(error < 1e-5, "row {row}: {a} is not {b}");
        }
    }
}

/// What `golden/imagebind.py` calls a picture.
fn picture(number: usize) -> Pixels {
    let byte = |at: usize| ((at * at * (number + 3) + 17 * at + 29 * number) % 256) as u8;
    Pixels::new((0..3 * SIZE * SIZE).map(byte).collect(), SIZE).unwrap()
}

/// What `golden/imagebind.py` calls a wave.
fn wave(number: usize, length: usize) -> Vec<f32> {
    let (number, at) = (number as f64, (0..length).map(|at| at as f64));
    let angles = at.map(|at| 0.37 * at + 0.0001 * number * at + 1.7 * number);
    angles.map(|angle| (1.5 * angle.sin()) as f32).collect()
}

/// Items of so many clips, numbered one after another.
fn items<C>(counts: [usize; 3], clip: impl Fn(usize) -> C) -> Vec<Vec<C>> {
    let mut numbers = 0..;
    let item = |count| numbers.by_ref().take(count).map(&clip).collect();
    counts.map(item).into()
}

fn videos() -> Vec<Vec<VideoClip>> {
    items(VIDEOS, |number| {
        VideoClip::new(wave(number, 6 * SIZE * SIZE), SIZE).unwrap()
    })
}

/// The first is so quiet that the epsilon of the stem is heard.
fn sounds() -> Vec<Vec<AudioClip>> {
    items(SOUNDS, |number| {
        let mut values = wave(number, AudioClip::BINS * AudioClip::FRAMES);
        if number == 0 {
            values.iter_mut().for_each(|value| *value *= 0.01);
        }
        AudioClip::new(values).unwrap()
    })
}

fn see(tower: &VisionTower) -> Embeddings {
    let pictures: Vec<Pixels> = (0..5).map(picture).collect();
    tower.encode(&pictures, |_| ()).unwrap()
}

fn read(tower: &TextTower) -> Embeddings {
    let captions = golden::captions();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    tower.encode(&captions, |_| ()).unwrap()
}

fn long_texts() -> Vec<String> {
    serde_json::from_str(&fs::read_to_string(path("long.json")).unwrap()).unwrap()
}

/// A copy of the folder of safetensors, with tensors that `change` made.
fn changed(change: impl FnOnce(&mut Tensors)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(path("hub")).unwrap() {
        let file = entry.unwrap();
        fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let file = folder.path().join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = read.iter().collect();
    change(&mut tensors);
    fs::write(file, safetensors::serialize(tensors, None).unwrap()).unwrap();
    folder
}

type Tensors<'a> = HashMap<&'a str, TensorView<'a>>;

fn numbers(bytes: &[u8], shape: &[usize]) -> TensorView<'static> {
    let bytes = bytes.to_vec().leak(); // as long as the test
    TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap()
}

fn faults(error: EncoderError) -> Vec<String> {
    let EncoderError::Weights { faults, .. } = error else {
        panic!("{error}");
    };
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn every_tower_agrees_with_the_reference_in_every_layout() {
    for name in FOLDERS {
        let model = load(name).with_lengths(Lengths::Published);
        assert_agree(&see(model.vision()), &theirs("pictures"));
        assert_agree(&read(model.text()), &theirs("texts"));
        let mut done = 0;
        let videos = model
            .vision()
            .encode_videos(&videos(), |clips| done += clips);
        assert_agree(&videos.unwrap(), &theirs("videos"));
        let sounds = model.audio().encode(&sounds(), |clips| done += clips);
        assert_agree(&sounds.unwrap(), &theirs("sounds"));
        assert_eq!(done, 12);
    }
}

#[test]
fn a_tower_alone_is_the_same_tower_and_its_embeddings_have_unit_length() {
    let unit = |name| theirs(name).to_unit_length().unwrap();
    for name in FOLDERS {
        let vision = VisionTower::load(&path(name), &Device::flex()).unwrap();
        assert_eq!(vision.preprocess(), &Preprocess::new(SIZE));
        assert_agree(&see(&vision), &unit("pictures"));
        let videos = vision.encode_videos(&videos(), |_| ()).unwrap();
        assert_agree(&videos, &unit("videos"));
        let text = TextTower::load(&path(name), &Device::flex()).unwrap();
        assert_agree(&read(&text), &unit("texts"));
        let audio = AudioTower::load(&path(name), &Device::flex()).unwrap();
        let sounds = audio.encode(&sounds(), |_| ()).unwrap();
        assert_agree(&sounds, &unit("sounds"));
        assert_eq!([vision.dim(), text.dim(), audio.dim()], [D_EMBED; 3]);
    }
}

#[test]
fn a_mean_of_clips_is_shorter_than_a_clip_as_published() {
    let audio = load("hub").into_towers().2.with_lengths(Lengths::Published);
    let lengths = audio.encode(&sounds(), |_| ()).unwrap().lengths();
    assert!((lengths[0] - 20.0).abs() < 1e-4, "{lengths:?}"); // one clip
    assert!(lengths[1] < 19.999 && lengths[2] < 19.999, "{lengths:?}");
}

#[test]
fn a_picture_is_a_video_that_stands_still() {
    let model = load("hub");
    let video = |number| {
        let frame = picture(number);
        vec![VideoClip::of_frames([&frame, &frame]).unwrap()]
    };
    let videos: Vec<Vec<VideoClip>> = (0..5).map(video).collect();
    let videos = model.vision().encode_videos(&videos, |_| ()).unwrap();
    assert_agree(&videos, &see(model.vision()));
}

#[test]
fn a_text_that_is_too_long_keeps_its_end_mark_or_loses_it() {
    let texts = long_texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let tower = load("hub").into_towers().1.with_lengths(Lengths::Published);
    let kept = tower.encode(&texts, |_| ()).unwrap();
    assert_agree(&kept, &theirs("long_with_end"));

    let tower = tower.with_overlong(Overlong::DropEnd);
    let lost = tower.encode(&texts, |_| ()).unwrap();
    assert_agree(&lost, &theirs("long_without_end"));
    assert_eq!(lost.row(0), lost.row(1)); // read off the start mark
}

#[test]
fn a_learned_length_is_at_most_100() {
    let folder = changed(|tensors| {
        let scale = numbers(&5.0_f32.to_le_bytes(), &[]); // e^5 is 148
        tensors.insert(
            "model.modality_postprocessors.text.1.log_logit_scale",
            scale,
        );
    });
    let tower = TextTower::load(folder.path(), &Device::flex()).unwrap();
    let tower = tower.with_lengths(Lengths::Published);
    let lengths = tower.encode(&["a dog"], |_| ()).unwrap().lengths();
    assert!((lengths[0] - 100.0).abs() < 1e-3, "{lengths:?}");
}

#[test]
fn the_sizes_are_read_off_the_weights() {
    let model = load("published");
    let vision = model.vision().config();
    assert_eq!((vision.size, vision.patch), (SIZE, 8));
    let trunks = [
        vision.trunk,
        model.text().config().trunk,
        model.audio().config().trunk,
    ];
    let sizes = trunks.map(|trunk| [trunk.width, trunk.n_layers, trunk.n_heads, trunk.d_hidden]);
    assert_eq!(sizes, [[32, 2, 16, 48], [32, 2, 16, 48], [24, 2, 12, 36]]);
    assert_eq!(model.text().config().context, 77);
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let folder = changed(|tensors| {
        tensors.remove("model.modality_trunks.audio.blocks.1.attn.bias_v");
        tensors.remove("model.modality_preprocessors.vision.rgbt_stem.proj.1.weight");
        let wrong = numbers(&[0; 4 * 23], &[23]);
        tensors.insert(
            "model.modality_trunks.text.blocks.0.norm_1.bias",
            wrong.clone(),
        );
        tensors.insert("model.modality_trunks.audio.blocks.0.gain", wrong.clone());
        tensors.insert("modality_heads.text.proj.1.weight", wrong);
    });
    let error = ImageBind::load(folder.path(), &Device::flex()).unwrap_err();
    let named = faults(error);
    for expected in [
        "model.modality_preprocessors.vision.rgbt_stem.proj.1.weight is missing \
         (expected [1280, 3, 2, 14, 14])",
        "model.modality_trunks.audio.blocks.1.attn.bias_v is missing (expected [1, 1, 24])",
        "model.modality_trunks.text.blocks.0.norm_1.bias has shape [23] (expected [32])",
        "model.modality_trunks.audio.blocks.0.gain of shape [23] is not part of the model",
        "modality_heads.text.proj.1.weight of shape [23] is not part of the model",
    ] {
        assert!(named.contains(&expected.to_owned()), "{named:?}");
    }
    // The other towers' tensors are nobody's business.
    let error = AudioTower::load(folder.path(), &Device::flex()).unwrap_err();
    assert_eq!(faults(error).len(), 2);
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    for (name, file, said) in [
        (
            "published",
            "imagebind_huge.pth",
            "neither a safetensors file nor",
        ),
        ("hub", "model.safetensors", "is not a whole"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let whole = fs::read(path(name).join(file)).unwrap();
        for length in [0, 100, whole.len() / 2, whole.len() - 1] {
            fs::write(folder.path().join(file), &whole[..length]).unwrap();
            let error = ImageBind::check(folder.path()).unwrap_err().to_string();
            let is_said = error.contains(said) || length < 9; // too short to tell which it was
            assert!(is_said, "{error}");
        }
    }
}

#[test]
fn a_folder_is_looked_into_before_it_is_read() {
    for name in FOLDERS {
        ImageBind::check(&path(name)).unwrap();
        let file = fs::read_dir(path(name))
            .unwrap()
            .map(|file| file.unwrap().path());
        let file = file.filter(|file| !file.ends_with("bpe_simple_vocab_16e6.txt.gz"));
        file.for_each(|file| assert_eq!(ImageBind::check(&file).unwrap(), D_EMBED));
    }
    let empty = tempfile::tempdir().unwrap();
    let error = ImageBind::check(empty.path()).unwrap_err().to_string();
    let expected = "holds no weights of ImageBind (imagebind_huge.pth, model.safetensors)";
    assert!(error.ends_with(expected), "{error}");

    let folder = changed(|_| ());
    fs::remove_file(folder.path().join("bpe_simple_vocab_16e6.txt.gz")).unwrap();
    let error = ImageBind::check(folder.path()).unwrap_err().to_string();
    assert!(error.contains("holds no tokenizer.json"), "{error}");
    // Pictures and sounds need no words.
    VisionTower::load(folder.path(), &Device::flex()).unwrap();
    AudioTower::load(folder.path(), &Device::flex()).unwrap();
}

#[test]
fn the_weights_of_another_model_are_named() {
    let clip = golden::path("clip");
    for (folder, found) in [("openai_rn", "CLIP"), ("transformers", "CLIP")] {
        let error = ImageBind::check(&clip.join(folder))
            .unwrap_err()
            .to_string();
        let expected = format!("holds the weights of {found}, not of ImageBind");
        assert!(error.ends_with(&expected), "{error}");
    }
    let other = golden::path("tiny_efficientnet.safetensors");
    let error = ImageBind::check(&other).unwrap_err().to_string();
    assert!(
        error.ends_with("holds the weights of another model, not of ImageBind"),
        "{error}"
    );
    for name in FOLDERS {
        let expected = "holds the weights of ImageBind, not of CLIP";
        let error = Clip::check(&path(name)).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
        let error = Clip::load(&path(name), &Device::flex()).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}

#[test]
fn heads_that_do_not_share_the_width_are_refused() {
    let folder = changed(|tensors| {
        let stem = numbers(&vec![0; 4 * 25 * 256], &[25, 1, 16, 16]);
        let name = "model.modality_preprocessors.audio.rgbt_stem.proj.weight";
        tensors.insert(name, stem);
    });
    let error = ImageBind::check(folder.path()).unwrap_err().to_string();
    assert_eq!(error, "n_heads = 12: has to divide the width");
}

#[test]
fn clips_that_do_not_fit_are_refused() {
    let said = |error: EncoderError| error.to_string();
    assert_eq!(
        said(AudioClip::new(vec![0.0; 5]).unwrap_err()),
        "5 values do not make a clip of [1, 128, 204]"
    );
    let mut values = vec![0.0; 6 * SIZE * SIZE];
    values[7] = f32::NAN;
    assert_eq!(
        said(VideoClip::new(values, SIZE).unwrap_err()),
        "value 7 of a clip is not finite"
    );

    let vision = load("hub").into_towers().0;
    let small = VideoClip::new(vec![0.0; 6 * 31 * 31], 31).unwrap();
    let mut videos = videos();
    videos[1].push(small);
    assert_eq!(
        said(vision.encode_videos(&videos, |_| ()).unwrap_err()),
        "video 1 has a frame 31 pixels wide, but the encoder takes 32"
    );
    videos[1].clear();
    assert_eq!(
        said(vision.encode_videos(&videos, |_| ()).unwrap_err()),
        "sound or video 1 has no clips: there is nothing to take the mean of"
    );
    let pixels = Pixels::new(vec![0; 3 * 31 * 31], 31).unwrap();
    assert_eq!(
        said(VideoClip::of_frames([&picture(0), &pixels]).unwrap_err()),
        "frames of one clip are 32 and 31 pixels wide"
    );
    assert_eq!(
        said(vision.encode(&[pixels], |_| ()).unwrap_err()),
        "picture 0 is 31 pixels wide, but the encoder takes 32"
    );
}

#[test]
fn nothing_makes_nothing() {
    let model = load("hub");
    let none: &[Vec<AudioClip>] = &[];
    assert!(model.audio().encode(none, |_| ()).unwrap().is_empty());
    assert!(model.text().encode(&[], |_| ()).unwrap().is_empty());
    assert!(model.vision().encode(&[], |_| ()).unwrap().is_empty());
}

#[test]
fn a_path_to_weights_finds_its_neighbours() {
    let file: &Path = &path("hub").join("model.safetensors");
    TextTower::load(file, &Device::flex()).unwrap();
}
