"""Makes toolkit.json and tokens.json with the reference tools.

Needs Java and, from the Python registry, pycocoevalcap 1.2 and numpy:

    python toolkit.py

The captions are put together here from a few words of our own, with a fixed seed;
sentences.txt was written for this test. CIDEr without clipping is not in the package:
it is computed here from the definition.
"""

import json
import math
import random
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

HERE = Path(__file__).parent
WHO = ["a man", "a woman", "two dogs", "the child", "a black-and-white cat", "Mr. Li", "people"]
DOES = ["rides", "is looking at", "holds", "doesn't see", "jumps over", "plays with", "cannot find"]
WHAT = ["a red bike", "the dog's ball", "a T-shirt", "3 kites", "a $5.00 sign", "an old tv"]
WHERE = ["in the park", "on a street", "near the water", "at 5:30 p.m.", "on the U.S. coast", ""]
END = [".", "", "!", " .", "...", ", and smiles."]


def sentence(rng, parts):
    words = [part if rng.random() < 0.6 else rng.choice(choices) for part, choices in parts]
    text = " ".join(word for word in words if word) + rng.choice(END)
    return text[0].upper() + text[1:] if rng.random() < 0.5 else text


def captions(items, seed):
    rng = random.Random(seed)
    references, results = [], []
    for _ in range(items):
        choices = [WHO, DOES, WHAT, WHERE]
        parts = [(rng.choice(some), some) for some in choices]
        references.append([sentence(rng, parts) for _ in range(rng.choice([1, 2, 5, 5, 5]))])
        results.append(sentence(rng, parts))
    results[3] = ""
    results[5] = "!"
    results[7] = "call (415) 555 1234 or 1 1/2 times"
    references[7][0] = "1 1/2 calls to (415) 555-1234"
    references[9][0] = ""
    return references, results


def tokenize(groups):
    rows = {i: [{"caption": text} for text in group] for i, group in enumerate(groups)}
    tokens = PTBTokenizer().tokenize(rows)
    return [tokens[i] for i in range(len(groups))]


def plain_cider(references, results):
    """Ten times the mean cosine of tf-idf vectors, over orders and references."""

    def count(text, order):
        words = text.split()
        return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))

    scores = np.zeros(len(results))
    for order in range(1, 5):
        frequency = Counter()
        for group in references:
            frequency.update({ngram for text in group for ngram in count(text, order)})

        def weigh(text):
            total = math.log(len(references))
            return {
                ngram: times * (total - math.log(max(1, frequency[ngram])))
                for ngram, times in count(text, order).items()
            }

        for item, (group, (result,)) in enumerate(zip(references, results)):
            ours = weigh(result)
            for text in group:
                theirs = weigh(text)
                dot = sum(weight * theirs.get(ngram, 0) for ngram, weight in ours.items())
                norm = math.hypot(*ours.values()) * math.hypot(*theirs.values())
                scores[item] += 10 / 4 / len(group) * (dot / norm if norm else 0)
    return scores


def main():
    references, results = captions(160, seed=20)
    reference_tokens = tokenize(references)
    result_tokens = tokenize([[text] for text in results])
    gts, res = dict(enumerate(reference_tokens)), dict(enumerate(result_tokens))
    bleu, item_bleu = Bleu(4).compute_score(gts, res, verbose=0)
    rouge, item_rouge = Rouge().compute_score(gts, res)
    cider, item_cider = Cider().compute_score(gts, res)
    item_plain = plain_cider(reference_tokens, result_tokens)
    maker = f"toolkit.py, pycocoevalcap {version('pycocoevalcap')}, numpy {np.__version__}"
    golden = {
        "maker": f"{maker}, Python {sys.version.split()[0]}",
        "references": references,
        "captions": results,
        "reference_tokens": reference_tokens,
        "caption_tokens": [tokens for (tokens,) in result_tokens],
        "bleu": bleu,
        "rouge_l": float(rouge),
        "cider": float(cider),
        "cider_plain": float(item_plain.mean()),
        "items": {
            "bleu": item_bleu,
            "rouge_l": item_rouge.tolist(),
            "cider": item_cider.tolist(),
            "cider_plain": item_plain.tolist(),
        },
    }
    (HERE / "toolkit.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")

    sentences = (HERE / "sentences.txt").read_text(encoding="utf-8").split("\n")[:-1]
    words = [word for line in sentences for word in line.split(" ")]
    words = list(dict.fromkeys(words))
    (tokens,) = tokenize([sentences])
    # One word a line, with a plain word behind it.
    (word_tokens,) = tokenize([[f"{word} so" for word in words]])
    golden = {
        "maker": maker,
        "sentences": sentences,
        "tokens": tokens,
        "words": [f"{word} so" for word in words],
        "word_tokens": word_tokens,
    }
    (HERE / "tokens.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main()
