"""Makes decoder.json: a tiny prefix decoder in PyTorch, its losses, and its weights after three
steps of AdamW.

    pip install torch
    python decoder.py > decoder.json
"""

import json
import math

import torch
from torch import nn
from torch.nn import functional as F

D_EMBED, D_MODEL, N_LAYERS, N_HEADS, N_PREFIX, N_VOCAB, MAX_TOKENS = 6, 8, 2, 2, 3, 11, 5
CAPTIONS = [[3, 4, 5, 1], [6, 1], [7, 8, 9, 10, 1], [3, 3, 1]]
ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
}
STEPS, RATE, WARMUP, CLIP, EPSILON, DECAY = 3, 0.01, 1, 0.2, 1e-3, 0.1


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(D_MODEL, D_MODEL)
        self.key = nn.Linear(D_MODEL, D_MODEL)
        self.value = nn.Linear(D_MODEL, D_MODEL)
        self.project = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x):
        batch, n_tokens, _ = x.shape
        split = lambda y: y.view(batch, n_tokens, N_HEADS, -1).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(
            split(self.query(x)), split(self.key(x)), split(self.value(x)), is_causal=True
        )
        return self.project(mixed.transpose(1, 2).reshape(batch, n_tokens, D_MODEL))


class Block(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.norm_attention = nn.LayerNorm(D_MODEL)
        self.attention = Attention()
        self.norm_mlp = nn.LayerNorm(D_MODEL)
        self.widen = nn.Linear(D_MODEL, 4 * D_MODEL)
        self.narrow = nn.Linear(4 * D_MODEL, D_MODEL)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        x = x + self.attention(self.norm_attention(x))
        return x + self.narrow(self.activation(self.widen(self.norm_mlp(x))))


class Prefix(nn.Module):
    def __init__(self, mapper):
        super().__init__()
        d_prefix = N_PREFIX * D_MODEL
        self.widen = nn.Linear(D_EMBED, d_prefix // 2) if mapper == "mlp" else None
        self.project = nn.Linear(d_prefix // 2 if self.widen else D_EMBED, d_prefix)

    def forward(self, embeddings):
        embeddings = embeddings * D_EMBED**0.5
        hidden = torch.tanh(self.widen(embeddings)) if self.widen else embeddings
        return self.project(hidden).view(-1, N_PREFIX, D_MODEL)


class Decoder(nn.Module):
    def __init__(self, mapper, activation, output):
        super().__init__()
        self.prefix = Prefix(mapper)
        self.tokens = nn.Parameter(torch.empty(N_VOCAB, D_MODEL))
        self.positions = nn.Parameter(torch.empty(N_PREFIX + MAX_TOKENS - 1, D_MODEL))
        self.blocks = nn.ModuleList(Block(activation) for _ in range(N_LAYERS))
        self.norm = nn.LayerNorm(D_MODEL)
        self.output = nn.Parameter(torch.empty(N_VOCAB, D_MODEL)) if output == "untied" else None

    def losses(self, embedding, caption):
        """One caption at a time: no padding, no batch."""
        read = torch.tensor(caption[:-1], dtype=torch.long)
        x = torch.cat([self.prefix(embedding[None])[0], self.tokens[read]])
        x = (x + self.positions[: len(x)])[None]
        for block in self.blocks:
            x = block(x)
        hidden = self.norm(x)[0, N_PREFIX - 1 :]
        output = self.tokens if self.output is None else self.output
        return F.cross_entropy(hidden @ output.T, torch.tensor(caption), reduction="none")


def short(values):
    """Nine digits say everything about an f32."""
    return [float(f"{value:.9g}") for value in values.flatten().tolist()]


def weights(decoder):
    """By our names and layout: matrices of linear layers as they are applied."""
    tensors = {}
    for name, value in decoder.named_parameters():
        value = value.detach()
        module = decoder.get_submodule(name.rpartition(".")[0])
        if isinstance(module, nn.Linear) and value.dim() == 2:
            value = value.T
        if isinstance(module, nn.LayerNorm):
            name = name.replace("weight", "gamma").replace("bias", "beta")
        tensors[name] = {"shape": list(value.shape), "values": short(value)}
    return tensors


def rate(step):
    """Linear warm-up, then half a cosine."""
    if step < WARMUP:
        return RATE * (step + 1) / (WARMUP + 1)
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def case(mapper, activation, output):
    decoder = Decoder(mapper, activation, output)
    for value in decoder.parameters():
        nn.init.normal_(value, std=0.4)
        value.data = value.data.float().double()
    embeddings = torch.randn(len(CAPTIONS), D_EMBED).float().double()
    before = weights(decoder)
    pairs = list(zip(embeddings, CAPTIONS))
    losses = [decoder.losses(*pair).mean().item() for pair in pairs]
    optimizer = torch.optim.AdamW(decoder.parameters(), eps=EPSILON, weight_decay=DECAY)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.zero_grad()
        torch.cat([decoder.losses(*pair) for pair in pairs]).mean().backward()
        norm = torch.nn.utils.clip_grad_norm_(decoder.parameters(), CLIP)
        assert norm > CLIP, "the golden is to show clipping at work"
        optimizer.step()
    return {
        "mapper": mapper,
        "activation": activation,
        "output": output,
        "embeddings": short(embeddings),
        "losses": losses,
        "before": before,
        "after": weights(decoder),
    }


def main():
    torch.manual_seed(5)
    # Double precision: the golden has no rounding of its own worth speaking of.
    torch.set_default_dtype(torch.float64)
    golden = {
        "made_by": "decoder.py",
        "torch": torch.__version__,
        "captions": CAPTIONS,
        "cases": [
            case("linear", "relu", "tied"),
            case("mlp", "gelu", "untied"),
            case("mlp", "quick_gelu", "tied"),
        ],
    }
    print(json.dumps(golden, separators=(",", ":")))


if __name__ == "__main__":
    main()
