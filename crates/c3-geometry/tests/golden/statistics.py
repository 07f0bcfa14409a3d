"""Writes statistics.json: what numpy and scipy say of a small paired space.

    python statistics.py > statistics.json

The space is drawn here: rows of unequal length, a gap, a shared signal and skewed noise.
Everything is computed in float64 from the float32 values that the file holds.
"""

import json
import sys

import numpy as np
import scipy
from scipy import stats

N, D, GROUP = 60, 6, 10
rng = np.random.default_rng(20240807)
signal = rng.standard_normal((N, D)) * np.linspace(1.5, 0.5, D)
x = signal + rng.standard_normal((N, D)) + np.linspace(2, 0, D)
y = signal + rng.exponential(1.0, (N, D)) - np.linspace(0, 2, D)
x, y = x.astype(np.float32), y.astype(np.float32)


def unit(rows):
    wide = rows.astype(np.float64)
    # The crate keeps unit rows in float32.
    return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)


def summary(values):
    return {"mean": float(np.mean(values)), "std": float(np.std(values))}


def cosine(a, b):
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


ux, uy = unit(x).astype(np.float64), unit(y).astype(np.float64)
difference = ux - uy
gap = difference.mean(0)
residual = difference - gap
wide_x, wide_y = x.astype(np.float64), y.astype(np.float64)
joint = np.cov(np.hstack([wide_x, wide_y]), rowvar=False)
noise = np.cov(wide_x - wide_y, rowvar=False)
values_x, vectors_x = np.linalg.eigh(joint[:D, :D])
values_y, vectors_y = np.linalg.eigh(joint[D:, D:])
overlap = np.linalg.norm(vectors_x[:, -2:].T @ vectors_y[:, -2:]) ** 2 / 2
tests = stats.normaltest(residual, axis=0)
scores = ux @ uy.T
cosines = cosine(wide_x[:, None], wide_y[None])
tau = 0.07
forth = scipy.special.log_softmax(scores / tau, axis=1)
back = scipy.special.log_softmax(scores / tau, axis=0)
order = np.argsort(-scores, axis=1, kind="stable")[:, :3]
found = np.bincount(order.ravel(), minlength=N)
negatives = np.delete(scores[0], 0)

json.dump(
    {
        "maker": "statistics.py",
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__},
        "dim": D,
        "x": x.ravel().tolist(),
        "y": y.ravel().tolist(),
        "mean_x": wide_x.mean(0).tolist(),
        "mean_y": wide_y.mean(0).tolist(),
        "covariance": joint.ravel().tolist(),
        "noise_spectrum": np.linalg.eigvalsh(noise)[::-1].tolist(),
        "noise_singular_values": np.linalg.svd(noise, compute_uv=False).tolist(),
        "noise_trace": float(np.trace(noise)),
        "gap_length": float(np.linalg.norm(wide_x.mean(0) - wide_y.mean(0))),
        "overlap": float(overlap),
        "spectral_correlation": float(np.corrcoef(np.log(values_x), np.log(values_y))[0, 1]),
        # Without groups and shuffles the order does not matter.
        "length_of_one": summary(np.linalg.norm(difference, axis=1)),
        "orthogonality_next": [
            summary(cosine(ux[:-1] - ux[1:], gap[None])),
            summary(cosine(uy[:-1] - uy[1:], gap[None])),
        ],
        "noise_mean": summary(residual.mean(0)),
        "skewness": stats.skew(residual, axis=0).tolist(),
        "excess_kurtosis": stats.kurtosis(residual, axis=0).tolist(),
        "normaltest": tests.statistic.tolist(),
        "p_values": tests.pvalue.tolist(),
        "adjusted": stats.false_discovery_control(tests.pvalue, method="bh").tolist(),
        "pair_cosine": float(cosine(wide_x, wide_y).mean()),
        "unpaired_cosine": float((cosines.sum() - np.trace(cosines)) / (N * (N - 1))),
        "tau": tau,
        "one_sided_loss": float(-np.diag(forth).mean()),
        "symmetric_loss": float(-(np.diag(forth).mean() + np.diag(back).mean()) / 2),
        "hubness": float(stats.skew(found)),
        "query_loss": float(-forth[0, 0]),
        "stable_margin": float(
            tau * (scipy.special.logsumexp((negatives - negatives.max()) / tau) - np.log(np.expm1(0.1)))
        ),
    },
    sys.stdout,
    indent=1,
)
print()
