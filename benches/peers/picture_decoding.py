"""Decodes and resizes pictures with Pillow on one thread, and prints one line:
{"name": ..., "per_second": ..., "threads": 1, "pillow": ...}

    pip install pillow
    python picture_decoding.py FOLDER [--size 224]

The same work as `decoding` of `crates/c3-encoders/examples/encoding_speed.rs`: every JPEG file of a
folder (at most 256) to a square of `--size` pixels, bicubic, the best of three rounds.
"""

import argparse
import io
import json
import time
from pathlib import Path

import PIL
from PIL import Image, ImageOps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    paths = sorted(options.folder.glob("*.jpg"))[:256]
    files = [path.read_bytes() for path in paths]

    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for file in files:
            prepare(file, options.size)
        best = min(best, time.perf_counter() - start)
    line = {
        "name": "decoding",
        "per_second": len(files) / best,
        "threads": 1,
        "pillow": PIL.__version__,
    }
    print(json.dumps(line))


def prepare(file, size):
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")
    width, height = picture.size
    scaled = [size * side // min(width, height) for side in (width, height)]
    picture = picture.resize(scaled, Image.BICUBIC)
    left, top = (round((side - size) / 2) for side in scaled)
    return picture.crop((left, top, left + size, top + size)).tobytes()


if __name__ == "__main__":
    main()
