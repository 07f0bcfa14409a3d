"""Means, covariances and singular values with NumPy, and prints one line:
{"name": ..., "per_second": ..., "threads": ..., "numpy": ...}

    pip install numpy
    python geometry.py covariance|unit|singular ROWS WIDTH [--threads 2]

The same work as `geometry` of `cargo xtask bench`: `numpy.mean` and `numpy.cov` in float64 of float32
rows, the same of rows brought to unit length first, or the singular values of the centred rows; the
best of three rounds.
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["covariance", "unit", "singular"])
parser.add_argument("rows", type=int)
parser.add_argument("width", type=int)
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()
for name in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = str(options.threads)

import numpy as np  # noqa: E402  (reads its threads when it is loaded)

rng = np.random.default_rng(0)
rows = rng.uniform(-0.075, 0.075, (options.rows, options.width)).astype(np.float32)


def covariance():
    np.mean(rows, axis=0, dtype=np.float64)
    np.cov(rows, rowvar=False, dtype=np.float64)


def unit():
    wide = rows.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    np.mean(wide, axis=0)
    np.cov(wide, rowvar=False)


def singular():
    wide = rows.astype(np.float64)
    np.linalg.svd(wide - wide.mean(0), compute_uv=False)


best = float("inf")
for _ in range(3):
    start = time.perf_counter()
    {"covariance": covariance, "unit": unit, "singular": singular}[options.what]()
    best = min(best, time.perf_counter() - start)
line = {
    "name": options.what,
    "per_second": options.rows / best,
    "threads": options.threads,
    "numpy": np.__version__,
}
print(json.dumps(line))
