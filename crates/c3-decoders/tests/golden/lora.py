"""Makes lora.json: the tiny decoder of decoder.py with low-rank pairs on its attention, and the
gradients of the pairs and of the mapper.

    pip install torch
    python lora.py > lora.json
"""

import json

import torch
from decoder import CAPTIONS, D_EMBED, Decoder, short, weights
from torch import nn
from torch.func import functional_call

RANK, ALPHA = 2, 3.0


class Losses(nn.Module):
    """The losses of a decoder as a forward pass, so that its weights can be replaced."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, embeddings):
        pairs = zip(embeddings, CAPTIONS)
        return torch.cat([self.decoder.losses(*pair) for pair in pairs]).mean()


def entry(value):
    return {"shape": list(value.shape), "values": short(value.detach())}


def main():
    torch.manual_seed(6)
    torch.set_default_dtype(torch.float64)
    decoder = Decoder("mlp", "gelu", "tied")
    for value in decoder.parameters():
        nn.init.normal_(value, std=0.4)
        value.data = value.data.float().double()
    embeddings = torch.randn(len(CAPTIONS), D_EMBED).float().double()
    adapted = [name for name, _ in decoder.named_parameters() if ".attention." in name]
    adapted = [name.removesuffix(".weight") for name in adapted if name.endswith(".weight")]
    pairs, replaced, merged = {}, {}, {}
    for name in adapted:
        weight = decoder.get_parameter(f"{name}.weight")  # [d_output, d_input]
        d_output, d_input = weight.shape
        a = (torch.randn(d_input, RANK) * 0.3).float().double().requires_grad_()
        b = (torch.randn(RANK, d_output) * 0.3).float().double().requires_grad_()
        pairs[f"{name}.weight.lora.a"], pairs[f"{name}.weight.lora.b"] = a, b
        whole = weight.detach() + ALPHA / RANK * (a @ b).T
        replaced[f"decoder.{name}.weight"] = whole
        merged[f"{name}.weight"] = entry(whole.T)
    functional_call(Losses(decoder), replaced, (embeddings,)).backward()
    gradients = {name: entry(value.grad) for name, value in pairs.items()}
    for name, value in decoder.named_parameters():
        if name.startswith("prefix."):
            grad = value.grad.T if value.dim() == 2 else value.grad
            gradients[name] = entry(grad)
    golden = {
        "made_by": "lora.py",
        "torch": torch.__version__,
        "rank": RANK,
        "alpha": ALPHA,
        "captions": CAPTIONS,
        "embeddings": short(embeddings),
        "before": weights(decoder),
        "pairs": {name: entry(value) for name, value in pairs.items()},
        "merged": merged,
        "gradients": gradients,
    }
    print(json.dumps(golden, separators=(",", ":")))


if __name__ == "__main__":
    main()
