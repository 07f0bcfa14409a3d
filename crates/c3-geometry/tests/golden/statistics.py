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
debiased = np.linalg.norm(wide_x.mean(0) - wide_y.mean(0)) ** 2 - np.trace(noise) / N



def interval(draws):
    return np.percentile(draws, [2.5, 50, 97.5]).tolist()


# What is drawn has no digits of its own: many draws here, fewer there.
DRAWS = 40_000
each, squares = cosine(cx, cy), (cy**2).sum(1)
resampled = rng.integers(0, N, (DRAWS, N))
shuffles = rng.permuted(np.tile(np.arange(N), (DRAWS, 1)), axis=1)
centred_cosines = cosine(cx[:, None], cy[None])
signs = rng.choice([-1.0, 1.0], (DRAWS, N))
of_item = np.array([pairwise(own[items == item]) for item in range(N // 3)])
resampled_items = rng.integers(0, N // 3, (DRAWS, N // 3))
c_drawn = each[resampled].mean(1)
drawn = {
    "cosine": interval(c_drawn),
    "sigma": interval(np.sqrt((1 / c_drawn**2 - 1) * squares[resampled].mean(1) / D)),
    "shuffled": interval(centred_cosines[np.arange(N), shuffles].mean(1)),
    "swapped": interval(np.linalg.norm(signs @ difference / N, axis=1)),
    "spread": interval(of_item[resampled_items].mean(1)),
}
null = np.linalg.eigvalsh([np.cov(rng.standard_normal((40, D)), rowvar=False) for _ in range(DRAWS // 4)])
drawn["isotropic"] = interval(null[:, -1] / null.mean(1))

# Captions of owners: the first 20 rows of x, each with three rows of y.
owners = items
of_owner = cosine(wide_x[: N // 3, None], wide_y[None])
mine = owners[None] == np.arange(N // 3)[:, None]
best = np.where(mine, of_owner, -2).max(1)
owner_ranks = (np.where(mine, -2, of_owner) >= best[:, None]).sum(1)
item_ranks = (of_owner > of_owner[owners, np.arange(N)]).sum(0)

# Ridge regression as plain least squares, of rows with the penalty written below them.
tags = [[tag for tag in range(3) if (row * 7 + tag * tag) % 4 == 1] for row in range(N)]
wanted = np.array([[tag in own_tags for tag in range(3)] for own_tags in tags], float)


def ridge(penalty):
    mean_eigenvalue = np.trace(joint[:D, :D]) / D
    below = np.sqrt((N - 1) * penalty * mean_eigenvalue) * np.eye(D)
    rows = np.vstack([wide_x - wide_x.mean(0), below])
    targets = np.vstack([wanted - wanted.mean(0), np.zeros((D, 3))])
    weights = np.linalg.lstsq(rows, targets, rcond=None)[0].T
    intercept = wanted.mean(0) - weights @ wide_x.mean(0)
    scores = wide_y @ weights.T + intercept
    return {
        "penalty": penalty,
        "weights": weights.ravel().tolist(),
        "intercept": intercept.tolist(),
        "scores": scores.ravel().tolist(),
        "squared_error": float(((scores - wanted) ** 2).sum(1).mean()),
    }


# Layers of 6 x 6 with ReLU between them, and a space drawn as the synthetic one is.
layers = rng.uniform(-1, 1, (4, D, D)).astype(np.float32)
features, held = wide_x, []
for at, layer in enumerate([None, *layers.astype(np.float64)]):
    features = features if layer is None else np.maximum(features, 0 if at > 1 else -np.inf) @ layer
    values = np.linalg.eigvalsh(np.cov(features, rowvar=False))[::-1]
    held.append(np.cumsum(values) / values.sum())
held = np.array(held)
layer_gammas = [0.8, 0.9, 0.95]
assert min(np.abs(held - gamma).min() for gamma in layer_gammas) > 1e-3  # float32 changes no answer


def initial_gap(d, d_x, d_y):
    constant_x = np.arange(d) >= d_x
    constant_y = (np.arange(d) < d_x) | (np.arange(d) >= d_x + d_y)
    # Where a modality varies its mean is 0; elsewhere it is one normal draw.
    return float(np.sqrt((constant_x.astype(float) + constant_y).sum() / d))


axes = np.linalg.eigh(noise)[1].T[::-1]
axes *= np.sign(axes[np.arange(D), np.abs(axes).argmax(1)])[:, None]

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
        "drawn": drawn,
        "recall_of_owners": [[k, float((owner_ranks < k).mean()), float((item_ranks < k).mean())] for k in (1, 5, 10)],
        "tags": tags,
        "ridges": [ridge(0.01), ridge(1.0)],
        "layers": layers.ravel().tolist(),
        "layer_gammas": layer_gammas,
        "layer_dimensions": [((held <= gamma).sum(1) + 1).tolist() for gamma in layer_gammas],
        "initial_gaps": [[d, dx, dy, initial_gap(d, dx, dy)] for d, dx, dy in ((512, 25, 230), (64, 4, 28), (7, 7, 0))],
        "axes": axes.ravel().tolist(),
        "relative_noise": [[c, float(np.sqrt(1 / np.square(c) - 1))] for c in (0.05, 0.3, 0.99)],
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
