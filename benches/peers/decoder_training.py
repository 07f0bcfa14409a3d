"""Trains the prefix decoder in PyTorch, as fast as plain PyTorch does it, and prints one line:
{"name": ..., "samples_per_second": ..., "threads": ..., "torch": ...}

    pip install torch
    python decoder_training.py [--threads 2] [--steps 60] [--device cuda:0]

The same work as `crates/c3-decoders/examples/training_speed.rs`: the same sizes, batches of captions
of similar length, fresh noise on every embedding, cross-entropy at the caption's positions only,
gradient clipping, AdamW.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

D_EMBED, D_MODEL, N_LAYERS, N_HEADS, N_PREFIX, N_VOCAB = 512, 192, 3, 4, 4, 3478
BATCH, MAX_TOKENS, SIGMA = 128, 16, 0.08
WARM_UP = 5


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_attention = nn.LayerNorm(D_MODEL)
        self.query_key_value = nn.Linear(D_MODEL, 3 * D_MODEL)
        self.project = nn.Linear(D_MODEL, D_MODEL)
        self.norm_mlp = nn.LayerNorm(D_MODEL)
        self.widen = nn.Linear(D_MODEL, 4 * D_MODEL)
        self.narrow = nn.Linear(4 * D_MODEL, D_MODEL)

    def forward(self, x):
        batch, n_tokens, _ = x.shape
        heads = self.query_key_value(self.norm_attention(x)).view(batch, n_tokens, 3, N_HEADS, -1)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, n_tokens, D_MODEL))
        return x + self.narrow(F.relu(self.widen(self.norm_mlp(x))))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.prefix = nn.Linear(D_EMBED, N_PREFIX * D_MODEL)
        self.tokens = nn.Parameter(torch.randn(N_VOCAB, D_MODEL) * 0.02)
        self.positions = nn.Parameter(torch.randn(N_PREFIX + MAX_TOKENS - 1, D_MODEL) * 0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(N_LAYERS))
        self.norm = nn.LayerNorm(D_MODEL)

    def loss(self, embeddings, captions, is_token):
        prefix = self.prefix(embeddings * D_EMBED**0.5).view(len(embeddings), N_PREFIX, D_MODEL)
        x = torch.cat([prefix, F.embedding(captions[:, :-1], self.tokens)], dim=1)
        x = x + self.positions[: x.shape[1]]
        for block in self.blocks:
            x = block(x)
        hidden = self.norm(x[:, N_PREFIX - 1 :])
        if is_token.all():
            hidden, targets = hidden.reshape(-1, D_MODEL), captions.reshape(-1)
        else:
            hidden, targets = hidden[is_token], captions[is_token]
        return F.cross_entropy(hidden @ self.tokens.T, targets)


def batches(count):
    """Captions of 8 to 16 tokens, cut by length."""
    lengths = sorted(8 + (index * 7) % 9 for index in range(count))
    for first in range(0, count, BATCH):
        chosen = lengths[first : first + BATCH]
        captions = torch.zeros(len(chosen), max(chosen), dtype=torch.long)
        is_token = torch.zeros(len(chosen), max(chosen), dtype=torch.bool)
        for row, length in enumerate(chosen):
            index = torch.arange(length)
            captions[row, :length] = 3 + ((first + row) * 31 + index * 17) % (N_VOCAB - 3)
            captions[row, length - 1] = 1
            is_token[row, :length] = True
        yield F.normalize(torch.randn(len(chosen), D_EMBED)), captions, is_token


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.device != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, as ours
    torch.manual_seed(0)
    decoder = Decoder().to(arguments.device)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-3, weight_decay=0.01)
    work = list(batches((WARM_UP + arguments.steps) * BATCH))
    order = torch.randperm(len(work)).tolist()
    samples = 0
    for step, index in enumerate(order):
        if step == WARM_UP:
            start = time.perf_counter()
        embeddings, captions, is_token = (part.to(arguments.device) for part in work[index])
        noised = F.normalize(embeddings + SIGMA * torch.randn_like(embeddings))
        optimizer.zero_grad(set_to_none=True)
        loss = decoder.loss(noised, captions, is_token)
        loss.backward()
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        loss.item()
        if step >= WARM_UP:
            samples += len(embeddings)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "name": "decoder_training",
                "samples_per_second": samples / seconds,
                "threads": arguments.threads,
                "torch": torch.__version__,
            }
        )
    )


main()
