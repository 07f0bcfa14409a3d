"""Writes captions.txt: 256 sentences of our own, short and long, plain and odd.

    python captions.py
"""

import random
from pathlib import Path

WHO = [
    "a woman", "two children", "an old man", "a brown dog", "three climbers", "a girl",
    "the goalkeeper", "a black and white cat", "a group of people", "a toddler in a red coat",
]
DOES = [
    "runs", "is jumping", "sits quietly", "looks up", "carries a blue umbrella", "sleeps",
    "is throwing a ball", "plays an accordion", "waits for the bus", "pulls a wooden sled",
]
WHERE = [
    "on the beach", "in tall grass", "beside a frozen lake", "under a bridge", "at the market",
    "near the edge of a cliff", "on a crowded street", "behind a fence", "in front of a mural",
]
WHEN = ["", "at night", "in the rain", "while others watch", "before sunrise", "on a windy day"]
ODD = [
    "Dog.",
    "DOG!!!",
    "A crème brûlée beside a naïve façade, São Paulo",
    "don't stop: it's 3.14 or 1,000,000 (maybe) - who knows?",
    "一只狗在草地上跑",
    "🦊 jumps over 🐕",
    "snow\tand\nice",
    "  blanks before and after  ",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "http://example.org/photo?id=42&size=large",
    "the same word " + "again " * 120,
    "a very long walk " + "past houses, trees, rivers and fields, " * 60,
]


def sentence(draw):
    words = [draw.choice(WHO), draw.choice(DOES), draw.choice(WHERE), draw.choice(WHEN)]
    text = " ".join(word for word in words if word)
    return (text[0].upper() + text[1:] if draw.random() < 0.5 else text) + draw.choice(["", " .", "."])


def main():
    draw = random.Random(7)
    lines = [text.replace("\n", "\\n").replace("\t", "\\t") for text in ODD]
    while len(lines) < 256:
        line = sentence(draw)
        if line not in lines:
            lines.append(line)
    (Path(__file__).parent / "captions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
