"""Writes the golden files of CLIP: what open_clip and transformers make of our inputs.

    pip install torch transformers open_clip_torch ftfy safetensors
    python pictures.py && python captions.py && python clip.py

`clip/openai_rn/`   a small random ResNet-CLIP with OpenAI's names and no description, half precision
`clip/openai_rn.pt` the same network as a TorchScript archive, as OpenAI publishes its own
`clip/parallel.pt`  a checkpoint as `open_clip` leaves while it trains on several devices
`clip/open_clip/`   a small random ViT-CLIP with exact GELU as open_clip stores it, half precision
`clip/transformers/` a small random ViT-CLIP as transformers stores it, bfloat16
`clip/*.npy`        what each makes of `pictures/` and of `captions.txt`, not of unit length
`clip/tokens.json`  hard texts, cleaned and cut with the vocabulary of `clip/`
`clip/made_by.json` versions of everything that took part

The vocabulary is learned from `captions.txt`; its files stand in the three folders, each in
another form.
"""

import gzip
import json
import platform
import shutil
import zipfile
from pathlib import Path

import ftfy
import numpy as np
import open_clip
import safetensors.torch
import tokenizers
import torch
import transformers
from open_clip.tokenizer import SimpleTokenizer, basic_clean, bytes_to_unicode, whitespace_clean
from inputs import CAPTIONS, HERE, PICTURES, pixels, write_json

ROOT = HERE / "clip"
MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN).reshape(3, 1, 1)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD).reshape(3, 1, 1)
SIZE = 64

HARD = [
    "",
    "   ",
    "A photo of a dog's ball; they've got 12,345 of 'em!",
    "I'LL SAY: DON'T, WE'RE, I'M, HE'D 'S 'ſ",
    "“Curly” ‘quotes’ ʼn ŉ",
    "ﬁne aﬄuence ﬆ ﬅ Ĳ ǆ Ǳ",
    "ＬＯＵＤ　ＮＯＩＳＥＳ ｶﾀｶﾅ ﾊﾝ",
    "fish &amp; chips &lt;b&gt; &amp;amp; &amp;amp;lt;",
    "caf&eacute; caf&eacute &copy2024 &notit; &#233; &#xE9; &#128; &#150; &unknown; a&b &",
    "<i>&quot;quoted&quot;</i> &amp;amp;amp;",
    "&ldquo;outside&rdquo; of html",
    "\x1b[36;44mblue\x1b[0m and \x1b[1mbold",
    "zero\u200bwidth joiner\u200d soft\u00adhyphen bom\ufeff object\ufffc bell\x07",
    "lines\r\nbreak\rin\u2028many\u2029ways\x85",
    "tabs\tand\u00a0no-break\u2003spaces\x1c\x1d",
    "e\u0301 combining; A\u030angstrom; \u1e9b\u0323; \u2126 ohm",
    "İstanbul ISSIZ ıI ΑΣ ΟΔΟΣ. Straße ẞ",
    "日本語の字 한국어 ไทย हिन्दी العربية עברית Ελληνικά Русский",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ☃ ♥️ 1️⃣",
    "x² ½ Ⅷ ٣ ３ 𝟙 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "a_b-c/d\\e@f#g$h%i^j*k(l)m+n=o{p}q[r]s|t~u`v",
    "...!!!???---___\"\"\"'''",
    "\u0093C1 quotes\u0094 and a dash \u0096",
    "don''t o'clock 's's 'sd '’s rock’n’roll",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "many words " * 60,
]


def rough(parameters, spread):
    """Random weights that bfloat16 and half precision both hold."""
    with torch.no_grad():
        for name, value in parameters:
            if value.dim() <= 1 and "weight" in name:
                value.uniform_(0.5, 1.5)
            elif "logit_scale" in name:
                value.fill_(2.625)
            else:
                value.normal_(0, spread if value.dim() <= 2 else spread / 2)
            held = value.to(torch.bfloat16).to(torch.float16).float()
            value.copy_(torch.where(held.abs() < 2.0**-10, torch.zeros(()), held))


def write_vocabulary():
    """Merges of our captions in OpenAI's packed form, and the tokenizer that reads them."""
    words = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix="</w>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"),
                                            "removed", invert=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=260, end_of_word_suffix="</w>", show_progress=False
    )
    words.train_from_iterator([text.lower() for text in CAPTIONS], trainer)
    merges = [" ".join(pair) for pair in json.loads(words.to_str())["model"]["merges"]]
    lines = ["#version: learned from captions.txt", *merges]
    file = ROOT / "openai_rn" / "bpe_simple_vocab_16e6.txt.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))

    letters = list(bytes_to_unicode().values())
    vocabulary = letters + [letter + "</w>" for letter in letters]
    vocabulary += [pair.replace(" ", "") for pair in merges]
    vocabulary += ["<|startoftext|>", "<|endoftext|>"]
    numbers = {word: number for number, word in enumerate(vocabulary)}
    folder = ROOT / "open_clip"
    (folder / "vocab.json").write_text(json.dumps(numbers, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # With the normalizer and the marks of transformers, which the encoder has to override.
    pairs = [tuple(merge.split()) for merge in merges]
    whole = transformers.CLIPTokenizer(vocab=numbers, merges=pairs).backend_tokenizer
    whole.save(str(ROOT / "transformers" / "tokenizer.json"), pretty=False)
    return SimpleTokenizer(str(file))


def encode_all(images, texts, name):
    np.save(ROOT / f"{name}_images.npy", images.numpy().astype(np.float32))
    np.save(ROOT / f"{name}_texts.npy", texts.numpy().astype(np.float32))


def batch():
    seen = np.stack([pixels(file, SIZE) for file in PICTURES])
    return (torch.from_numpy(seen).permute(0, 3, 1, 2) / 255 - MEAN) / STD


def write_open_clip(name, words, vision, embed_dim, text, quick_gelu):
    text = dict(context_length=77, vocab_size=words.vocab_size, **text)
    model = open_clip.CLIP(embed_dim, vision, text, quick_gelu=quick_gelu).eval()
    rough(model.named_parameters(), 0.15)
    for key, value in model.named_buffers():
        if "running_mean" in key:
            value.uniform_(-0.25, 0.25)
        if "running_var" in key:
            value.uniform_(0.5, 1.5)
        if "running" in key:
            value.copy_(value.half().float())
    with torch.inference_mode():
        encode_all(model.encode_image(batch()), model.encode_text(words(CAPTIONS)), name)
    tensors = {key: value.half().contiguous() if value.is_floating_point() else value
               for key, value in model.state_dict().items() if key != "attn_mask"}
    return tensors, dict(embed_dim=embed_dim, quick_gelu=quick_gelu, vision_cfg=vision,
                         text_cfg=text)


def write_openai_rn(words):
    vision = dict(image_size=SIZE, layers=[1, 2, 1, 1], width=4, patch_size=None)
    text = dict(width=64, heads=1, layers=1)
    tensors, _ = write_open_clip("openai_rn", words, vision, 24, text, True)
    sizes = dict(input_resolution=SIZE, context_length=77, vocab_size=words.vocab_size)
    tensors |= {key: torch.tensor(value) for key, value in sizes.items()}
    safetensors.torch.save_file(tensors, ROOT / "openai_rn" / "model.safetensors")
    write_script(words, vision, text)


def write_script(words, vision, text):
    """The network of `openai_rn/model.safetensors` in half precision, compiled by TorchScript."""
    tensors = safetensors.torch.load_file(ROOT / "openai_rn" / "model.safetensors")
    sizes = {key: tensors.pop(key) for key in ["input_resolution", "context_length", "vocab_size"]}
    text = dict(context_length=77, vocab_size=words.vocab_size, **text)
    model = open_clip.CLIP(24, vision, text, quick_gelu=True).eval()
    model.load_state_dict(tensors)
    for key, value in sizes.items():
        if hasattr(model, key):
            delattr(model, key)
        model.register_buffer(key, value)
    whole = ROOT / "whole.pt"
    torch.jit.script(model.half()).save(whole)
    # Without what is there for debuggers, which is most of so small a file.
    with zipfile.ZipFile(whole) as all, zipfile.ZipFile(ROOT / "openai_rn.pt", "w") as kept:
        for entry in all.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                kept.writestr(entry, all.read(entry))
    whole.unlink()


def write_parallel():
    turned = torch.arange(6.0).reshape(2, 3).t()
    weights = {"module.x": torch.tensor([1.0, -2.0]).half(), "module.turned": turned,
               "module.steps": torch.tensor(7)}
    torch.save({"epoch": 3, "state_dict": weights}, ROOT / "parallel.pt")


def write_open_clip_vit(words):
    vision = dict(image_size=SIZE, layers=2, width=32, patch_size=16, head_width=8)
    tensors, config = write_open_clip("open_clip", words, vision, 24,
                                      dict(width=32, heads=2, layers=2), False)
    folder = ROOT / "open_clip"
    safetensors.torch.save_file(tensors, folder / "open_clip_model.safetensors")
    preprocess = dict(mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD)
    described = dict(model_cfg=config, preprocess_cfg=preprocess)
    (folder / "open_clip_config.json").write_text(json.dumps(described, indent=1) + "\n")


def write_transformers(words):
    config = transformers.CLIPConfig(
        projection_dim=24,
        vision_config=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                           num_attention_heads=2, image_size=SIZE, patch_size=16),
        text_config=dict(vocab_size=words.vocab_size, hidden_size=32, intermediate_size=48,
                         num_hidden_layers=2, num_attention_heads=4,
                         eos_token_id=words.eot_token_id, bos_token_id=words.sot_token_id),
    )
    model = transformers.CLIPModel(config).eval()
    rough(model.named_parameters(), 0.15)
    ids = words(CAPTIONS)
    with torch.inference_mode():
        seen = model.vision_model(batch())[1]
        read = model.text_model(ids)[1]
        encode_all(model.visual_projection(seen), model.text_projection(read), "transformers")
    folder = ROOT / "transformers"
    model.to(torch.bfloat16).save_pretrained(folder)


def write_tokens(words):
    cleaned = [whitespace_clean(basic_clean(text)).lower() for text in HARD]
    rows = []
    for text, clean in zip(HARD, cleaned):
        ids = words(text)[0].tolist()
        rows.append(dict(text=text, clean=clean, ids=ids[: ids.index(words.eot_token_id) + 1]))
    (ROOT / "tokens.json").write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")


def main():
    torch.manual_seed(11)
    shutil.rmtree(ROOT, ignore_errors=True)
    for name in ["openai_rn", "open_clip", "transformers"]:
        (ROOT / name).mkdir(parents=True)
    words = write_vocabulary()
    write_openai_rn(words)
    write_parallel()
    write_open_clip_vit(words)
    write_transformers(words)
    write_tokens(words)
    versions = {"maker": "clip.py", "python": platform.python_version(),
                "torch": torch.__version__, "transformers": transformers.__version__,
                "open_clip": open_clip.__version__, "ftfy": ftfy.__version__,
                "tokenizers": tokenizers.__version__}
    write_json("clip/made_by.json", versions)


if __name__ == "__main__":
    main()
