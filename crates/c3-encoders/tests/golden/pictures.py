"""Draws the 32 pictures of this folder: every format, colour mode and subsampling.

    pip install numpy pillow
    python pictures.py

Nothing here was photographed by anyone; the pictures are ours to give away.
"""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).parent / "pictures"
RANDOM = np.random.default_rng(7)


def clouds(width, height, detail=6):
    """Noise at many scales, as in skies, foliage and stone."""
    field = np.zeros((height, width, 3))
    for octave in range(detail):
        cells = 2 ** (octave + 1)
        grid = RANDOM.uniform(0, 255, (cells, cells, 3)).astype(np.uint8)
        layer = Image.fromarray(grid).resize((width, height), Image.BICUBIC)
        field += np.asarray(layer, float) / 2.0**octave
    low, high = field.min(), field.max()
    return Image.fromarray(((field - low) / (high - low) * 255).astype(np.uint8))


def landscape(width, height):
    """A sky, a sun, hills and grain: the statistics of a photo."""
    sky = np.linspace([60, 110, 200], [240, 200, 160], height)
    picture = Image.fromarray(np.repeat(sky[:, None], width, 1).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    x, y, r = RANDOM.uniform([0.2, 0.1, 0.05], [0.8, 0.4, 0.12]) * [width, height, height]
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 240, 190))
    for hill in range(4):
        base = height * (0.45 + 0.14 * hill)
        steps = np.cumsum(RANDOM.normal(0, height / 40, width // 4 + 2))
        line = [(4 * i, base + step) for i, step in enumerate(steps - steps.mean())]
        shade = tuple(int(c) for c in np.array([70, 120, 60]) * (1.1 - 0.25 * hill))
        draw.polygon([(0, height), *line, (width, height)], fill=shade)
    picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    grain = RANDOM.normal(0, 5, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def shapes(width, height, mode="RGB"):
    """Flat colours and sharp edges, as in drawings and signs."""
    picture = Image.new(mode, (width, height), (250, 246, 230, 0)[: len(mode)])
    draw = ImageDraw.Draw(picture)
    for index in range(9):
        left, right = sorted(RANDOM.integers(0, width, 2))
        top, bottom = sorted(RANDOM.integers(0, height, 2))
        box = [left, top, right + 2, bottom + 2]
        fill = tuple(int(level) for level in RANDOM.integers(0, 256, 4))[: len(mode)]
        outline = (0, 0, 0, 255)[: len(mode)]
        [draw.rectangle, draw.ellipse][index % 2](box, fill=fill, outline=outline)
    ink = (10, 20, 160, 255)[: len(mode)]
    draw.text((width // 8, height // 3), "connect, collapse, corrupt", fill=ink)
    return picture


def ramp(width, height):
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - (x + y) / 2], 2).astype(np.uint8))


def checks(width, height, cell):
    y, x = np.mgrid[:height, :width] // cell
    odd = ((x + y) % 2)[..., None]
    return Image.fromarray((odd * [230, 40, 60] + (1 - odd) * [20, 200, 220]).astype(np.uint8))


def noise(width, height):
    return Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8))


def rings(width, height):
    """Frequencies up to the finest, which show every error of resizing."""
    y, x = np.mgrid[:height, :width].astype(float)
    wave = np.sin(((x - width / 2) ** 2 + (y - height / 2) ** 2) / 90)
    return Image.fromarray(np.uint8(127.5 + 127.5 * np.stack([wave, -wave, wave**2], 2)))


def faded(picture):
    """Transparent towards one corner."""
    width, height = picture.size
    alpha = np.add.outer(np.linspace(0, 255, height), np.linspace(0, 255, width)) / 2
    picture = picture.convert("RGBA")
    picture.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return picture


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def hostile():
    """A header that claims 100,000 x 100,000 pixels, and no pixels."""
    claim = (100_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    file = b"\x89PNG\r\n\x1a\n"
    for kind, data in [(b"IHDR", claim), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        file += len(data).to_bytes(4, "big") + kind + data + check
    return file


def jpeg(picture, quality=80, subsampling="4:2:0", **more):
    return "jpg", picture, dict(quality=quality, subsampling=subsampling, **more)


def png(picture, **more):
    return "png", picture, dict(optimize=True, **more)


def webp(picture, quality=75, **more):
    return "webp", picture, dict(quality=quality, **more)


def gif(picture, **more):
    return "gif", picture, more


def pictures():
    yield png(shapes(160, 120))
    yield jpeg(landscape(224, 224))
    yield jpeg(landscape(320, 240))
    yield jpeg(landscape(201, 299), subsampling="4:2:2")
    yield jpeg(landscape(257, 193), quality=92, subsampling="4:4:4")
    yield jpeg(landscape(300, 200), progressive=True)
    yield jpeg(clouds(320, 213), quality=70)
    yield jpeg(clouds(113, 113), quality=90)
    yield jpeg(landscape(240, 160).convert("L"))
    yield jpeg(landscape(160, 160), quality=70, restart_marker_rows=2)
    yield jpeg(landscape(240, 180), exif=turned(6))
    yield jpeg(landscape(240, 180), exif=turned(3))
    yield jpeg(shapes(224, 224), quality=85)
    yield jpeg(rings(200, 150), quality=60)
    yield jpeg(checks(64, 48, 5), quality=75)
    yield jpeg(landscape(900, 600), quality=60)
    yield jpeg(landscape(17, 23), quality=95)
    yield jpeg(noise(48, 64), quality=50)
    yield png(ramp(224, 224))
    yield png(ramp(300, 100).convert("L"))
    yield png(faded(ramp(96, 128)))
    yield png(shapes(224, 224, "RGBA"))
    yield png(shapes(150, 200).quantize(16), transparency=0)
    yield png(checks(400, 300, 7))
    yield png(noise(24, 24))
    yield webp(landscape(320, 240))
    yield webp(clouds(150, 225), quality=85)
    yield webp(shapes(200, 160), lossless=True)
    yield webp(faded(shapes(128, 128)), quality=80)
    yield gif(shapes(180, 140).quantize(32))
    yield gif(checks(90, 120, 9), save_all=True, append_images=[ramp(90, 120)], duration=80)
    yield png(rings(256, 256).convert("L").convert("1"))


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for index, (extension, picture, options) in enumerate(pictures()):
        picture.save(FOLDER / f"{index:02}.{extension}", **options)
    four_colors = clouds(160, 160, 4).convert("CMYK")
    four_colors.save(FOLDER.parent / "four_colors.jpg", quality=70)
    four_colors.save(FOLDER.parent / "four_colors_coarse.jpg", quality=70, subsampling=2)
    (FOLDER.parent / "hostile.png").write_bytes(hostile())
    files = list(FOLDER.iterdir())
    print(len(files), "pictures,", sum(file.stat().st_size for file in files), "bytes")


if __name__ == "__main__":
    main()
