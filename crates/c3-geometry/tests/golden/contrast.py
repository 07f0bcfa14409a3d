"""Writes contrast.json: what PyTorch's autograd says of the contrastive loss, in float64.

    python -P contrast.py > contrast.json  # -P: PyTorch wants the other `statistics`

Rows of unequal length are the parameters; gradients are taken by them and by their unit rows,
and plain gradient descent makes some steps.
"""

import json
import sys

import torch
from torch.nn.functional import cross_entropy, normalize

N, D, STEPS, RATE, TAU = 12, 5, 40, 0.1, 0.07
torch.manual_seed(20240807)
start = [torch.randn(N, D, dtype=torch.float64) + shift for shift in (0.5, -0.5)]


def one_sided(x, y):
    return cross_entropy(x @ y.T / TAU, torch.arange(N))


def symmetric(x, y):
    scores = x @ y.T / TAU
    return (cross_entropy(scores, torch.arange(N)) + cross_entropy(scores.T, torch.arange(N))) / 2


def flat(*tables):
    return [table.ravel().tolist() for table in tables]


def contrast(of):
    raw = [side.clone().requires_grad_() for side in start]
    units = [normalize(side, dim=1) for side in raw]
    loss = of(*units)
    return {
        "loss": loss.item(),
        "by_unit": flat(*torch.autograd.grad(loss, units, retain_graph=True)),
        "by_raw": flat(*torch.autograd.grad(loss, raw)),
    }


def descend():
    raw = [side.clone().requires_grad_() for side in start]
    descent = torch.optim.SGD(raw, lr=RATE)
    losses = []
    for _ in range(STEPS):
        descent.zero_grad()
        loss = symmetric(*(normalize(side, dim=1) for side in raw))
        loss.backward()
        descent.step()
        losses.append(loss.item())
    return {"losses": losses, "end": flat(*(side.detach() for side in raw))}


golden = {
    "maker": "contrast.py",
    "versions": {"python": sys.version.split()[0], "torch": torch.__version__},
    "dim": D,
    "tau": TAU,
    "rate": RATE,
    "raw": flat(*start),
    "one_sided": contrast(one_sided),
    "symmetric": contrast(symmetric),
    "descent": descend(),
}
json.dump(golden, sys.stdout, indent=1)
print()
