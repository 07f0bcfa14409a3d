"""Encodes with CLIP ViT-B/32 in PyTorch, and prints one line:
{"name": ..., "per_second": ..., "threads": ..., "torch": ...}

    pip install torch open_clip_torch
    python clip.py images|CAPTIONS.txt [--threads 2] [--pictures 64] [--batch 32]
        [--device cuda:0]

The same work as `clip` of `crates/c3-encoders/examples/encoding_speed.rs`: bytes of 224 x 224
pixels, or the lines of a file, to embeddings; tokens included; the best of three rounds. Weights
are random, which changes no speed.
"""

import argparse
import json
import time
from pathlib import Path

import open_clip
import torch

MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN).reshape(3, 1, 1) * 255
STD = torch.tensor(open_clip.OPENAI_DATASET_STD).reshape(3, 1, 1) * 255


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, as ours
    torch.manual_seed(0)
    network = open_clip.create_model("ViT-B-32-quickgelu").to(options.device).eval()
    mean, std = MEAN.to(options.device), STD.to(options.device)
    if options.what == "images":
        things = torch.randint(0, 256, (options.pictures, 3, 224, 224), dtype=torch.uint8)
        encode = lambda network, seen: network.encode_image(  # noqa: E731
            (seen.to(options.device).float() - mean) / std
        )
    else:
        things = sorted(Path(options.what).read_text(encoding="utf-8").splitlines(), key=len)
        tokenizer = open_clip.get_tokenizer("ViT-B-32-quickgelu")
        encode = lambda network, texts: network.encode_text(tokenizer(texts).to(options.device))  # noqa: E731

    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        with torch.inference_mode():
            for first in range(0, len(things), options.batch):
                encode(network, things[first : first + options.batch]).cpu()
        best = min(best, time.perf_counter() - start)
    line = {
        "name": "clip",
        "per_second": len(things) / best,
        "threads": options.threads,
        "torch": torch.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
