//! Llamas as Hugging Face and llama.cpp keep them, against transformers.

#[path = "llama/refused.rs"]
mod refused;

use burn::tensor::Device;
use c3_decoders::{
    BodyConfig, CaptionSet, CaptionTokenizer, Captioner, Decay, DecoderFile, Decoding, Mapper,
    Nucleus, Output, PrefixDecoder, PrefixDecoderConfig, PretrainedPrefix, PretrainedUse, ReadAt,
    Split, TrainingConfig, TrainingSession, Tune, shards,
};
use c3_geometry::Embeddings;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    max_tokens: usize,
    n_prefix: usize,
    captions: Vec<Vec<u32>>,
    sentences: Vec<String>,
    tokens: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    d_model: usize,
    embeddings: Vec<f32>,
    mapper: Linear,
    losses: Vec<f64>,
    first: Vec<f64>,
    texts: Vec<String>,
    after: Option<Linear>,
}

#[derive(Deserialize)]
struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

fn read(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/llama/");
    std::fs::read(format!("{folder}{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn text(name: &str) -> String {
    String::from_utf8(read(name)).unwrap()
}

fn expected() -> Expected {
    serde_json::from_str(&text("expected.json")).unwrap()
}

/// The bytes of a case, shard by shard, and its `config.json`.
fn files(name: &str) -> (Vec<Vec<u8>>, Option<String>) {
    match name {
        "tied" => {
            let weights = read("tied/model.safetensors");
            (vec![weights], Some(text("tied/config.json")))
        }
        "sharded" => {
            let shards = shards(&text("sharded/model.safetensors.index.json")).unwrap();
            assert_eq!(shards.len(), 2);
            let files = shards.iter().map(|shard| read(&format!("sharded/{shard}")));
            (files.collect(), Some(text("sharded/config.json")))
        }
        _ => (vec![read(name)], None),
    }
}

fn using(expected: &Expected) -> PretrainedUse {
    PretrainedUse {
        fresh: Some(PretrainedPrefix {
            d_embed: 6,
            n_prefix: expected.n_prefix,
            mapper: Mapper::Linear,
            read_at: ReadAt::RootWidth,
        }),
        max_tokens: expected.max_tokens,
        dropout: 0.0,
    }
}

fn open(weights: &[Vec<u8>], config: Option<&str>, expected: &Expected) -> PrefixDecoder {
    let weights: Vec<&[u8]> = weights.iter().map(Vec::as_slice).collect();
    let file = DecoderFile::open(&weights, config).unwrap();
    assert!(matches!(file, DecoderFile::Llama(_)));
    file.decoder(&using(expected), 0, &Device::flex()).unwrap()
}

/// The same decoder behind the mapper of the golden.
fn behind(decoder: &PrefixDecoder, mapper: &Linear) -> PrefixDecoder {
    let bytes = decoder.to_safetensors().unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let little = |values: &[f32]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let (weight, bias) = (little(&mapper.weight), little(&mapper.bias));
    let views = file.tensors().into_iter().map(|(name, view)| {
        let data = match name.as_str() {
            "prefix.project.weight" => &weight,
            "prefix.project.bias" => &bias,
            _ => return (name, view),
        };
        let view = TensorView::new(view.dtype(), view.shape().to_vec(), data).unwrap();
        (name, view)
    });
    let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
    let json = serde_json::to_string(decoder.config()).unwrap();
    let config: PrefixDecoderConfig = serde_json::from_str(&json).unwrap();
    PrefixDecoder::from_safetensors(&bytes, &config, &Device::flex()).unwrap()
}

fn decoder(case: &Case, expected: &Expected) -> PrefixDecoder {
    let (weights, config) = files(&case.name);
    let decoder = open(&weights, config.as_deref(), expected);
    assert_eq!(decoder.config().d_model, case.d_model);
    behind(&decoder, &case.mapper)
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
fn the_sizes_are_those_of_the_files() {
    let expected = expected();
    let sizes = |case: usize| decoder(&expected.cases[case], &expected).config().clone();
    let body = |config: &PrefixDecoderConfig| match config.body {
        BodyConfig::Llama(body) => body,
        BodyConfig::Gpt => panic!("no Llama"),
    };
    let (tied, sharded, blocks) = (sizes(0), sizes(1), sizes(3));
    assert_eq!((tied.n_heads, body(&tied).n_kv_heads), (4, 2));
    assert_eq!((tied.output, body(&tied).rope_base), (Output::Tied, 1e4));
    assert_eq!((body(&sharded).n_kv_heads, body(&sharded).d_head), (1, 6));
    assert_eq!(
        (sharded.output, body(&sharded).rope_base),
        (Output::Untied, 1e5)
    );
    assert_eq!(
        (blocks.output, body(&blocks).rope_base),
        (Output::Untied, 2e4)
    );
    assert_eq!(sizes(2).output, Output::Tied);
}

#[test]
fn losses_agree_with_transformers() {
    let expected = expected();
    for case in &expected.cases {
        let decoder = decoder(case, &expected);
        let pairs = case.embeddings.chunks_exact(6).zip(&expected.captions);
        for ((embedding, caption), loss) in pairs.zip(&case.losses) {
            let alone = split(embedding, std::slice::from_ref(caption));
            let found = decoder.loss(&alone, 1, 0).unwrap();
            assert!(
                (found - loss).abs() < 1e-5 * loss,
                "{}: {found} != {loss}",
                case.name
            );
        }
        // Side by side, with padding.
        let all = split(&case.embeddings, &expected.captions);
        let found = decoder.loss(&all, 5, 0).unwrap();
        let lengths = expected.captions.iter().map(Vec::len);
        let sum: f64 = case
            .losses
            .iter()
            .zip(lengths.clone())
            .map(|(l, n)| l * n as f64)
            .sum();
        let mean = sum / lengths.sum::<usize>() as f64;
        assert!((found - mean).abs() < 1e-5 * mean, "{found} != {mean}");
    }
}

#[test]
fn the_probability_of_every_token_agrees_with_transformers() {
    let expected = expected();
    for case in &expected.cases {
        let decoder = decoder(case, &expected);
        assert_eq!(case.first.len(), decoder.config().n_vocab);
        let tokens: Vec<Vec<u32>> = (0..case.first.len() as u32)
            .map(|token| vec![token])
            .collect();
        for (token, logarithm) in tokens.iter().zip(&case.first) {
            let alone = split(&case.embeddings[..6], std::slice::from_ref(token));
            let found = -decoder.loss(&alone, 1, 0).unwrap();
            // Sums of up to a hundred terms up to twenty, in single precision.
            assert!(
                (found - logarithm).abs() < 1e-5 * logarithm.abs() + 2e-6,
                "{}: {found} != {logarithm}",
                case.name
            );
        }
    }
}

#[test]
fn greedy_captions_are_those_of_reading_everything_anew() {
    let expected = expected();
    let words = CaptionTokenizer::from_json(&text("tokenizer.json")).unwrap();
    for case in &expected.cases {
        let captioner = Captioner::new(decoder(case, &expected), words.clone()).unwrap();
        let embeddings = Embeddings::new(case.embeddings.clone(), 6).unwrap();
        let captions = captioner
            .caption(&embeddings, &Decoding::default())
            .unwrap();
        let found: Vec<&str> = captions.iter().map(|best| best[0].text.as_str()).collect();
        let texts: Vec<&str> = case.texts.iter().map(|text| text.trim()).collect();
        assert_eq!(found, texts, "{}", case.name);

        let beam = Decoding {
            beam: 4,
            n_best: 3,
            ..Default::default()
        };
        let drawn = Decoding {
            n_best: 3,
            nucleus: Some(Nucleus::default()),
            ..Default::default()
        };
        for decoding in [beam, drawn] {
            let together = several(&captioner, &embeddings, &decoding, 5);
            // Every row follows its own keys and values, whoever is beside it.
            assert_eq!(together, several(&captioner, &embeddings, &decoding, 1));
        }
    }
}

fn several(
    captioner: &Captioner,
    embeddings: &Embeddings,
    decoding: &Decoding,
    batch_size: usize,
) -> Vec<String> {
    let decoding = Decoding {
        batch_size,
        ..decoding.clone()
    };
    let captions = captioner.caption(embeddings, &decoding).unwrap();
    assert!(captions.iter().all(|best| best.len() == 3));
    let captions = captions.into_iter().flatten();
    captions.map(|caption| caption.text).collect()
}

#[test]
fn a_step_of_training_goes_along_the_gradient_of_pytorch() {
    let expected = expected();
    let case = &expected.cases[0];
    let before = decoder(case, &expected);
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
    let config = text("tied/config.json");
    let after = open(&[read("tied/after.safetensors")], Some(&config), &expected);
    let after = behind(&after, case.after.as_ref().unwrap());

    let files =
        [&before, &trained.decoder, &after].map(|decoder| decoder.to_safetensors().unwrap());
    let [before, found, after] = [0, 1, 2].map(|at| SafeTensors::deserialize(&files[at]).unwrap());
    let mut compared = 0;
    for name in before.names() {
        // The mapper reads embeddings longer than they are: PyTorch was told so too.
        let [before, found, after] =
            [&before, &found, &after].map(|file| floats(&file.tensor(name).unwrap()));
        let step = |after: &[f32]| -> Vec<f32> {
            let both = before.iter().zip(after);
            both.map(|(before, after)| after - before).collect()
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
    assert_eq!(compared, 2 + 2 + 2 * 9);
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    let (whole, _) = view.data().as_chunks::<4>();
    let numbers = whole.iter().map(|bytes| f32::from_le_bytes(*bytes));
    numbers.collect()
}

#[test]
fn pairs_are_trained_before_a_llama_and_merged_into_it() {
    let expected = expected();
    let case = &expected.cases[1];
    let before = decoder(case, &expected);
    let data = split(&case.embeddings, &expected.captions);
    let training = TrainingConfig {
        epochs: 40,
        batch_size: 5,
        learning_rate: 3e-2,
        warmup_steps: 0,
        tune: Tune::Lora {
            rank: 2,
            alpha: 4.0,
        },
        ..Default::default()
    };
    let session = TrainingSession::new(Device::flex(), 0);
    let trained = training
        .fine_tune(before.clone(), &data, &data, session)
        .unwrap();
    let loss = |decoder: &PrefixDecoder| decoder.loss(&data, 5, 0).unwrap();
    assert!(loss(&trained.decoder) < 0.8 * loss(&before));
    let files = [&before, &trained.decoder].map(|decoder| decoder.to_safetensors().unwrap());
    let [before, after] = [0, 1].map(|at| SafeTensors::deserialize(&files[at]).unwrap());
    for (name, view) in before.tensors() {
        let same = view.data() == after.tensor(&name).unwrap().data();
        let tuned = name.starts_with("prefix.") || name.contains(".attention.");
        assert_eq!(same, !tuned, "{name}");
    }
}

#[test]
fn tokens_agree_with_those_of_the_library_and_of_the_gguf() {
    let expected = expected();
    let json = text("tokenizer.json");
    let kept = CaptionTokenizer::from_json(&json).unwrap();
    let brought = CaptionTokenizer::from_gguf(&read("half.gguf")).unwrap();
    let again = CaptionTokenizer::from_json(&brought.to_json().unwrap()).unwrap();
    for words in [kept, brought, again] {
        assert_eq!(words.n_vocab(), 290);
        for (sentence, tokens) in expected.sentences.iter().zip(&expected.tokens) {
            let mut found = words.encode(sentence).unwrap();
            assert_eq!(found.pop(), Some(0), "the end of text");
            assert_eq!(&found, tokens, "{sentence}");
            assert_eq!(words.decode(tokens), sentence.trim());
        }
    }
}
