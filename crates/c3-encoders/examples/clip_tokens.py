"""Compares the tokens of CLIP with those of open_clip, and with those of transformers where
transformers cleans alike; prints one line for each reference.

    pip install torch open_clip_torch ftfy transformers
    cargo build --release -p c3-encoders --example clip_tokens
    python clip_tokens.py target/release/examples/clip_tokens FILE... [--most 100000]

Takes the lines of text files, and the last column of tables. To them it adds made lines: hard
letters of all of Unicode between and around words, entities, contractions, digits and signs.
"""

import argparse
import html
import random
import subprocess
import tempfile
import unicodedata
from pathlib import Path

import ftfy

import transformers
from open_clip.tokenizer import SimpleTokenizer, default_bpe

PIECES = ["a", "dog", "Café", "naïve", "it's", "THEY'RE", "don't", "'s", "x2", "12", "3.5", "-", "...",
          "!", "?!", "#", "@", "&amp;", "&lt;", "&eacute;", "&amp;amp;", "&#39;", "&quot", "&", ";",
          "“", "”", "’", "…", "—", "\t", "\u00a0", "  ", "ﬁ", "Ｗ", "ｶﾞ", "e\u0301", "İ", "Σ", "ß"]


def made(count):
    """Lines that no caption holds, without letters that ftfy might take for a wrong encoding."""
    dice = random.Random(5)
    letters = [chr(code) for code in range(0xA0, 0x30000)
               if unicodedata.category(chr(code))[0] in "LNPSMZ" and chr(code) not in "\u2028\u2029"]
    for _ in range(count):
        pieces = dice.choices(PIECES, k=dice.randint(1, 12))
        for _ in range(dice.randint(0, 4)):
            at = dice.randrange(len(pieces) + 1)
            pieces.insert(at, "".join(dice.choices(letters, k=dice.randint(1, 3))))
        yield dice.choice(["", " "]).join(pieces)


def lines_of(file):
    text = file.read_text(encoding="utf-8")
    if file.suffix in (".csv", ".tsv"):
        mark = "," if file.suffix == ".csv" else "\t"
        return [line.split(mark, 3)[-1] for line in text.split("\n") if line]
    return [line for line in text.split("\n") if line]


def is_left_alone(text):
    """Whether ftfy would re-decode nothing: the one thing that is left out on our side."""
    return ftfy.fix_text(text) == ftfy.fix_text(text, fix_encoding=False)


def ours(binary, lines):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".txt") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        out = subprocess.run([binary, default_bpe(), file.name], check=True, capture_output=True)
    return [[int(number) for number in line.split()] for line in out.stdout.splitlines()]


def by_open_clip(lines):
    words = SimpleTokenizer()
    for text in lines:
        ids = [words.sot_token_id, *words.encode(text), words.eot_token_id]
        yield ids if len(ids) <= 77 else ids[:76] + ids[-1:]


def by_transformers(lines):
    words = SimpleTokenizer()
    numbers = dict(words.encoder)
    numbers["<|startoftext|>"] = numbers.pop("<start_of_text>")
    numbers["<|endoftext|>"] = numbers.pop("<end_of_text>")
    whole = transformers.CLIPTokenizer(vocab=numbers, merges=list(words.bpe_ranks))
    return whole(lines, truncation=True, max_length=77)["input_ids"]


def report(name, lines, found, expected):
    pairs = list(zip(lines, found, expected, strict=True))
    wrong = [(line, a, b) for line, a, b in pairs if list(a) != list(b)]
    print(f"{name}: {len(pairs)} lines, {len(wrong)} differ")
    for line, a, b in wrong[:5]:
        print(f"  {line!r}\n    ours   {a}\n    theirs {b}")
    return not wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--made", type=int, default=20_000)
    options = parser.parse_args()
    captions = [line for file in options.files for line in lines_of(file)][: options.most]
    hard = list(made(options.made))
    alone = [text for text in hard if is_left_alone(text)]
    print(f"{len(captions)} captions; of {len(hard)} made lines ftfy re-decodes "
          f"{len(hard) - len(alone)}, which are left out")
    found = {"captions": ours(options.binary, captions), "made": ours(options.binary, alone)}
    good = report("captions beside open_clip", captions, found["captions"], by_open_clip(captions))
    good &= report("made lines beside open_clip", alone, found["made"], by_open_clip(alone))
    plain = [(text, ids) for text, ids in zip(captions, found["captions"])
             if ftfy.fix_text(html.unescape(text)) == text]
    lines = [text for text, _ in plain]
    good &= report("plain captions beside transformers", lines, [ids for _, ids in plain],
                   by_transformers(lines))
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
