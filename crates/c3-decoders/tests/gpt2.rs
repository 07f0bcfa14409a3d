//! GPT-2 behind every mapper, under everybody's names, against transformers.

use burn::tensor::Device;
use c3_decoders::{
    CaptionSet, CaptionTokenizer, Captioner, Decay, DecoderError, Decoding, Gpt2Config, Gpt2File,
    Mapper, PrefixDecoder, PretrainedPrefix, PretrainedUse, ReadAt, Split, Stop, TrainingConfig,
    TrainingSession,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    max_tokens: usize,
    captions: Vec<Vec<u32>>,
    sentences: Vec<String>,
    tokens: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    n_prefix: usize,
    embeddings: Vec<f32>,
    losses: Vec<f64>,
    first: Vec<f64>,
    texts: Vec<String>,
}

fn read(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/gpt2/");
    std::fs::read(format!("{folder}{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap()
}

fn expected() -> Expected {
    serde_json::from_str(&text("expected.json")).unwrap()
}

/// Heads are two wide here, so the sizes come from `config.json`.
fn config() -> Option<Gpt2Config> {
    Some(Gpt2Config::from_json(&text("config.json")).unwrap())
}

fn decoder(file: &str, max_tokens: usize) -> PrefixDecoder {
    let bytes = read(file);
    let file = Gpt2File::open(&[&bytes], config()).unwrap();
    file.decoder(&using(None, max_tokens), 0, &Device::flex())
        .unwrap()
}

fn using(fresh: Option<PretrainedPrefix>, max_tokens: usize) -> PretrainedUse {
    PretrainedUse {
        fresh,
        max_tokens,
        dropout: 0.0,
    }
}

fn words() -> CaptionTokenizer {
    CaptionTokenizer::gpt2(&text("vocab.json"), &text("merges.txt")).unwrap()
}

fn clean(clean: Embeddings, _: &mut ChaCha8Rng) -> Embeddings {
    clean
}

fn split(embeddings: &[f32], captions: &[Vec<u32>]) -> Split {
    let embeddings = Embeddings::new(embeddings.to_vec(), 6).unwrap();
    let set = CaptionSet::one_to_one(embeddings, captions.to_vec()).unwrap();
    Split::new(set, clean)
}

#[test]
fn losses_agree_with_transformers() {
    let expected = expected();
    for case in &expected.cases {
        let decoder = decoder(&case.file, expected.max_tokens);
        assert_eq!(decoder.config().n_prefix, case.n_prefix, "{}", case.file);
        let pairs = case.embeddings.chunks_exact(6).zip(&expected.captions);
        for ((embedding, caption), loss) in pairs.zip(&case.losses) {
            let alone = split(embedding, std::slice::from_ref(caption));
            let found = decoder.loss(&alone, 1, 0).unwrap();
            assert!(
                (found - loss).abs() < 2e-5 * loss,
                "{}: {found} != {loss}",
                case.file
            );
        }
    }
}

#[test]
fn the_probability_of_every_token_agrees_with_transformers() {
    let expected = expected();
    for case in &expected.cases {
        let decoder = decoder(&case.file, expected.max_tokens);
        assert_eq!(case.first.len(), decoder.config().n_vocab);
        for (token, logarithm) in (0..).zip(&case.first) {
            let alone = split(&case.embeddings[..6], &[vec![token]]);
            let found = -decoder.loss(&alone, 1, 0).unwrap();
            // Sums of a few hundred terms up to twenty, in single precision.
            assert!(
                (found - logarithm).abs() < 2e-5 * logarithm.abs() + 2e-6,
                "{}: {found} != {logarithm}",
                case.file
            );
        }
    }
}

#[test]
fn greedy_captions_are_those_of_the_original_loop() {
    let expected = expected();
    let words = words().stopping_at(Stop::FullStop).unwrap();
    let mut ended = 0;
    for case in &expected.cases {
        let decoder = decoder(&case.file, expected.max_tokens);
        let captioner = Captioner::new(decoder, words.clone()).unwrap();
        let embeddings = Embeddings::new(case.embeddings.clone(), 6).unwrap();
        let captions = captioner
            .caption(&embeddings, &Decoding::default())
            .unwrap();
        let found: Vec<&str> = captions.iter().map(|best| best[0].text.as_str()).collect();
        let texts: Vec<&str> = case.texts.iter().map(|text| text.trim()).collect();
        assert_eq!(found, texts, "{}", case.file);
        ended += texts.iter().filter(|text| text.ends_with('.')).count();
    }
    assert!(ended > 1, "the fixture comes to no full stop");
}

#[test]
fn a_step_of_training_goes_along_the_gradient_of_pytorch() {
    let expected = expected();
    let case = &expected.cases[0];
    let before = decoder(&case.file, expected.max_tokens);
    let data = split(&case.embeddings, &expected.captions);
    let training = TrainingConfig {
        epochs: 1,
        batch_size: 5,
        learning_rate: 1.0,
        warmup_steps: 0,
        decay: Decay::None,
        weight_decay: 0.0,
        epsilon: 1.0,
        clip_norm: None,
        ..Default::default()
    };
    let session = TrainingSession::new(Device::flex(), 0);
    let trained = training
        .fine_tune(before.clone(), &data, &data, session)
        .unwrap();
    let after = decoder("after.safetensors", expected.max_tokens);

    let [before, found, after] =
        [&before, &trained.decoder, &after].map(|decoder| decoder.to_safetensors().unwrap());
    let [before, found, after] =
        [&before, &found, &after].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let mut compared = 0;
    for name in before.names() {
        let [before, found, after] =
            [&before, &found, &after].map(|file| floats(&file.tensor(name).unwrap()));
        let step = |after: &[f32]| -> Vec<f32> {
            before
                .iter()
                .zip(after)
                .map(|(before, after)| after - before)
                .collect()
        };
        let (found, expected) = (step(&found), step(&after));
        let length = |step: &[f32]| step.iter().map(|v| v * v).sum::<f32>().sqrt();
        let apart: Vec<f32> = found.iter().zip(&expected).map(|(a, b)| a - b).collect();
        assert!(
            length(&apart) <= 1e-3 * length(&expected) + 1e-6,
            "{name}: {} of {}",
            length(&apart),
            length(&expected)
        );
        compared += 1;
    }
    assert!(compared > 30);
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    let (whole, _) = view.data().as_chunks::<4>();
    whole
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect()
}

#[test]
fn tokens_agree_with_transformers() {
    let (expected, words) = (expected(), words());
    let json = words.to_json().unwrap();
    let read_again = CaptionTokenizer::from_json(&json).unwrap();
    for words in [words, read_again] {
        let bare = words.clone().stopping_at(Stop::FullStop).unwrap();
        for (sentence, tokens) in expected.sentences.iter().zip(&expected.tokens) {
            let mut found = words.encode(sentence).unwrap();
            assert_eq!(found.pop(), Some(words.end()));
            assert_eq!(&found, tokens, "{sentence}");
            assert_eq!(&bare.encode(sentence).unwrap(), tokens);
            assert_eq!(words.decode(tokens), sentence.trim());
        }
    }
}

/// The file with some tensors left out, renamed or added.
fn changed(file: &str, change: impl Fn(&str) -> Vec<String>) -> Vec<u8> {
    let bytes = read(file);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let views = tensors.tensors().into_iter().flat_map(|(name, view)| {
        change(&name)
            .into_iter()
            .map(move |name| (name, view.clone()))
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

#[test]
fn a_gpt2_alone_gets_a_fresh_mapper() {
    let bytes = changed("clipcap-mlp.safetensors", |name| {
        let plain = name.strip_prefix("gpt.");
        plain.map(str::to_owned).into_iter().collect()
    });
    let file = Gpt2File::open(&[&bytes], config()).unwrap();
    assert_eq!(file.prefix(), None);
    let device = Device::flex();
    assert!(matches!(
        file.decoder(&using(None, 12), 0, &device),
        Err(DecoderError::NoMapper)
    ));
    let fresh = PretrainedPrefix {
        d_embed: 6,
        n_prefix: 4,
        mapper: Mapper::Mlp,
        read_at: ReadAt::RootWidth,
    };
    let weights = |seed| {
        let decoder = file
            .decoder(&using(Some(fresh), 12), seed, &device)
            .unwrap();
        decoder.to_safetensors().unwrap()
    };
    let (first, second) = (weights(1), weights(2));
    let whole = decoder("clipcap-mlp.safetensors", 12)
        .to_safetensors()
        .unwrap();
    let [first, second, whole] =
        [&first, &second, &whole].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    for name in whole.names() {
        let of = |file: &SafeTensors<'_>| file.tensor(name).unwrap().data().to_vec();
        let drawn = name.starts_with("prefix.") && name.ends_with("weight");
        assert_eq!(of(&first) == of(&second), !drawn, "{name}");
        if !name.starts_with("prefix.") {
            assert_eq!(of(&first), of(&whole), "{name}");
        }
    }
    let error = file
        .decoder(&using(Some(fresh), 62), 0, &device)
        .unwrap_err();
    assert!(error.to_string().contains("max_tokens"), "{error}");
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let device = Device::flex();
    let bytes = changed("clipcap-mlp.safetensors", |name| match name {
        "gpt.transformer.h.1.attn.c_attn.weight" | "clip_project.model.0.bias" => vec![],
        "gpt.transformer.ln_f.bias" => vec![name.to_owned(), "gpt.transformer.ln_g".to_owned()],
        _ => vec![name.to_owned()],
    });
    let file = Gpt2File::open(&[&bytes], config()).unwrap();
    let error = file.decoder(&using(None, 12), 0, &device).unwrap_err();
    let DecoderError::Weights { faults } = &error else {
        panic!("{error}");
    };
    let names: Vec<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
    let expected = [
        "clip_project.model.0.bias",
        "gpt.transformer.h.1.attn.c_attn.weight",
        "gpt.transformer.ln_g",
    ];
    assert_eq!(names, expected, "{error}");
    assert!(
        error
            .to_string()
            .contains("expected [8, 24], found no tensor"),
        "{error}"
    );

    let other = SafeTensors::deserialize(&bytes).unwrap();
    assert!(other.tensor("gpt.lm_head.weight").is_ok());
    let mut untied = read("clipcap-mlp.safetensors");
    let last = untied.len() - 1;
    let of_head = {
        let (header, metadata) = SafeTensors::read_metadata(&untied).unwrap();
        let info = metadata.info("gpt.lm_head.weight").unwrap();
        8 + header + info.data_offsets.0
    };
    assert!(of_head < last);
    untied[of_head] ^= 1;
    let file = Gpt2File::open(&[&untied], config()).unwrap();
    assert!(matches!(
        file.decoder(&using(None, 12), 0, &device),
        Err(DecoderError::Untied)
    ));
}

#[test]
fn another_model_is_refused() {
    let bytes = changed("clipcap-mlp.safetensors", |name| {
        vec![name.replace("wte", "visual")]
    });
    let error = Gpt2File::open(&[&bytes], None).unwrap_err().to_string();
    assert!(error.contains("not those of a GPT-2"), "{error}");
    let bytes = read("clipcap-mlp.safetensors");
    let cut = Gpt2File::open(&[&bytes[..bytes.len() - 1]], None).unwrap_err();
    assert!(matches!(cut, DecoderError::WeightsFile { .. }));
    let words = words();
    let few = text("vocab.json").replace("\"!\":1,", "");
    let fewer = CaptionTokenizer::gpt2(&few, &text("merges.txt")).unwrap();
    assert_ne!(fewer.n_vocab(), words.n_vocab());
    let decoder = decoder("clipcap-mlp.safetensors", 12);
    assert!(matches!(
        Captioner::new(decoder, fewer),
        Err(DecoderError::VocabularyMismatch { .. })
    ));
}
