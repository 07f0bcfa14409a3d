"""The pictures and captions of the goldens, as every reference reads them.

    pip install numpy pillow
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
PICTURES = sorted((HERE / "pictures").iterdir())
CAPTIONS = [
    line.replace("\\n", "\n").replace("\\t", "\t")
    for line in (HERE / "captions.txt").read_text(encoding="utf-8").splitlines()
]


def pixels(file, size, margin=0, resample=Image.BICUBIC):
    """Upright, over white, shorter side to `size + margin`, centre: as torchvision rounds."""
    picture = ImageOps.exif_transpose(Image.open(file))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        picture = white
    picture = picture.convert("RGB")
    width, height = picture.size
    short = size + margin
    scaled = [int(short * side / min(width, height)) for side in (width, height)]
    picture = picture.resize(scaled, resample)
    left, top = (int(round((side - size) / 2.0)) for side in scaled)
    return np.asarray(picture.crop((left, top, left + size, top + size)))


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=0) + "\n", encoding="utf-8")
