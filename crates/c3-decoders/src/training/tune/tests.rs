//! Pairs against PyTorch, and what merging makes of them.

use std::collections::BTreeMap;

use burn::module::{ModuleMapper, ModuleVisitor};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use burn::train::TrainStep;
use safetensors::tensor::TensorView;
use serde::Deserialize;

use super::*;
use crate::files::Stored;
use crate::prefix::Dropout;
use crate::training::batch::CaptionBatch;
use crate::training::lesson::Lesson;
use crate::training::precision::Precision;
use crate::{Activation, Mapper, PrefixDecoderConfig};

/// `tests/golden/lora.py`: a tiny decoder with pairs that are not zero, and PyTorch's
/// gradients.
#[derive(Deserialize)]
struct Golden {
    captions: Vec<Vec<u32>>,
    rank: usize,
    alpha: f64,
    embeddings: Vec<f32>,
    before: BTreeMap<String, Matrix>,
    pairs: BTreeMap<String, Matrix>,
    merged: BTreeMap<String, Matrix>,
    gradients: BTreeMap<String, Matrix>,
}

#[derive(Deserialize)]
struct Matrix {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../tests/golden/lora.json")).unwrap()
}

fn decoder(golden: &Golden) -> PrefixDecoder {
    let config = PrefixDecoderConfig {
        d_embed: 6,
        d_model: 8,
        n_layers: 2,
        n_heads: 2,
        n_prefix: 3,
        n_vocab: 11,
        max_tokens: 5,
        mapper: Mapper::Mlp,
        activation: Activation::Gelu,
        ..Default::default()
    };
    let bytes: BTreeMap<&str, Vec<u8>> = golden
        .before
        .iter()
        .map(|(name, matrix)| {
            let bytes = matrix.values.iter().flat_map(|value| value.to_le_bytes());
            (name.as_str(), bytes.collect())
        })
        .collect();
    let views = golden.before.iter().map(|(name, matrix)| {
        let (bytes, shape) = (&bytes[name.as_str()], matrix.shape.clone());
        (
            name,
            TensorView::new(safetensors::Dtype::F32, shape, bytes).unwrap(),
        )
    });
    let file = safetensors::serialize(views, None).unwrap();
    PrefixDecoder::from_safetensors(&file, &config, &Device::flex()).unwrap()
}

fn prepared(golden: &Golden) -> PrefixDecoder {
    let tune = Tune::Lora {
        rank: golden.rank,
        alpha: golden.alpha,
    };
    let mut fill = Fill {
        pairs: &golden.pairs,
        path: Vec::new(),
        filled: 0,
    };
    let decoder = tune.prepare(decoder(golden), 0).map(&mut fill);
    assert_eq!(fill.filled, golden.pairs.len());
    assert_eq!(fill.filled, 2 * 4 * 2);
    decoder
}

/// The name of a parameter, without what says how it is kept.
fn plain(path: &[String]) -> String {
    let between = ["decoder", "body", "Gpt"];
    let parts = path.iter().map(String::as_str);
    let kept: Vec<&str> = parts.filter(|part| !between.contains(part)).collect();
    kept.join(".")
}

struct Fill<'a> {
    pairs: &'a BTreeMap<String, Matrix>,
    path: Vec<String>,
    filled: usize,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(matrix) = self.pairs.get(&plain(&self.path)) else {
            return param;
        };
        self.filled += 1;
        let device = param.device();
        let data = TensorData::new(matrix.values.clone(), matrix.shape.clone());
        param.map(|_| Tensor::from_data(data, &device))
    }
}

/// Gradients by name.
struct Found<'a> {
    grads: &'a mut GradientsParams,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Found<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            let values = grad.try_into_vec_as::<f32>().unwrap();
            self.found.insert(plain(&self.path), values);
        }
    }
}

#[test]
fn gradients_of_pairs_and_mapper_are_those_of_pytorch_and_there_are_no_others() {
    let golden = golden();
    for (n_parts, precision, share) in [
        (1, Precision::Full, 1e-3),
        (2, Precision::Full, 1e-3),
        (2, Precision::Bf16, 3e-2), // eight bits of every factor
    ] {
        let device = Device::flex().autodiff();
        let lesson = Lesson {
            decoder: prepared(&golden),
            clip_norm: None,
            precision,
        };
        let lesson = lesson.to_device(&device).train();
        let per_part = golden.captions.len() / n_parts;
        let captions = golden.captions.chunks(per_part);
        let parts = captions
            .zip(golden.embeddings.chunks(per_part * 6))
            .map(|(captions, rows)| {
                let captions: Vec<&[u32]> = captions.iter().map(Vec::as_slice).collect();
                CaptionBatch::new(rows, &captions, Dropout::Off, &device)
            });
        let mut grads = TrainStep::step(&lesson, parts.collect()).grads;
        let mut found = Found {
            grads: &mut grads,
            path: Vec::new(),
            found: BTreeMap::new(),
        };
        lesson.visit(&mut found);
        let names = |map: &mut dyn Iterator<Item = &String>| map.cloned().collect::<Vec<_>>();
        assert_eq!(
            names(&mut found.found.keys()),
            names(&mut golden.gradients.keys())
        );
        for (name, expected) in &golden.gradients {
            close(&found.found[name], &expected.values, share, name);
        }
    }
}

fn close(found: &[f32], expected: &[f32], share: f32, name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let apart: Vec<f32> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    assert!(
        length(&apart) <= share * length(expected),
        "{name}: {} of {}",
        length(&apart),
        length(expected)
    );
}

fn hidden(decoder: &PrefixDecoder, golden: &Golden) -> Vec<f32> {
    let data = TensorData::new(golden.embeddings.clone(), [4, 6]);
    let embeddings = Tensor::from_data(data, &decoder.device());
    let hidden = decoder.hidden(embeddings, None, &mut Dropout::Off);
    hidden.try_into_vec_as::<f32>().unwrap()
}

#[test]
fn merged_pairs_are_the_sum_and_compute_the_same() {
    let golden = golden();
    let (with_pairs, without) = (prepared(&golden), decoder(&golden));
    let merged = Tune::merge(with_pairs.clone());
    close(
        &hidden(&merged, &golden),
        &hidden(&with_pairs, &golden),
        1e-5,
        "hidden",
    );
    let bytes = [&merged, &without].map(|decoder| decoder.to_safetensors().unwrap());
    let [merged, without] =
        [&bytes[0], &bytes[1]].map(|bytes| safetensors::SafeTensors::deserialize(bytes).unwrap());
    assert_eq!(merged.len(), without.len());
    for (name, view) in merged.tensors() {
        match golden.merged.get(&name) {
            Some(expected) => {
                let found = Stored::from(view).floats();
                close(&found, &expected.values, 1e-6, &name);
            }
            None => assert_eq!(view.data(), without.tensor(&name).unwrap().data(), "{name}"),
        }
    }
    assert_eq!(golden.merged.len(), 8);
}

#[test]
fn fresh_pairs_change_nothing_and_come_from_the_seed() {
    let golden = golden();
    let tune = Tune::Lora {
        rank: 3,
        alpha: 6.0,
    };
    let fresh = |seed| tune.prepare(decoder(&golden), seed);
    assert_eq!(
        hidden(&fresh(1), &golden),
        hidden(&decoder(&golden), &golden)
    );
    let first = |decoder: PrefixDecoder| {
        let mut drawn = Drawn(Vec::new());
        decoder.visit(&mut drawn);
        drawn.0
    };
    assert_eq!(first(fresh(1)), first(fresh(1)));
    assert_ne!(first(fresh(1)), first(fresh(2)));
}

/// Every number of every parameter.
struct Drawn(Vec<f32>);

impl ModuleVisitor for Drawn {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().try_into_vec_as::<f32>().unwrap());
    }
}

#[test]
fn the_mappers_own_attention_gets_no_pair() {
    assert!(is_projection("body.Gpt.blocks.0.attention.query.weight"));
    assert!(!is_projection("prefix.mixer.layers.0.attention.key.weight"));
    assert!(!is_projection("body.Gpt.blocks.0.norm_attention.gamma"));
    assert!(!is_projection("body.Gpt.blocks.0.attention.query.bias"));
}

#[test]
fn a_setting_is_written_as_it_is_read() {
    let read = |json: &str| serde_json::from_str::<Tune>(json);
    assert_eq!(read(r#""mapper""#).unwrap(), Tune::Mapper);
    let lora = read(r#"{"lora": {"rank": 8, "alpha": 16}}"#).unwrap();
    assert_eq!(
        lora,
        Tune::Lora {
            rank: 8,
            alpha: 16.0
        }
    );
    assert!(read(r#"{"lora": {"rank": 8, "alpha": 16, "dropout": 0.1}}"#).is_err());
    for (rank, alpha) in [(0, 1.0), (4, 0.0), (4, f64::NAN)] {
        let error = Tune::Lora { rank, alpha }.check().unwrap_err().to_string();
        assert!(error.contains("tune.lora."), "{error}");
    }
}
