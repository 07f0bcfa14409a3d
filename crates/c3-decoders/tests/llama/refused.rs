//! Files of no Llama, or of another one than was asked for.

use burn::tensor::Device;
use c3_decoders::{DecoderError, DecoderFile, PretrainedUse};
use safetensors::SafeTensors;

use super::{expected, files, read, using};

/// A GGUF with another number under one name of its metadata.
fn patched(mut bytes: Vec<u8>, key: &str, number: u32) -> Vec<u8> {
    let places = bytes.windows(key.len()).position(|at| at == key.as_bytes());
    let value = places.expect("the name is there") + key.len() + 4; // behind the kind
    bytes[value..value + 4].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn sizes_that_the_tensors_cannot_have_are_refused_before_memory_is_asked_for() {
    let refused = |weights: &[Vec<u8>], config: Option<&str>| {
        let weights: Vec<&[u8]> = weights.iter().map(Vec::as_slice).collect();
        match DecoderFile::open(&weights, config).unwrap_err() {
            DecoderError::Setting { setting, .. } => setting,
            other => panic!("{other}"),
        }
    };
    for (key, setting) in [
        ("llama.feed_forward_length", "d_hidden"),
        ("llama.block_count", "num_hidden_layers"),
    ] {
        let bytes = patched(read("half.gguf"), key, u32::MAX);
        assert_eq!(refused(&[bytes], None), setting);
    }
    let (weights, config) = files("tied");
    let mut config: serde_json::Value = serde_json::from_str(&config.unwrap()).unwrap();
    config["vocab_size"] = u32::MAX.into();
    assert_eq!(refused(&weights, Some(&config.to_string())), "vocab_size");
    config["vocab_size"] = 290.into();
    config["head_dim"] = u32::MAX.into();
    assert_eq!(refused(&weights, Some(&config.to_string())), "d_head");
}

/// Some tensors of a file left out, renamed or doubled.
fn changed(bytes: &[u8], change: impl Fn(&str) -> Vec<String>) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let views = tensors.tensors().into_iter().flat_map(|(name, view)| {
        let names = change(&name).into_iter();
        names.map(move |name| (name, view.clone()))
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

#[test]
fn what_does_not_fit_is_named_all_at_once() {
    let expected = expected();
    let (weights, config) = files("tied");
    let config = config.unwrap();
    let refuse = |weights: &[&[u8]], config: Option<&str>| {
        let file = DecoderFile::open(weights, config)?;
        file.decoder(&using(&expected), 0, &Device::flex())
    };
    let bytes = changed(&weights[0], |name| match name {
        "model.layers.1.self_attn.k_proj.weight" => vec![],
        "model.norm.weight" => vec![name.to_owned(), "model.norm.bias".to_owned()],
        _ => vec![name.to_owned()],
    });
    let narrow = config.replace("\"intermediate_size\": 24", "\"intermediate_size\": 32");
    let error = refuse(&[&bytes], Some(&narrow)).unwrap_err();
    let DecoderError::Weights { faults } = &error else {
        panic!("{error}");
    };
    // One missing, one unknown, three matrices of another width in each of two blocks.
    assert_eq!(faults.len(), 1 + 1 + 3 * 2);
    for part in [
        "`model.layers.1.self_attn.k_proj.weight`: expected [8, 16], found no tensor",
        "`model.norm.bias`: expected no such tensor",
        "`model.layers.0.mlp.down_proj.weight`: expected [16, 32], found [16, 24]",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }

    let half = refuse(&[&weights[0]], None).unwrap_err().to_string();
    assert!(half.contains("not those of a GPT-2"), "{half}");
    let other = config.replace("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"");
    let error = refuse(&[&weights[0]], Some(&other)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model's `model_type` is `mamba`, which is not supported"
    );
    let renamed = changed(&weights[0], |name| {
        vec![name.replace("model.", "transformer.")]
    });
    let error = refuse(&[&renamed], Some(&config)).unwrap_err().to_string();
    assert!(error.contains("not those of a Llama"), "{error}");
    let twice = refuse(&[&weights[0], &weights[0]], Some(&config)).unwrap_err();
    assert!(matches!(twice, DecoderError::TensorTwice { .. }), "{twice}");

    let untied = changed(&weights[0], |name| match name {
        "model.embed_tokens.weight" => vec![name.to_owned(), "lm_head.weight".to_owned()],
        _ => vec![name.to_owned()],
    });
    refuse(&[&untied], Some(&config)).unwrap();
    let own = config.replace(
        "\"tie_word_embeddings\": true",
        "\"tie_word_embeddings\": false",
    );
    refuse(&[&untied], Some(&own)).unwrap();
    let error = refuse(&[&weights[0]], Some(&own)).unwrap_err().to_string();
    assert!(
        error.contains("`lm_head.weight`: expected [290, 16]"),
        "{error}"
    );
}

#[test]
fn a_prefix_and_captions_must_fit_the_positions() {
    let expected = expected();
    let (weights, config) = files("tied");
    let file = DecoderFile::open(&[&weights[0]], config.as_deref()).unwrap();
    let long = PretrainedUse {
        max_tokens: 63,
        ..using(&expected)
    };
    let error = file.sizes(&long).unwrap_err().to_string();
    assert!(error.contains("fit the positions of the Llama"), "{error}");
    let alone = PretrainedUse {
        fresh: None,
        ..using(&expected)
    };
    assert!(matches!(file.sizes(&alone), Err(DecoderError::NoMapper)));
    assert_eq!(file.n_vocab(), 290);
}
