//! Repositories of the hub that the catalogue does not list.

use std::fs;

use crate::loopback::{Reply, Request, Server};
use crate::user::{COMMIT, User, content, sha256};

const CONFIG: &[u8] = br#"{"model_type": "gpt2"}"#;

/// A hub with `org/tiny` at `v2`, its weights with a SHA-256 and its texts without one.
fn hub(files: &'static [&'static str]) -> Server {
    Server::start(move |request| answer(request, files))
}

fn answer(request: &Request, files: &[&str]) -> Reply {
    if request.path == "/api/models/org/tiny/revision/v2?blobs=true" {
        let siblings: Vec<_> = files
            .iter()
            .map(|name| serde_json::json!({"rfilename": name, "size": 200_000}))
            .collect();
        let card = serde_json::json!({"license": "mit"});
        let listing = serde_json::json!({"siblings": siblings, "cardData": card});
        return Reply::content(request, listing.to_string().as_bytes());
    }
    let states = ["v2", COMMIT].map(|state| format!("/org/tiny/resolve/{state}/"));
    let name = states
        .iter()
        .find_map(|state| request.path.strip_prefix(state));
    match name {
        Some("config.json") => Reply::content(request, CONFIG)
            .header("x-repo-commit", COMMIT)
            .header("etag", format!("\"{}\"", "d".repeat(40))),
        Some("model.safetensors") => Reply::content(request, &content())
            .header("x-repo-commit", COMMIT)
            .header("x-linked-etag", format!("\"{}\"", sha256(&content()))),
        _ => Reply::status(404),
    }
}

#[test]
fn a_repository_is_brought_by_its_name_at_one_revision() {
    let server = hub(&[
        "README.md",
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
    ]);
    let user = User::new();
    let name = "hf:org/tiny@v2";
    user.fetch(&[name], &server)
        .succeeds()
        .says("licence mit")
        .says(&sha256(&content()));
    let folder = user.cache().join("weights/hf/org+tiny@v2");
    assert_eq!(fs::read(folder.join("config.json")).unwrap(), CONFIG);
    assert_eq!(
        fs::read(folder.join("model.safetensors")).unwrap(),
        content()
    );
    let manifest = fs::read(folder.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["source"]["revision"], COMMIT);
    assert_eq!(manifest["files"].as_array().unwrap().len(), 2);

    let before = server.seen().len();
    user.fetch(&[name], &server).succeeds().says("already");
    assert_eq!(server.seen().len(), before, "nothing is asked for twice");
}

#[test]
fn a_repository_that_is_not_there_or_has_no_safetensors_is_one_sentence() {
    let server = hub(&["config.json", "pytorch_model.bin"]);
    let user = User::new();
    user.fetch(&["hf:org/none"], &server)
        .fails()
        .says("does not know");
    user.fetch(&["hf:org/tiny@v2"], &server)
        .fails()
        .says("cargo xtask import");
    user.fetch(&["hf:../../etc"], &server)
        .fails()
        .says("hf:owner/name@revision");
    assert!(
        !user
            .cache()
            .join("weights/hf")
            .join("org+tiny@v2/config.json")
            .exists()
    );
}

#[test]
fn a_folder_stands_in_for_a_hub_that_cannot_be_asked() {
    let server = hub(&["config.json", "model.safetensors"]);
    let user = User::new();
    let folder = user.path("brought");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.json"), CONFIG).unwrap();
    fs::write(folder.join("model.safetensors"), content()).unwrap();
    let mut offline = user.command(&["hf:org/tiny@v2"], &server);
    crate::user::run(offline.env("HF_HUB_OFFLINE", "1"))
        .fails()
        .says("--from FOLDER");
    let from = folder.to_str().unwrap();
    user.fetch(&["hf:org/tiny@v2", "--from", from], &server)
        .succeeds();
    let kept = user
        .cache()
        .join("weights/hf/org+tiny@v2/model.safetensors");
    assert_eq!(fs::read(kept).unwrap(), content());
    assert!(server.seen().is_empty());
}
