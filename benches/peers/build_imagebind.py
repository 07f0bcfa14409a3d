"""Builds ImageBind at its true widths with seeded random weights, and writes what PyTorch makes of
pictures, videos, sounds and captions; `cargo xtask verify --models` loads the folder and compares.

    pip install torch numpy safetensors open_clip_torch ftfy
    python build_imagebind.py FOLDER [BLOCKS]

Every tower has at most so many blocks, 2 unless said otherwise; 32 are all of them, and take
5.4 GB of memory and 4.3 GB of disk. The folder gets `imagebind_huge.pth`, the small vocabulary of
`tests/golden`, and `reference.safetensors`: what goes in, and what comes out, each as long as
ImageBind has it.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

GOLDEN = Path(__file__).parents[2] / "crates" / "c3-encoders" / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
from imagebind import (  # noqa: E402
    WORDS,
    ImageBind,
    SimpleTokenizer,
    captions,
    videos,
    means,
    picture,
    rough,
    sounds,
    still,
    tokens,
)

VOCABULARY = 49408
TEXTS = 16
COUNTS = [2, 1]


def sizes(blocks):
    def tower(width, layers, heads, **more):
        return dict(width=width, layers=min(layers, blocks), heads=heads, hidden=4 * width, **more)

    return dict(
        d_embed=1024,
        vision=tower(1280, 32, 16, size=224, patch=14),
        text=tower(1024, 24, 16),
        audio=tower(768, 12, 12, patch=16),
    )


@torch.inference_mode()
def main():
    root, *blocks = sys.argv[1:]
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    model = ImageBind(sizes(int(*blocks or [2])), VOCABULARY).eval()
    rough(model, 0.03)
    torch.save(model.state_dict(), root / "imagebind_huge.pth")
    shutil.copy(WORDS, root)

    seen = [picture(number, 224) for number in range(4)]
    watched, heard = videos(COUNTS, 224).float(), sounds(COUNTS).float()
    ids = tokens(SimpleTokenizer(str(WORDS)), captions()[:TEXTS])
    rows = dict(
        pictures=model.vision(still(seen).float()),
        videos=means(model.vision(watched), COUNTS),
        texts=model.text(ids),
        sounds=means(model.audio(heard), COUNTS),
        pixels=torch.from_numpy(np.stack(seen).astype(np.uint8)),
        video_clips=watched.transpose(1, 2),
        sound_clips=heard,
        counts=torch.tensor(COUNTS, dtype=torch.uint8),
    )
    rows = {name: row.contiguous() for name, row in rows.items()}
    safetensors.torch.save_file(rows, root / "reference.part")
    (root / "reference.part").rename(root / "reference.safetensors")  # whole, or not there


if __name__ == "__main__":
    main()
