"""Makes the files beside it: tiny Llamas of transformers as Hugging Face and llama.cpp keep them,
and what they compute behind a linear mapper.

    pip install torch==2.15.0 transformers==5.24.0 tokenizers safetensors gguf
    python make.py
"""

import json
from pathlib import Path

import gguf
import torch
import transformers
from gguf import GGMLQuantizationType as Kind
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
HERE = Path(__file__).parent
D_EMBED, N_PREFIX, MAX_TOKENS = 6, 3, 12
SENTENCES = [
    "A calm sea at dusk.",
    "A dog runs over the sand.",
    "Two dogs and 14 balls, near the sea!",
    "Don't look: it's 10 o'clock…",
    "naïve café  with   spaces ",
]
END = "<|endoftext|>"
SPECIAL = [END, "<|im_start|>", "<|im_end|>"]


def tokenizer():
    """Cut as SmolLM2's."""
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    words.train_from_iterator(SENTENCES * 3, trainer)
    words.save(str(HERE / "tokenizer.json"))
    return words


def mapper(d_model):
    """A linear mapper of ours: it reads embeddings at `sqrt(D_EMBED)` times their length."""
    layer = nn.Linear(D_EMBED, N_PREFIX * d_model)
    nn.init.normal_(layer.weight, std=0.5)
    nn.init.normal_(layer.bias, std=0.5)
    return layer


def logits(llama, layer, embedding, tokens):
    prefix = layer(embedding[None] * D_EMBED**0.5).view(1, N_PREFIX, -1)
    read = llama.model.embed_tokens(torch.tensor([tokens], dtype=torch.long))
    return llama(inputs_embeds=torch.cat([prefix, read], 1)).logits[0, N_PREFIX - 1 :]


def losses(llama, layer, embedding, caption):
    found = logits(llama, layer, embedding, caption[:-1])
    return F.cross_entropy(found, torch.tensor(caption), reduction="none")


def greedy(llama, layer, embedding, stop):
    """Everything read anew for every token."""
    tokens = []
    while len(tokens) < MAX_TOKENS and (not tokens or tokens[-1] != stop):
        tokens.append(int(logits(llama, layer, embedding, tokens)[-1].argmax()))
    return tokens


def llama(words, seed, **sizes):
    torch.manual_seed(seed)
    end = words.token_to_id(END)
    config = LlamaConfig(
        vocab_size=words.get_vocab_size(), num_hidden_layers=2, max_position_embeddings=64,
        bos_token_id=end, eos_token_id=end, pad_token_id=None, attn_implementation="eager", **sizes,
    )
    model = LlamaForCausalLM(config).eval()
    for name, weight in model.named_parameters():
        if "norm" in name:
            nn.init.uniform_(weight, 0.5, 1.5)
        else:
            nn.init.normal_(weight, std=0.4)
    return model


def rounded(module, dtype):
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(weight.to(dtype).float())
    return module


def chosen(words, make, seed):
    """The first of many seeds whose captions differ, and of which some end."""
    end = words.token_to_id(END)
    for attempt in range(400):
        model = make(100 * seed + attempt)
        layer = mapper(model.config.hidden_size)
        embeddings = F.normalize(torch.randn(5, D_EMBED), dim=1)
        with torch.no_grad():
            # As if captions did end: else a chance of one in 290.
            model.get_output_embeddings().weight[end] *= 2.0
        model = make.after(model) if hasattr(make, "after") else model
        with torch.no_grad():
            found = [greedy(model, layer, e, end) for e in embeddings]
        ended = sum(caption[-1] == end for caption in found)
        if 1 <= ended < len(found) and len(set(map(tuple, found))) == len(found):
            return model, layer, embeddings, found
    raise SystemExit("no seed gives captions that say enough")


def short(tensor):
    return [float(f"{value:.9g}") for value in tensor.flatten().tolist()]


def expectation(name, words, model, layer, embeddings, found, captions):
    with torch.no_grad():
        first = F.log_softmax(logits(model, layer, embeddings[0], [])[0], 0)
        by_caption = [losses(model, layer, *pair).mean().item() for pair in zip(embeddings, captions)]
    end = words.token_to_id(END)
    texts = [[token for token in caption if token != end] for caption in found]
    return {
        "name": name,
        "d_model": model.config.hidden_size,
        "embeddings": short(embeddings),
        "mapper": {"weight": short(layer.weight.detach().T), "bias": short(layer.bias.detach())},
        "losses": by_caption,
        "first": short(first),
        "texts": [words.decode(caption) for caption in texts],
    }


def one_step(model, layer, embeddings, captions):
    """Weights after one step of AdamW whose epsilon is so large that it goes along the gradient."""
    both = nn.ModuleDict({"mapper": layer, "llama": model})
    optimizer = torch.optim.AdamW(both.parameters(), lr=1.0, eps=1.0, weight_decay=0.0)
    pairs = zip(embeddings, captions)
    torch.cat([losses(model, layer, e, c) for e, c in pairs]).mean().backward()
    optimizer.step()
    return model, layer


def save(model, folder, **how):
    model.save_pretrained(HERE / folder, **how)
    (HERE / folder / "generation_config.json").unlink()


def permuted(rows, n_heads):
    """The order in which llama.cpp keeps the rows of queries and keys."""
    return rows.reshape(n_heads, 2, len(rows) // n_heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


GGUF_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OUTSIDE = {
    "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def gguf_name(name):
    if name in OUTSIDE:
        return OUTSIDE[name]
    block, layer = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
    return f"blk.{block}.{GGUF_NAMES[layer]}.weight"


def quantized(model, kinds):
    """The model as its file keeps it, and what is to be written."""
    stored = {}
    for name, weight in model.named_parameters():
        kind = Kind.F32 if weight.dim() == 1 else kinds[len(stored) % len(kinds)]
        data = gguf.quants.quantize(weight.detach().numpy(), kind)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(gguf.quants.dequantize(data, kind).copy()))
        stored[name] = (data, kind)
    return stored


def write_gguf(path, words, model, stored):
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    pairs = json.loads(words.to_str())["model"]["merges"]
    tokens = sorted(words.get_vocab().items(), key=lambda pair: pair[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_types([3 if token in SPECIAL else 1 for token, _ in tokens])
    writer.add_token_merges([" ".join(pair) for pair in pairs])
    for name, (data, kind) in stored.items():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        for layer, n_heads in heads.items():
            if layer in name:
                data = permuted(data, n_heads)
        writer.add_tensor(gguf_name(name), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    words = tokenizer()
    end = words.token_to_id(END)
    captions = [words.encode(text).ids[: MAX_TOKENS - 1] + [end] for text in SENTENCES]
    cases = []

    def tied(seed):
        return llama(
            words, seed, hidden_size=16, intermediate_size=24, num_attention_heads=4,
            num_key_value_heads=2, tie_word_embeddings=True,
        )

    found = chosen(words, tied, 1)
    save(found[0], "tied")
    cases.append(expectation("tied", words, *found, captions))
    model, layer = one_step(*found[:3], captions)
    cases[0]["after"] = {"weight": short(layer.weight.detach().T), "bias": short(layer.bias.detach())}
    state = {name: value.clone() for name, value in model.named_parameters()}
    save_file(state, HERE / "tied" / "after.safetensors")

    def sharded(seed):
        return llama(
            words, seed, hidden_size=16, intermediate_size=24, num_attention_heads=4, head_dim=6,
            num_key_value_heads=1, tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        )

    sharded.after = lambda model: rounded(model, torch.bfloat16)
    found = chosen(words, sharded, 2)
    cases.append(expectation("sharded", words, *found, captions))
    save(found[0].to(torch.bfloat16), "sharded", max_shard_size="16KB")

    for seed, (name, output, kinds) in enumerate(
        [
            ("half.gguf", True, [Kind.F16, Kind.BF16, Kind.F32]),
            ("blocks.gguf", False, [Kind.Q8_0, Kind.Q4_0, Kind.Q4_1]),
        ]
    ):
        def wide(seed, tie=output):
            return llama(
                words, seed, hidden_size=32, intermediate_size=32, num_attention_heads=4,
                num_key_value_heads=2, tie_word_embeddings=tie,
                rope_parameters={"rope_type": "default", "rope_theta": 20000.0},
            )

        stored = {}

        def keep(model, kinds=kinds):
            stored.clear()
            stored.update(quantized(model, kinds))
            return model

        wide.after = keep
        found = chosen(words, wide, 3 + seed)
        write_gguf(HERE / name, words, found[0], stored)
        cases.append(expectation(name, words, *found, captions))

    document = {
        "maker": "make.py",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "max_tokens": MAX_TOKENS,
        "n_prefix": N_PREFIX,
        "captions": captions,
        "sentences": SENTENCES,
        "tokens": [words.encode(text).ids for text in SENTENCES],
        "cases": cases,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
