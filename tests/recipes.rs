//! The paper's recipes from end to end on miniatures: the same code, tiny models of random
//! weights, and pictures that were made for tests.

#[path = "recipes/miniature.rs"]
mod miniature;

use std::fs;
use std::path::Path;

use miniature::{coco, data_set, errors, models, printed, read_json, train, xtask};

/// What every run of a recipe leaves, and that its models caption.
fn check_run(folder: &Path, out: &str, shares: usize) {
    let run = folder.join(out);
    let results = read_json(&run.join("results.json"));
    let names: Vec<&str> = results["arms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arm| arm["arm"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["C1", "C2_1", "C2_2", "C3", "paired", "nearest"]);
    assert_eq!(results["split"], "test");
    let sigma = results["arms"][3]["sigma"].as_f64().unwrap();
    assert!((sigma - 0.016_f64.sqrt()).abs() < 1e-6, "{sigma}");
    let tuned = results["fine_tuned"].as_array().unwrap();
    assert_eq!(tuned.len(), shares);
    for share in tuned {
        let arms = share["arms"].as_array().unwrap();
        assert_eq!(arms.len(), 5);
        assert_eq!(arms[4]["arm"], "from scratch");
        assert!(arms[3]["mean"]["CIDEr"].as_f64().unwrap() >= 0.0);
    }
    let captions = read_json(&run.join("captions/C3-seed1.json"));
    assert_eq!(captions.as_array().unwrap().len(), 5);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert_eq!(page.contains("Going on with pairs"), shares > 0);
    assert_eq!(page.contains(">0 %<"), shares > 0, "before any pair");
}

#[test]
fn coco_with_clip_and_gpt2_runs_through_both_stages_and_from_its_own_embeddings() {
    let home = coco("clip/transformers");
    let folder = home.path();
    let settings = [
        "--data",
        "coco",
        "--set",
        "run.seeds=[1, 2]",
        "--set",
        "fine_tuning.fractions=[0.25, 1.0]",
        "--set",
        "fine_tuning.keep_models=true",
        "--encoder",
        "./encoder",
    ];
    let output = train(folder, "coco-clip-gpt2", "first", &settings);
    assert!(output.status.success(), "{}", errors(&output));
    let said = printed(&output);
    assert!(
        said.contains("CIDEr after pairs") && said.contains("25 %"),
        "{said}"
    );
    check_run(folder, "first", 2);
    captions_a_picture_of_the_users_own(folder);
    repeats_itself_from_embeddings(folder);
}

/// By a model of either stage.
fn captions_a_picture_of_the_users_own(folder: &Path) {
    for model in ["C3-seed1", "C3-seed2-100pct", "from-scratch-seed1-25pct"] {
        let model = format!("first/models/{model}");
        let picture = format!(
            "coco/val2014/{}",
            first_picture(&folder.join("coco/val2014"))
        );
        let output = xtask(folder, &["caption", "--model", &model, &picture]);
        assert!(output.status.success(), "{model}: {}", errors(&output));
    }
}

/// The same from embeddings that were made before, without pictures and without CLIP.
fn repeats_itself_from_embeddings(folder: &Path) {
    for split in ["train", "dev", "test"] {
        let to = folder.join("vectors").join(split);
        fs::create_dir_all(&to).unwrap();
        for (features, name) in [("images", "items"), ("texts", "captions")] {
            let from = format!("first/features/{split}-{features}.safetensors");
            let to = to.join(format!("{name}.safetensors"));
            fs::copy(folder.join(from), to).unwrap();
        }
    }
    let settings = [
        "--data",
        "vectors",
        "--set",
        "data.kind=embeddings",
        "--set",
        "run.seeds=[1]",
    ];
    let output = train(folder, "coco-clip-gpt2", "second", &settings);
    assert!(output.status.success(), "{}", errors(&output));
    check_run(folder, "second", 0);
    for name in [
        "captions/C3-seed1.json",
        "models/C2_1-seed1/model.safetensors",
    ] {
        let (one, two) = (
            folder.join("first").join(name),
            folder.join("second").join(name),
        );
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap(), "{name}");
    }
}

fn first_picture(folder: &Path) -> String {
    let names = fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.min().expect("there are pictures")
}

#[test]
fn coco_with_imagebind_runs_and_its_model_says_that_it_is_not_for_commerce() {
    let home = coco("imagebind/hub");
    let folder = home.path();
    let settings = [
        "--data",
        "coco",
        "--set",
        "run.seeds=[1]",
        "--encoder",
        "./encoder",
    ];
    let output = train(folder, "coco-imagebind-gpt2", "run", &settings);
    assert!(output.status.success(), "{}", errors(&output));
    check_run(folder, "run", 0);
    let model = "run/models/C3-seed1";
    let card = fs::read_to_string(folder.join(model).join("README.md")).unwrap();
    assert!(card.contains("not for commercial use"), "{card}");
    let picture = format!(
        "coco/val2014/{}",
        first_picture(&folder.join("coco/val2014"))
    );
    let output = xtask(folder, &["caption", "--model", model, &picture]);
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn flickr30k_runs_as_the_original_did_trap_by_trap() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    data_set(
        &folder.join("flickr"),
        "dataset_flickr30k.json",
        "flickr30k-images",
        None,
    );
    models(folder, "clip/open_clip");
    let mut settings = vec!["--data", "flickr", "--encoder", "./encoder"];
    for trap in [
        "transform.renorm=never",             // D1
        "transform.sigma=0.1265",             // D2
        "transform.mean_precision=half",      // D4
        "run.select_by=pairs",                // D5
        "transform.noise_on_validation=true", // D6
        "decoder.stop=full_stop",             // D7
        "fine_tuning.reads=texts",            // D9
        "fine_tuning.share_of=captions",      // D10
        "training.planned_devices=8",         // D16
        "fine_tuning.fractions=[0.5]",
        "run.seeds=[1]",
        "run.arms=[\"C3\"]",
    ] {
        settings.extend(["--set", trap]);
    }
    let output = train(folder, "flickr30k-clip-gpt2", "run", &settings);
    assert!(output.status.success(), "{}", errors(&output));
    let results = read_json(&folder.join("run/results.json"));
    assert_eq!(
        results["fine_tuned"][0]["arms"].as_array().unwrap().len(),
        2
    );

    // D5 changes what an epoch is chosen by, and not what is learned.
    let curve = |run: &str| read_json(&folder.join(run).join("curves/C3-seed1.json"));
    let mut by_text = settings.clone();
    by_text.extend(["--set", "run.select_by=text"]);
    let output = train(folder, "flickr30k-clip-gpt2", "text", &by_text);
    assert!(output.status.success(), "{}", errors(&output));
    let (pairs, text) = (curve("run"), curve("text"));
    assert_eq!(pairs[0]["train"], text[0]["train"]);
    assert_ne!(pairs[0]["valid"], text[0]["valid"]);

    // bfloat16 rounds what is learned, by little.
    by_text.extend(["--set", "training.precision=bf16"]);
    let output = train(folder, "flickr30k-clip-gpt2", "short", &by_text);
    assert!(output.status.success(), "{}", errors(&output));
    let loss = |curve: &serde_json::Value| curve[0]["train"].as_f64().unwrap();
    let (whole, short) = (loss(&text), loss(&curve("short")));
    assert_ne!(whole, short);
    assert!((short / whole - 1.0).abs() < 0.05, "{whole} {short}");

    // D3 goes with whole precision.
    let rows = [
        "--set",
        "transform.image_mean=rows",
        "--set",
        "transform.mean_precision=full",
    ];
    settings.extend(rows);
    let output = train(folder, "flickr30k-clip-gpt2", "rows", &settings);
    assert!(output.status.success(), "{}", errors(&output));
}

#[test]
fn a_recipe_without_its_weights_names_the_command_that_brings_them() {
    let home = coco("clip/transformers");
    let folder = home.path();
    let run = |extra: &[&str]| {
        let mut arguments = vec!["train", "--recipe", "coco-clip-gpt2", "--data", "coco"];
        arguments.extend(["--out", "run"]);
        arguments.extend(extra);
        let output = xtask(folder, &arguments);
        assert!(!output.status.success() && !folder.join("run").exists());
        errors(&output)
    };
    let said = run(&[]);
    assert!(said.contains("cargo xtask fetch clip-vit-b-32"), "{said}");
    let said = run(&["--encoder", "encoder"]);
    assert!(said.contains("cargo xtask fetch gpt2"), "{said}");
    let said = run(&["--encoder", "hf:org/clip@v2"]);
    assert!(said.contains("cargo xtask fetch hf:org/clip@v2"), "{said}");
    let said = run(&["--encoder", "clip-vit-b-23"]);
    assert!(
        said.contains("clip-vit-b-32") && said.contains("hf:owner/name"),
        "{said}"
    );
}

#[test]
fn a_data_set_that_is_not_whole_is_said_in_one_sentence() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    models(folder, "clip/transformers");
    /// A recipe, how its data come to be, and what is said of them.
    type Case = (&'static str, fn(&Path), &'static str);
    let cases: [Case; 4] = [
        ("coco-clip-gpt2", |_| {}, "data` is not a folder"),
        (
            "coco-clip-gpt2",
            |data| fs::create_dir_all(data).unwrap(),
            "dataset_coco.json",
        ),
        (
            "flickr30k-clip-gpt2",
            |data| {
                data_set(data, "dataset_flickr30k.json", "elsewhere", None);
            },
            "`data.pictures` names the folder",
        ),
        (
            "coco-clip-gpt2",
            |data| {
                data_set(data, "dataset_coco.json", "", Some("val2014"));
                let text = fs::read_to_string(data.join("dataset_coco.json")).unwrap();
                fs::write(data.join("dataset_coco.json"), &text[..200]).unwrap();
            },
            "dataset_coco.json",
        ),
    ];
    for (recipe, make, expected) in cases {
        let _ = fs::remove_dir_all(folder.join("data"));
        make(&folder.join("data"));
        let extra = ["--data", "data", "--encoder", "encoder"];
        let output = train(folder, recipe, "run", &extra);
        let said = errors(&output);
        assert!(
            !output.status.success() && said.contains(expected),
            "{said}"
        );
        assert!(!folder.join("run").exists());
    }
    let missing = ["--data", ".", "--set", "data.kind=embeddings"];
    let said = errors(&train(folder, "coco-clip-gpt2", "run", &missing));
    assert!(said.contains("cargo xtask import FILE --out"), "{said}");
}
