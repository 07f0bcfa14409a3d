"""Makes the files beside it: a tiny GPT-2 of transformers behind the mappers of ClipCap and C3,
saved under everybody's names, and what it computes.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers safetensors
    python make.py
"""

import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer
from torch import nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

torch.set_num_threads(1)
HERE = Path(__file__).parent
D_EMBED, D_MODEL, N_LAYERS, N_HEADS, MAX_TOKENS = 6, 8, 2, 2, 12
SENTENCES = [
    "A calm sea at dusk.",
    "A dog runs over the sand.",
    "Two dogs and a ball, near the sea!",
    "Don't look: it's 10 o'clock…",
    "naïve café  with   spaces ",
]
END = "<|endoftext|>"


class Mlp(nn.Module):
    """ClipCap's `MLP`: layers in a list called `model`."""

    def __init__(self, n_prefix):
        super().__init__()
        d_prefix = n_prefix * D_MODEL
        self.model = nn.Sequential(
            nn.Linear(D_EMBED, d_prefix // 2), nn.Tanh(), nn.Linear(d_prefix // 2, d_prefix)
        )

    def forward(self, x):
        return self.model(x).view(len(x), -1, D_MODEL)


class MixerAttention(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        self.to_queries = nn.Linear(D_MODEL, D_MODEL, bias=False)
        self.to_keys_values = nn.Linear(D_MODEL, 2 * D_MODEL, bias=False)
        self.project = nn.Linear(D_MODEL, D_MODEL)

    def forward(self, x):
        batch, n, _ = x.shape
        queries = self.to_queries(x).reshape(batch, n, self.heads, -1)
        keys, values = self.to_keys_values(x).reshape(batch, n, 2, self.heads, -1).unbind(2)
        scores = torch.einsum("bnhd,bmhd->bnmh", queries, keys) / (D_MODEL // self.heads) ** 0.5
        mixed = torch.einsum("bnmh,bmhd->bnhd", scores.softmax(2), values)
        return self.project(mixed.reshape(batch, n, D_MODEL))


class MixerMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(D_MODEL, 2 * D_MODEL)
        self.fc2 = nn.Linear(2 * D_MODEL, D_MODEL)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


class MixerLayer(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D_MODEL), nn.LayerNorm(D_MODEL)
        self.attn, self.mlp = MixerAttention(heads), MixerMlp()

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self, layers, heads):
        super().__init__()
        self.layers = nn.ModuleList(MixerLayer(heads) for _ in range(layers))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Transformer(nn.Module):
    """ClipCap's `TransformerMapper`."""

    def __init__(self, n_prefix, n_embedded, layers=3, heads=8):
        super().__init__()
        self.n_embedded = n_embedded
        self.transformer = Mixer(layers, heads)
        self.linear = nn.Linear(D_EMBED, n_embedded * D_MODEL)
        self.prefix_const = nn.Parameter(torch.randn(n_prefix, D_MODEL))

    def forward(self, x):
        tokens = self.linear(x).view(len(x), self.n_embedded, D_MODEL)
        constants = self.prefix_const.expand(len(x), -1, -1)
        return self.transformer(torch.cat([tokens, constants], 1))[:, self.n_embedded :]


class Linear(nn.Linear):
    """The mapper of C3's ImageBind branch: one token."""

    def __init__(self):
        super().__init__(D_EMBED, D_MODEL)

    def forward(self, x):
        return super().forward(x).view(len(x), 1, D_MODEL)


def tokenizer():
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(SENTENCES * 3, vocab_size=290, special_tokens=[END])
    trained.save_model(str(HERE))
    slow = transformers.GPT2Tokenizer(str(HERE / "vocab.json"), str(HERE / "merges.txt"))
    return slow


def logits(gpt, mapper, embedding, tokens):
    prefix = mapper(embedding[None])
    read = gpt.transformer.wte(torch.tensor([tokens], dtype=torch.long))
    return gpt(inputs_embeds=torch.cat([prefix, read], 1)).logits[0, prefix.shape[1] - 1 :]


def losses(gpt, mapper, embedding, caption):
    found = logits(gpt, mapper, embedding, caption[:-1])
    return F.cross_entropy(found, torch.tensor(caption), reduction="none")


def greedy(gpt, mapper, embedding, stop):
    """The loop of the original: everything read anew for every token."""
    tokens = []
    while len(tokens) < MAX_TOKENS and (not tokens or tokens[-1] != stop):
        tokens.append(int(logits(gpt, mapper, embedding, tokens)[-1].argmax()))
    return tokens


def one_step(gpt, mapper, embeddings, captions):
    """Weights after one step of AdamW whose epsilon is so large that it goes along the gradient."""
    both = nn.ModuleDict({"clip_project": mapper, "gpt": gpt})
    optimizer = torch.optim.AdamW(both.parameters(), lr=1.0, eps=1.0, weight_decay=0.0)
    pairs = zip(embeddings, captions)
    torch.cat([losses(gpt, mapper, e, c) for e, c in pairs]).mean().backward()
    optimizer.step()
    return {name: value.detach().clone() for name, value in both.state_dict().items()}


def gpt2(words, seed):
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(words), n_positions=64, n_embd=D_MODEL, n_layer=N_LAYERS, n_head=N_HEADS,
        embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0,
        bos_token_id=words.eos_token_id, eos_token_id=words.eos_token_id,
    )
    gpt = GPT2LMHeadModel(config).eval()
    for name, weight in gpt.named_parameters():
        if "ln_" in name and name.endswith("weight"):
            nn.init.uniform_(weight, 0.5, 1.5)
        else:
            nn.init.normal_(weight, std=0.6)
    with torch.no_grad():  # so that some captions come to a full stop
        gpt.transformer.ln_f.bias += gpt.transformer.wte.weight[words.encode(".")[0]]
    return gpt


def rounded(module, dtype):
    """Weights as a file of `dtype` keeps them, in single precision."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(weight.to(dtype).float())
    return module


def cases(words):
    mappers = {
        "clipcap-mlp": (Mlp(4), torch.float32, "clip_project.", "gpt."),
        "clipcap-transformer": (Transformer(3, 2), torch.float32, "clip_project.", "gpt."),
        "c3-mlp": (Mlp(4), torch.float16, "model.clip_project.", "model.model."),
        "imagebind-linear": (Linear(), torch.bfloat16, "proj.", "decoder."),
    }
    for seed, (name, (mapper, dtype, mapper_name, gpt_name)) in enumerate(mappers.items()):
        torch.manual_seed(seed)
        embeddings = F.normalize(torch.randn(5, D_EMBED), dim=1)
        for attempt in range(100):
            gpt = gpt2(words, 100 * seed + attempt)
            for weight in mapper.parameters():
                nn.init.normal_(weight, std=1.0)
            gpt, mapper = rounded(gpt, dtype), rounded(mapper, dtype)
            found = [greedy(gpt, mapper, e, words.encode(".")[0]) for e in embeddings]
            ended = sum(caption[-1] == words.encode(".")[0] for caption in found)
            if 1 <= ended < len(found) and len(set(map(tuple, found))) == len(found):
                break
        yield name, gpt, mapper, dtype, mapper_name, gpt_name, embeddings, found


def main():
    words = tokenizer()
    captions = [words.encode(text) for text in SENTENCES]
    captions = [caption[: MAX_TOKENS - 1] + [words.eos_token_id] for caption in captions]
    expected = []
    for name, gpt, mapper, dtype, mapper_name, gpt_name, embeddings, found in cases(words):
        tensors = {mapper_name + key: value for key, value in mapper.state_dict().items()}
        tensors |= {gpt_name + key: value for key, value in gpt.state_dict().items()}
        tensors = {key: value.to(dtype).clone() for key, value in tensors.items()}
        save_file(tensors, HERE / f"{name}.safetensors")
        with torch.no_grad():
            first = F.log_softmax(logits(gpt, mapper, embeddings[0], [])[0], 0)
            by_token = [losses(gpt, mapper, *pair) for pair in zip(embeddings, captions)]
        case = {
            "file": f"{name}.safetensors",
            "n_prefix": mapper(embeddings).shape[1],
            "embeddings": embeddings.flatten().tolist(),
            "losses": [row.mean().item() for row in by_token],
            "first": first.tolist(),
            "greedy": found,
            "texts": [words.decode(tokens) for tokens in found],
        }
        expected.append(case)
        if name == "clipcap-mlp":
            config = gpt.config.to_dict()
            keep = ["n_embd", "n_layer", "n_head", "n_positions", "vocab_size", "activation_function"]
            (HERE / "config.json").write_text(json.dumps({k: config[k] for k in keep}))
            after = one_step(gpt, mapper, embeddings, captions)
            save_file({k: v for k, v in after.items() if "lm_head" not in k}, HERE / "after.safetensors")
    document = {
        "maker": "make.py",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "max_tokens": MAX_TOKENS,
        "captions": captions,
        "sentences": SENTENCES,
        "tokens": [words.encode(text) for text in SENTENCES],
        "cases": expected,
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
