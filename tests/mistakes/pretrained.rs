//! Decoders that somebody trained before, and those that do not fit.

use std::fs;
use std::path::Path;

use super::{errors, photos, train_photos, xtask};

/// A folder with a tiny GPT-2, laid out as Hugging Face does.
fn gpt2(folder: &Path) {
    let golden = Path::new("../crates/c3-decoders/tests/golden/gpt2"); // cargo runs in xtask/
    fs::create_dir(folder.join("gpt2")).unwrap();
    for (from, to) in [
        ("clipcap-mlp.safetensors", "model.safetensors"),
        ("config.json", "config.json"),
        ("vocab.json", "vocab.json"),
        ("merges.txt", "merges.txt"),
    ] {
        fs::copy(golden.join(from), folder.join("gpt2").join(to)).unwrap();
    }
}

#[test]
fn a_gpt2_is_trained_further_and_one_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    photos(at);
    let start = ["--set", "decoder.pretrained=./gpt2"];
    let refused = |parts: &[&str]| {
        let output = train_photos(at, &start);
        assert!(!output.status.success());
        let said = errors(&output);
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
        assert!(!at.join("run").exists(), "{said}");
    };
    refused(&["`./gpt2` is neither a path that is there"]);
    gpt2(at);
    fs::rename(at.join("gpt2/merges.txt"), at.join("merges.txt")).unwrap();
    refused(&["cannot use the decoder in", "neither `tokenizer.json` nor"]);
    fs::rename(at.join("merges.txt"), at.join("gpt2/merges.txt")).unwrap();
    refused(&["reads embeddings of width 6, but those here have 8"]);

    let fitting = [
        &start[..],
        &[
            "--set",
            "connect.d_embed=6",
            "--set",
            "decoder.stop=full_stop",
        ],
    ];
    let output = train_photos(at, &fitting.concat());
    assert!(output.status.success(), "{}", errors(&output));
    let config = fs::read_to_string(at.join("run/models/C3-seed1/config.json")).unwrap();
    assert!(
        config.contains("\"gelu_tanh\"") && config.contains("\"full_stop\""),
        "{config}"
    );
    let output = xtask(at)
        .args([
            "caption",
            "--model",
            "run/models/C3-seed1",
            "photos/images/4.png",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
}

/// A tiny Llama, as Hugging Face lays out one in shards.
fn llama(folder: &Path) {
    let golden = Path::new("../crates/c3-decoders/tests/golden/llama");
    fs::create_dir(folder.join("llama")).unwrap();
    for entry in fs::read_dir(golden.join("sharded")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap();
        fs::copy(&file, folder.join("llama").join(name)).unwrap();
    }
    for name in ["tokenizer.json", "blocks.gguf"] {
        fs::copy(golden.join(name), folder.join(name)).unwrap();
    }
    let tokenizer = folder.join("llama/tokenizer.json");
    fs::copy(golden.join("tokenizer.json"), tokenizer).unwrap();
}

#[test]
fn a_llama_is_trained_further_and_one_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    photos(at);
    llama(at);
    let refused = |settings: &[&str], parts: &[&str]| {
        let output = train_photos(at, settings);
        assert!(!output.status.success());
        let said = errors(&output);
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
        assert!(!at.join("run").exists(), "{said}");
    };
    let start = ["--set", "decoder.pretrained=llama"];
    let shard = "llama/model-00002-of-00002.safetensors";
    fs::rename(at.join(shard), at.join("shard")).unwrap();
    refused(
        &start,
        &["names shards that are not there: model-00002-of-00002.safetensors"],
    );
    fs::rename(at.join("shard"), at.join(shard)).unwrap();
    let config = fs::read_to_string(at.join("llama/config.json")).unwrap();
    let other = config.replace("\"vocab_size\": 290", "\"vocab_size\": 291");
    fs::write(at.join("llama/config.json"), other).unwrap();
    refused(
        &start,
        &["the decoder knows 291 tokens, but the tokenizer 290"],
    );
    fs::write(at.join("llama/config.json"), config).unwrap();
    refused(
        &["--set", "training.tune=mapper"],
        &["a fresh one has learned nothing yet"],
    );

    let wide = "training.tune={lora={rank=1000000000, alpha=4}}";
    refused(
        &[&start[..], &["--set", wide]].concat(),
        &["training takes at least", "`training.tune`"],
    );

    let lora = ["--set", "training.tune={lora={rank=2, alpha=4}}"];
    let output = train_photos(at, &[&start[..], &lora].concat());
    assert!(output.status.success(), "{}", errors(&output));
    let config = fs::read_to_string(at.join("run/models/C3-seed1/config.json")).unwrap();
    assert!(config.contains("\"n_kv_heads\": 1"), "{config}");
    let output = xtask(at)
        .args(["caption", "--model", "run/models/C3-seed1"])
        .arg("photos/images/4.png")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));

    // A GGUF needs nothing beside it.
    fs::remove_file(at.join("tokenizer.json")).unwrap();
    fs::remove_dir_all(at.join("run")).unwrap();
    let alone = [
        "--set",
        "decoder.pretrained=blocks.gguf",
        "--set",
        "training.tune=mapper",
    ];
    let output = train_photos(at, &alone);
    assert!(output.status.success(), "{}", errors(&output));
}
