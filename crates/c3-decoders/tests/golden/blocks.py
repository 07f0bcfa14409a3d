"""Writes `blocks.safetensors`: quantised blocks of noise, and what the package of llama.cpp makes
of them.

    pip install gguf safetensors
    python blocks.py

For every kind of numbers a tensor of bytes and one of single precision, two blocks each.
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize
from safetensors.numpy import save_file

# Where the numbers of half precision stand in a block.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
N_BLOCKS = 2


def main():
    rng = np.random.default_rng(5)
    tensors = {}
    for name, halves in HALVES.items():
        kind = GGMLQuantizationType[name]
        _, length = GGML_QUANT_SIZES[kind]
        data = rng.integers(0, 256, (N_BLOCKS, length), dtype=np.uint8)
        for start in halves:
            noise = rng.normal(0, 0.1, (N_BLOCKS, 1)).astype(np.float16)
            data[:, start : start + 2] = noise.view(np.uint8)
        tensors[f"{name}.bytes"] = data
        tensors[f"{name}.numbers"] = dequantize(data, kind).astype(np.float32)
    save_file(tensors, Path(__file__).with_name("blocks.safetensors"))


if __name__ == "__main__":
    main()
