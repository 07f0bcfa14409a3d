"""Holds what `llama_parity.rs` prints against transformers, on the same GGUF.

    pip install torch transformers gguf accelerate
    python llama_parity.py EXECUTABLE FILE.gguf
"""

import json
import subprocess
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

SENTENCES = [
    "The capital of France is",
    "A photo of two dogs that",
    "In 1969, the first man on the",
    "Once upon a time there was a",
    "Water boils at 100 degrees",
    "The quick brown fox, naïve as ever,",
]
N_TOKENS = 24


def main():
    executable, path = sys.argv[1], Path(sys.argv[2])
    printed = subprocess.run([executable, path, *SENTENCES], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in printed.stdout.splitlines()]
    words = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    llama = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    end = words.convert_tokens_to_ids("<|endoftext|>")
    apart, relative, same, tokens_same = 0.0, 0.0, 0, 0
    for line in lines:
        tokens = words(line["sentence"], add_special_tokens=False).input_ids
        tokens_same += tokens == line["tokens"]
        with torch.no_grad():
            logits = llama(torch.tensor([line["tokens"]])).logits[0, -1]
            first = logits.log_softmax(0)[torch.arange(16) * 3000]
            read, log_probability = list(line["tokens"]), 0.0
            while len(read) < len(line["tokens"]) + N_TOKENS and read[-1] != end:
                follow = llama(torch.tensor([read])).logits[0, -1].log_softmax(0)
                read.append(int(follow.argmax()))
                log_probability += float(follow.max())
        difference = first - torch.tensor(line["first"])
        apart = max(apart, difference.abs().max().item())
        # Without what all tokens share: the sum that makes shares of logits.
        relative = max(relative, (difference - difference.median()).abs().max().item())
        text = words.decode([t for t in read[len(line["tokens"]) :] if t != end], skip_special_tokens=True)
        same += text.strip() == line["text"]
        print(f"{line['sentence']} | {line['text']!r} | {line['log_probability'] - log_probability:+.1e}")
    n = len(lines)
    print(f"tokens {tokens_same}/{n}, captions {same}/{n}, log-probabilities within {apart:.1e},")
    print(f"but for what all tokens share within {relative:.1e}")


main()
