"""How fast ImageBind's towers are in PyTorch and in ours, at their true widths with random weights.

    pip install torch numpy safetensors open_clip_torch ftfy
    cargo build --release --workspace --example encoding_speed
    python imagebind_speed.py target/release/examples/encoding_speed [--blocks 2] [--threads 2]

Every tower has at most so many blocks: they take the time, so few of them say as much as all. The
same work on both sides: 64 pictures, 64 clips of sound, the captions of `tests/golden`; tokens
included, the best of three rounds, in one run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

import build_imagebind
from build_imagebind import GOLDEN, WORDS, SimpleTokenizer, captions, tokens

BATCH, COUNT = 32, 64


def best(count, encode):
    seconds = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        with torch.inference_mode():
            for first in range(0, count, BATCH):
                encode(slice(first, first + BATCH))
        seconds = min(seconds, time.perf_counter() - start)
    return count / seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours", type=Path)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["build_imagebind.py", folder, str(options.blocks)]
        build_imagebind.main()
        sizes = build_imagebind.sizes(options.blocks)
        model = build_imagebind.ImageBind(sizes, build_imagebind.VOCABULARY).eval()
        model.load_state_dict(torch.load(Path(folder) / "imagebind_huge.pth"))
        pictures = torch.rand(COUNT, 3, 1, 224, 224)
        sounds = torch.rand(COUNT, 1, 128, 204)
        texts, words = sorted(captions(), key=len), SimpleTokenizer(str(WORDS))
        theirs = {
            "pictures": lambda rows: model.vision(pictures[rows].repeat(1, 1, 2, 1, 1)),
            "sounds": lambda rows: model.audio(sounds[rows]),
            str(GOLDEN / "captions.txt"): lambda rows: model.text(tokens(words, texts[rows])),
        }
        for what, encode in theirs.items():
            command = [options.ours, "imagebind", folder, what]
            ran = subprocess.run(command, capture_output=True, check=True, text=True)
            ours = json.loads(ran.stdout)["per_second"]
            peer = best(len(texts) if "/" in what else COUNT, encode)
            name = Path(what).name
            print(f"{name}: ours {ours:.1f}/s, PyTorch {peer:.1f}/s, ratio {ours / peer:.2f}")


if __name__ == "__main__":
    main()
