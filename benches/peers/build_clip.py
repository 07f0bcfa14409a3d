"""Builds CLIP at its true sizes with seeded random weights, and writes what PyTorch makes of our
pictures and captions; `cargo xtask verify --models` loads each folder and compares.

    pip install torch transformers open_clip_torch safetensors pillow
    python build_clip.py FOLDER [NAME...]

`transformers` is ViT-B/32 with all that `cargo xtask fetch clip-vit-b-32 --from FOLDER/transformers`
takes, for `cargo xtask bench`: speed does not depend on what the weights are.

Every folder has weights in the layout of its library, and `reference.safetensors`: `images` and
`texts`, not of unit length, of the first pictures and captions of `tests/golden`.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import open_clip
import safetensors.torch
import torch
import transformers
from open_clip.tokenizer import SimpleTokenizer, default_bpe

GOLDEN = Path(__file__).parents[2] / "crates" / "c3-encoders" / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
from inputs import CAPTIONS, PICTURES, pixels  # noqa: E402

OPEN_CLIP = ["ViT-B-32-quickgelu", "ViT-B-32", "ViT-B-16", "ViT-L-14", "RN50", "RN50x4"]
NAMES = ["ViT-B-32-quickgelu", "RN50", "transformers"]
MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN).reshape(3, 1, 1)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD).reshape(3, 1, 1)
TEXTS = 32
SEEN = 8


def batch(size):
    seen = np.stack([pixels(file, size) for file in PICTURES[:SEEN]])
    return (torch.from_numpy(seen).permute(0, 3, 1, 2) / 255 - MEAN) / STD


def by_open_clip(name, folder):
    model = open_clip.create_model(name).eval()
    size = model.visual.image_size
    size = size if isinstance(size, int) else size[0]
    tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
    tensors.pop("attn_mask", None)
    safetensors.torch.save_file(tensors, folder / "open_clip_model.safetensors")
    described = dict(model_cfg=open_clip.get_model_config(name))
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return model.encode_image(batch(size)), model.encode_text(SimpleTokenizer()(CAPTIONS[:TEXTS]))


def by_transformers(folder):
    model = transformers.CLIPModel(transformers.CLIPConfig()).eval()
    model.save_pretrained(folder)
    words = SimpleTokenizer()
    numbers = dict(words.encoder)
    numbers["<|startoftext|>"] = numbers.pop("<start_of_text>")
    numbers["<|endoftext|>"] = numbers.pop("<end_of_text>")
    whole = transformers.CLIPTokenizer(vocab=numbers, merges=list(words.bpe_ranks))
    whole.backend_tokenizer.save(str(folder / "tokenizer.json"))
    # The ends of these texts have the greatest number, which older configurations say with a 2.
    ids = SimpleTokenizer()(CAPTIONS[:TEXTS])
    model.text_model.eos_token_id = 2
    seen = model.visual_projection(model.vision_model(batch(224))[1])
    return seen, model.text_projection(model.text_model(ids)[1])


@torch.inference_mode()
def write(name, root):
    torch.manual_seed(3)
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    images, texts = by_open_clip(name, folder) if name in OPEN_CLIP else by_transformers(folder)
    shutil.copy(default_bpe(), folder)
    rows = dict(images=images.contiguous(), texts=texts.contiguous())
    safetensors.torch.save_file(rows, folder / "reference.part")
    (folder / "reference.part").rename(folder / "reference.safetensors")  # whole, or not there
    print(name)


def main():
    root, *names = sys.argv[1:]
    for name in names or NAMES:
        write(name, Path(root))


if __name__ == "__main__":
    main()
