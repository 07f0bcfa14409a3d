//! One user with an empty cache, and what the command line does for them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};

use crate::loopback::Server;

/// Weights whose file on the hub is pinned by the hub itself.
pub const NAME: &str = "efficientnet-lite0";
pub const FILE: &str = "model.safetensors";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The file that the loopback hub has: 200,000 bytes, any of which matters.
pub fn content() -> Vec<u8> {
    (0..200_000_u32).map(|i| (i * i % 251) as u8).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub struct User {
    home: tempfile::TempDir,
}

impl User {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home }
    }

    /// `fetch` with these arguments, from nowhere.
    pub fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("fetch").args(arguments).env_clear();
        command.env("HOME", self.home.path()).env("PATH", "");
        command
            .env("C3_CACHE", self.cache())
            .env("HF_HOME", self.home.path().join("hf"));
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        command
    }

    /// `fetch` with these arguments, from `server`.
    pub fn command(&self, arguments: &[&str], server: &Server) -> Command {
        let mut command = self.bare(arguments);
        // The slash at the end is a thing that people write.
        command.env("HF_ENDPOINT", format!("http://127.0.0.1:{}/", server.port));
        command
    }

    pub fn fetch(&self, arguments: &[&str], server: &Server) -> Outcome {
        run(&mut self.command(arguments, server))
    }

    pub fn cache(&self) -> PathBuf {
        self.home.path().join("cache")
    }

    pub fn folder(&self) -> PathBuf {
        self.cache().join("weights").join(NAME)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// What lies in the folder under a final name.
    pub fn files(&self) -> Vec<String> {
        let Ok(items) = fs::read_dir(self.folder()) else {
            return Vec::new();
        };
        let names = items.map(|item| item.unwrap().file_name().into_string().unwrap());
        let is_final = |name: &String| name != ".lock" && !name.ends_with(".part");
        let mut names: Vec<_> = names.filter(is_final).collect();
        names.sort();
        names
    }

    /// Bytes that have come so far.
    pub fn part_bytes(&self) -> u64 {
        let items = fs::read_dir(self.folder())
            .into_iter()
            .flatten()
            .map(Result::unwrap);
        let parts = items.filter(|item| item.path().extension().is_some_and(|e| e == "part"));
        parts.map(|item| item.metadata().unwrap().len()).sum()
    }

    pub fn manifest(&self) -> serde_json::Value {
        let text = fs::read(self.folder().join("manifest.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Puts `bytes` where Python's tools keep [`FILE`], which they name by the hash it should have.
    #[cfg(unix)]
    pub fn shelve(&self, bytes: &[u8]) {
        let shelf = self.path("hf/hub/models--timm--tf_efficientnet_lite0.in1k");
        let (blob, snapshot) = (sha256(&content()), format!("snapshots/{COMMIT}"));
        for folder in ["blobs", "refs", &snapshot] {
            fs::create_dir_all(shelf.join(folder)).unwrap();
        }
        fs::write(shelf.join("refs/main"), COMMIT).unwrap();
        fs::write(shelf.join("blobs").join(&blob), bytes).unwrap();
        let link = shelf.join(snapshot).join(FILE);
        std::os::unix::fs::symlink(format!("../../blobs/{blob}"), link).unwrap();
    }
}

/// What a command did.
pub struct Outcome(Output);

pub fn run(command: &mut Command) -> Outcome {
    Outcome(command.output().unwrap())
}

impl Outcome {
    fn text(&self) -> String {
        let both = [&self.0.stdout, &self.0.stderr].map(|text| String::from_utf8_lossy(text));
        both.concat()
    }

    pub fn succeeds(&self) -> &Self {
        assert!(self.0.status.success(), "{}", self.text());
        self
    }

    /// Fails in an orderly way.
    pub fn fails(&self) -> &Self {
        let text = self.text();
        assert!(
            !self.0.status.success() && !text.contains("panicked"),
            "{text}"
        );
        self
    }

    pub fn says(&self, words: &str) -> &Self {
        let text = self.text();
        assert!(text.contains(words), "`{words}` is not in:\n{text}");
        self
    }
}
