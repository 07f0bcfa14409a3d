"""Writes the golden files of ImageBind: what PyTorch's own layers make of waves.

    pip install torch numpy safetensors open_clip_torch ftfy
    python clip.py && python imagebind.py

`imagebind/published/`    small random towers under the published name, half precision
`imagebind/hub/`          the same as safetensors, all names behind `model.`, bfloat16
`imagebind/*.npy`         what they make of pictures, videos, sounds, `captions.txt` and long texts,
                          each as long as ImageBind has it
`imagebind/long.json`     the long texts
`imagebind/made_by.json`  versions of everything that took part

The vocabulary is that of `clip.py`. Pictures and waves follow from formulas that the test repeats.
"""

import json
import math
import platform
import shutil
from pathlib import Path

import numpy as np
import open_clip
import safetensors.torch
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import nn

HERE = Path(__file__).parent
ROOT = HERE / "imagebind"
WORDS = HERE / "clip" / "openai_rn" / "bpe_simple_vocab_16e6.txt.gz"
MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN, dtype=torch.float64).reshape(3, 1, 1)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD, dtype=torch.float64).reshape(3, 1, 1)
BINS, FRAMES, STRIDE, CONTEXT = 128, 204, 10, 77

TINY = dict(
    d_embed=24,
    vision=dict(size=32, patch=8, width=32, layers=2, heads=16, hidden=48),
    text=dict(width=32, layers=2, heads=16, hidden=48),
    audio=dict(patch=16, width=24, layers=2, heads=12, hidden=36),
)
LONG = ["many words " * 60, "1 " * 100, "a dog, a cat; " * 30]


def holder(**tensors):
    """A module of nothing but named parameters."""
    module = nn.Module()
    for name, shape in tensors.items():
        module.register_parameter(name, nn.Parameter(torch.zeros(shape)))
    return module


class Block(nn.Module):
    def __init__(self, width, heads, hidden, bias_kv):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, add_bias_kv=bias_kv, batch_first=True)
        self.norm_1 = nn.LayerNorm(width, eps=1e-6)
        self.norm_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.ModuleDict(dict(fc1=nn.Linear(width, hidden), fc2=nn.Linear(hidden, width)))

    def forward(self, x, mask):
        normal = self.norm_1(x)
        x = x + self.attn(normal, normal, normal, need_weights=False, attn_mask=mask)[0]
        wide = nn.functional.gelu(self.mlp["fc1"](self.norm_2(x)))
        return x + self.mlp["fc2"](wide)


def trunk(width, heads, hidden, layers, bias_kv=False, norm_before=False, **_):
    module = nn.Module()
    if norm_before:
        module.pre_transformer_layer = nn.Sequential(nn.LayerNorm(width, eps=1e-6))
    module.blocks = nn.ModuleList(Block(width, heads, hidden, bias_kv) for _ in range(layers))
    return module


def run(module, tokens, mask=None):
    if hasattr(module, "pre_transformer_layer"):
        tokens = module.pre_transformer_layer(tokens)
    for block in module.blocks:
        tokens = block(tokens, mask)
    return tokens


class ImageBind(nn.Module):
    """The three towers; every part has the name under which its tensors are published."""

    def __init__(self, sizes, vocab_size):
        super().__init__()
        vision, text, audio = (sizes[name] for name in ["vision", "text", "audio"])
        d_embed, patch = sizes["d_embed"], vision["patch"]

        see = holder(cls_token=(1, 1, vision["width"]))
        filters = nn.Conv3d(3, vision["width"], (2, patch, patch), (2, patch, patch), bias=False)
        see.rgbt_stem = nn.ModuleDict(dict(proj=nn.Sequential(nn.Identity(), filters)))
        places = (vision["size"] // patch) ** 2 + 1
        see.pos_embedding_helper = holder(pos_embed=(1, places, vision["width"]))

        read = holder(pos_embed=(1, CONTEXT, text["width"]))
        read.token_embedding = nn.Embedding(vocab_size, text["width"])
        read.register_buffer("mask", torch.full((CONTEXT, CONTEXT), -math.inf).triu(1))

        hear = holder(cls_token=(1, 1, audio["width"]))
        filters = nn.Conv2d(1, audio["width"], audio["patch"], STRIDE, bias=False)
        norm = nn.LayerNorm(audio["width"], eps=1e-5)
        hear.rgbt_stem = nn.ModuleDict(dict(proj=filters, norm_layer=norm))
        along = [(length - audio["patch"]) // STRIDE + 1 for length in (BINS, FRAMES)]
        hear.pos_embedding_helper = holder(pos_embed=(1, along[0] * along[1] + 1, audio["width"]))

        self.modality_preprocessors = nn.ModuleDict(dict(vision=see, text=read, audio=hear))
        self.modality_trunks = nn.ModuleDict(dict(
            vision=trunk(**vision, norm_before=True),
            text=trunk(**text),
            audio=trunk(**audio, bias_kv=True),
        ))

        def head(width, *between):
            norm = nn.LayerNorm(width, eps=1e-6)
            return nn.Sequential(norm, *between, nn.Linear(width, d_embed, bias=False))

        texts = nn.Module()
        texts.proj = head(text["width"])
        self.modality_heads = nn.ModuleDict(dict(
            vision=head(vision["width"], nn.Identity()), text=texts,
            audio=head(audio["width"], nn.Identity()),
        ))
        scales = {name: nn.ModuleList([nn.Identity(), holder(log_logit_scale=())])
                  for name in ["text", "audio"]}
        self.modality_postprocessors = nn.ModuleDict(scales)

    def gather(self, name, tokens):
        part = self.modality_preprocessors[name]
        first = part.cls_token.expand(len(tokens), -1, -1)
        tokens = torch.cat([first, tokens], 1) + part.pos_embedding_helper.pos_embed
        tokens = run(self.modality_trunks[name], tokens)
        return nn.functional.normalize(self.modality_heads[name](tokens)[:, 0], dim=-1)

    def scale(self, name):
        return self.modality_postprocessors[name][1].log_logit_scale.exp().clip(max=100)

    def vision(self, clips):
        """`[batch, 3, 2, size, size]`"""
        stem = self.modality_preprocessors["vision"].rgbt_stem["proj"]
        return self.gather("vision", stem(clips).flatten(2).transpose(1, 2))

    def audio(self, clips):
        """`[batch, 1, 128, 204]`"""
        stem = self.modality_preprocessors["audio"].rgbt_stem
        tokens = stem["norm_layer"](stem["proj"](clips).flatten(2).transpose(1, 2))
        return self.gather("audio", tokens) * self.scale("audio")

    def text(self, ids):
        """`[batch, 77]`, padded with 0"""
        part = self.modality_preprocessors["text"]
        tokens = part.token_embedding(ids) + part.pos_embed
        tokens = run(self.modality_trunks["text"], tokens, part.mask)
        ends = tokens[torch.arange(len(ids)), ids.argmax(dim=-1)]
        rows = self.modality_heads["text"].proj(ends)
        return nn.functional.normalize(rows, dim=-1) * self.scale("text")


def rough(model, spread):
    """Random weights that bfloat16 and half precision both hold."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "log_logit_scale" in name:
                value.fill_(math.log(20) if "audio" in name else 2.625)
                continue
            if value.dim() == 1 and "weight" in name:
                value.uniform_(0.5, 1.5)
            else:
                value.normal_(0, spread)
            held = value.to(torch.bfloat16).to(torch.float16).float()
            value.copy_(torch.where(held.abs() < 2.0**-10, torch.zeros(()), held))


def picture(number, size):
    """`[size, size, 3]` bytes"""
    at = np.arange(3 * size * size)
    return ((at * at * (number + 3) + 17 * at + 29 * number) % 256).reshape(size, size, 3)


def still(pictures):
    """Pictures as clips of two equal frames."""
    rows = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).double()
    return ((rows / 255 - MEAN) / STD)[:, :, None].repeat(1, 1, 2, 1, 1)


def wave(number, length):
    at = np.arange(length, dtype=np.float64)
    return (1.5 * np.sin(0.37 * at + 0.0001 * number * at + 1.7 * number)).astype(np.float32)


def videos(counts, size):
    """Clips of videos, given as `[2, 3, size, size]` each."""
    clips = [wave(number, 6 * size * size) for number in range(sum(counts))]
    clips = torch.from_numpy(np.stack(clips)).double()
    return clips.reshape(-1, 2, 3, size, size).transpose(1, 2)


def sounds(counts):
    clips = [wave(number, BINS * FRAMES) for number in range(sum(counts))]
    clips[0] *= np.float32(0.01)  # so quiet that the epsilon of the stem is heard
    return torch.from_numpy(np.stack(clips)).double().reshape(-1, 1, BINS, FRAMES)


def means(rows, counts):
    return torch.stack([part.mean(0) for part in rows.split(counts)])


def tokens(words, texts, keep_end=True):
    """With the end mark in the last place of a long text, or simply cut."""
    ids = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
    for row, text in enumerate(texts):
        cut = [words.sot_token_id, *words.encode(text), words.eot_token_id][:CONTEXT]
        if keep_end:
            cut[-1] = words.eot_token_id
        ids[row, : len(cut)] = torch.tensor(cut)
    return ids


def captions():
    lines = (HERE / "captions.txt").read_text(encoding="utf-8").splitlines()
    return [line.replace("\\n", "\n").replace("\\t", "\t") for line in lines]


def save(name, rows):
    np.save(ROOT / f"{name}.npy", rows.numpy().astype(np.float32))


def write_weights(model):
    tensors = model.state_dict()
    # Of the towers that are left unread, a tensor of each part.
    for name, shape in {
        "modality_preprocessors.depth.depth_stem.proj.weight": (4, 1, 4, 4),
        "modality_preprocessors.imu.pos_embed": (1, 3, 4),
        "modality_trunks.thermal.blocks.0.attn.bias_k": (1, 1, 4),
        "modality_heads.imu.3.weight": (4, 4),
        "modality_postprocessors.depth.1.log_logit_scale": (),
    }.items():
        tensors[name] = torch.ones(shape)

    def narrow(name, value, dtype):
        whole = "log_logit_scale" in name or name.endswith(".mask")
        return value if whole else value.to(dtype).contiguous()

    half = {name: narrow(name, value, torch.float16) for name, value in tensors.items()}
    torch.save(half, ROOT / "published" / "imagebind_huge.pth")
    brain = {f"model.{name}": narrow(name, value, torch.bfloat16)
             for name, value in tensors.items()}
    safetensors.torch.save_file(brain, ROOT / "hub" / "model.safetensors")


@torch.inference_mode()
def main():
    torch.manual_seed(17)
    shutil.rmtree(ROOT, ignore_errors=True)
    for name in ["published", "hub"]:
        (ROOT / name).mkdir(parents=True)
        shutil.copy(WORDS, ROOT / name)
    words = SimpleTokenizer(str(WORDS))
    model = ImageBind(TINY, words.vocab_size).eval()
    rough(model, 0.15)
    write_weights(model)
    model.double()

    size, video_counts, sound_counts = TINY["vision"]["size"], [3, 1, 2], [1, 3, 2]
    save("pictures", model.vision(still([picture(number, size) for number in range(5)])))
    save("videos", means(model.vision(videos(video_counts, size)), video_counts))
    save("sounds", means(model.audio(sounds(sound_counts)), sound_counts))
    save("texts", model.text(tokens(words, captions())))
    save("long_with_end", model.text(tokens(words, LONG)))
    save("long_without_end", model.text(tokens(words, LONG, keep_end=False)))
    (ROOT / "long.json").write_text(json.dumps(LONG, indent=0) + "\n")
    versions = {"maker": "imagebind.py", "python": platform.python_version(),
                "torch": torch.__version__, "open_clip": open_clip.__version__}
    (ROOT / "made_by.json").write_text(json.dumps(versions, indent=0) + "\n")


if __name__ == "__main__":
    main()
