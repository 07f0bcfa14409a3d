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

# Table 1, with the rows in this order.
groups = difference.reshape(-1, GROUP, D).mean(1)
table = {
    "length": summary(np.linalg.norm(groups, axis=1)),
    "direction": summary(cosine(groups[:-1], groups[1:])),
    "noise_direction": summary(cosine(residual[:-1], residual[1:])),
}

# Several rows of one item; centred by the mean of the other half of the items.
items = np.arange(N) // 3


def centred(rows, halves):
    means = [rows[halves == half].mean(0) for half in (0, 1)]
    return (rows - np.where(halves[:, None] == 0, means[1], means[0])).astype(np.float32).astype(np.float64)


def pairwise(rows):
    cosines = cosine(rows[:, None], rows[None])
    n = len(rows)
    return (cosines.sum() - np.trace(cosines)) / (n * (n - 1))


def sigma(c, rows):
    return float(np.sqrt((1 / c**2 - 1) * (rows**2).sum(1).mean() / D))


half = np.arange(N) % 2
cx, cy = centred(ux, half), centred(uy, half)
c = cosine(cx, cy).mean()
own = centred(uy, items % 2)
spread = np.mean([pairwise(own[items == item]) for item in range(N // 3)])
mates = {item: np.flatnonzero(items == item) for item in range(N // 3)}
nearest = scores.argmax(1)
mate = np.mean([cosine(wide_x[i], wide_y[j]) for i, row in enumerate(nearest) for j in mates[items[row]] if j != row])

# Ranks among the other modality, and the nearest of the own one against the nearest of the other.
rank_forth = (scores > np.diag(scores)[:, None]).sum(1)
rank_back = (scores > np.diag(scores)[None]).sum(0)


def others(rows):
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    return cosines.max(1)


same = np.concatenate([others(ux) > scores.max(1), others(uy) > scores.max(0)])


def on_own_side(fit_x, fit_y, test_x, test_y):
    pooled = np.cov(fit_x, rowvar=False) + np.cov(fit_y, rowvar=False)
    pooled += 1e-3 * np.trace(pooled) / D * np.eye(D)
    normal = np.linalg.solve(pooled, fit_x.mean(0) - fit_y.mean(0))
    offset = normal @ (fit_x.mean(0) + fit_y.mean(0)) / 2
    return ((test_x @ normal > offset).mean() + (test_y @ normal < offset).mean()) / 2


halves = [(wide_x[0::2], wide_y[0::2]), (wide_x[1::2], wide_y[1::2])]
separability = (on_own_side(*halves[0], *halves[1]) + on_own_side(*halves[1], *halves[0])) / 2
spectrum = np.linalg.eigvalsh(noise)[::-1]
shares = np.cumsum(spectrum) / spectrum.sum()
weights = np.exp(forth)
debiased = np.linalg.norm(wide_x.mean(0) - wide_y.mean(0)) ** 2 - np.trace(noise) / N

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
        "table": table,
        "gammas": [0.5, 0.9, 0.99],
        "effective_dimensions": [int((shares <= gamma).sum()) + 1 for gamma in (0.5, 0.9, 0.99)],
        "anisotropy": float(spectrum[0] / spectrum.mean()),
        "debiased_gap_length": float(np.sqrt(debiased)),
        "sigma": float(np.sqrt(np.trace(noise) / D)),
        "unit_gap": float(np.linalg.norm(gap)),
        "mean_squared_length": float((wide_x**2).sum(1).mean()),
        "lengths": np.linalg.norm(wide_x, axis=1).tolist(),
        "group_cosine": float(np.mean([pairwise(uy[items == item]) for item in range(N // 3)])),
        "mate_cosine": float(mate),
        "verdict_cosine": float(c),
        "verdict_sigma": sigma(c, cy),
        "spread_cosine": float(spread),
        "spread_sigma": sigma(spread, own),
        "nearest": nearest.tolist(),
        "recall": [[k, float((rank_forth < k).mean()), float((rank_back < k).mean())] for k in (1, 5, 10)],
        "same_modality_share": float(same.mean()),
        "separability": float(separability),
        "gradient_by_x": ((weights @ uy - uy) / tau / N).ravel().tolist(),
        "gradient_by_y": ((weights - np.eye(N)).T @ ux / tau / N).ravel().tolist(),
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
