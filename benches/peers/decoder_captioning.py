"""Captions embeddings one by one in PyTorch, reading everything anew for every token as the
original C3 code does, and prints one line:
{"name": ..., "samples_per_second": ..., "threads": ..., "torch": ...}

    pip install torch
    python decoder_captioning.py [--threads 2] [--embeddings 100] [--device cuda:0]

The same sizes and the same number of tokens as `crates/c3-decoders/examples/captioning_speed.rs`;
the weights are random, as they are there: they decide what is written, not how long it takes.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

D_EMBED, D_MODEL, N_LAYERS, N_HEADS, N_PREFIX, N_VOCAB = 512, 192, 3, 4, 4, 3478
N_TOKENS = 12
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
        self.tokens = nn.Parameter(torch.randn(N_VOCAB, D_MODEL))
        self.positions = nn.Parameter(torch.randn(N_PREFIX + N_TOKENS, D_MODEL))
        self.blocks = nn.ModuleList(Block() for _ in range(N_LAYERS))
        self.norm = nn.LayerNorm(D_MODEL)

    def caption(self, embedding):
        sequence = self.prefix(embedding * D_EMBED**0.5).view(1, N_PREFIX, D_MODEL)
        tokens = []
        for _ in range(N_TOKENS):
            x = sequence + self.positions[: sequence.shape[1]]
            for block in self.blocks:
                x = block(x)
            token = (self.norm(x[:, -1]) @ self.tokens.T).argmax(dim=-1)
            tokens.append(token.item())
            sequence = torch.cat([sequence, F.embedding(token, self.tokens)[:, None]], dim=1)
        return tokens


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--embeddings", type=int, default=100)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.device != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, as ours
    torch.manual_seed(0)
    decoder = Decoder().to(arguments.device).eval()
    embeddings = F.normalize(torch.randn(WARM_UP + arguments.embeddings, D_EMBED)).to(arguments.device)
    with torch.inference_mode():
        for embedding in embeddings[:WARM_UP]:
            decoder.caption(embedding)
        start = time.perf_counter()
        for embedding in embeddings[WARM_UP:]:
            decoder.caption(embedding)
        seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "name": "decoder_captioning",
                "samples_per_second": arguments.embeddings / seconds,
                "threads": arguments.threads,
                "torch": torch.__version__,
            }
        )
    )


main()
