"""Makes features.json with numpy and scipy: distances of features, and CLIPScore.

    python features.py

Fréchet distance as pytorch-fid computes it (scipy.linalg.sqrtm of the product of both
covariances); kernel distance as the unbiased estimate over whole matrices; Inception
Score from scipy's softmax and relative entropy; CLIPScore as its authors' code has it.
The features are random, correlated and shifted, with a fixed seed.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy import linalg, special, stats

HERE = Path(__file__).parent


def frechet(x, y):
    step = x.mean(0) - y.mean(0)
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(first @ second)
    return step @ step + np.trace(first) + np.trace(second) - 2 * np.trace(root.real)


def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_distance(x, y):
    n, m = len(x), len(y)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within_x = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    within_y = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return within_x + within_y - 2 * xy.mean()


def inception(logits, parts):
    p = special.softmax(logits, axis=1)
    cuts = [p[k * len(p) // parts : (k + 1) * len(p) // parts] for k in range(parts)]
    scores = [np.exp(stats.entropy(cut, cut.mean(0, keepdims=True), axis=1).mean()) for cut in cuts]
    return np.mean(scores), np.std(scores)


def clip(pictures, captions, references):
    unit = lambda rows: rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    pictures, captions, references = unit(pictures), unit(captions), unit(references)
    score = 2.5 * np.clip((pictures * captions).sum(1), 0, None)
    nearest = np.clip(np.einsum("nd,nrd->nr", captions, references).max(1), 0, None)
    return score, 2 * score * nearest / (score + nearest)


def plain(values):
    return np.asarray(values, dtype=np.float64).ravel().tolist()


def main():
    rng = np.random.default_rng(4)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    d = 24
    x = (draw(90, d) @ draw(d, d) / 4 + 0.3).astype(np.float32)
    y = (draw(70, d) @ draw(d, d) / 5).astype(np.float32)
    pictures, captions, references = draw(20, 6), draw(20, 6), draw(20, 5, 6)
    captions[:10] += pictures[:10]
    score, with_references = clip(*(a.astype(float) for a in (pictures, captions, references)))
    x64, y64 = x.astype(float), y.astype(float)
    golden = {
        "maker": f"features.py, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"Python {sys.version.split()[0]}",
        "d": d,
        "x": plain(x),
        "y": plain(y),
        "frechet": frechet(x64, y64),
        "kernel": kernel_distance(x64, y64),
        "inception": {parts: plain(inception(x64, parts)) for parts in (1, 4)},
        "d_clip": 6,
        "pictures": plain(pictures),
        "captions": plain(captions),
        "references": plain(references),
        "clip_score": plain(score),
        "ref_clip_score": plain(with_references),
    }
    (HERE / "features.json").write_text(json.dumps(golden, indent=0) + "\n")


if __name__ == "__main__":
    main()
