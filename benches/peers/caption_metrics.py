"""Compares c3-metrics with the COCO caption toolkit: tokens, scores, seconds.

Needs Java and, from the Python registry, pycocoevalcap 1.2. Build ours first:

    cargo build --release -p c3-metrics --examples
    python benches/peers/caption_metrics.py tokens EXAMPLES FILE.txt...
    python benches/peers/caption_metrics.py scores EXAMPLES CAPTIONS.tsv

EXAMPLES is the folder with the built examples (target/release/examples). `tokens`
takes any text files, one caption a line. `scores` takes lines of image, tab, caption
(Flickr8k has five to an image), and compares 5,000 items two ways: each image's last
caption against its others, and a caption with words dropped, doubled and swapped in
against all five.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

ITEMS = 5_000
THREADS = "2"


def tokens(examples, files):
    lines = [line for file in files for line in Path(file).read_text().split("\n")]
    rows = {0: [{"caption": line.replace("\r", " ")} for line in lines]}
    start = time.perf_counter()
    (theirs,) = PTBTokenizer().tokenize(rows).values()
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    ours = run([examples / "tokenize"], "\n".join(row["caption"] for row in rows[0]))
    print(f"toolkit {seconds:.2f} s, ours {time.perf_counter() - start:.2f} s")
    ours = ours.split("\n")[: len(lines)]
    ours += [""] * (len(lines) - len(ours))
    differ = [three for three in zip(lines, theirs, ours) if three[1] != three[2]]
    for line, their, our in differ[:20]:
        print(f"{line!r}\n  toolkit {their!r}\n  ours    {our!r}")
    print(f"{len(lines)} captions, {len(differ)} differ")


def scores(examples, file):
    groups = {}
    for line in Path(file).read_text().splitlines()[1:]:
        image, caption = line.split("\t")
        groups.setdefault(image, []).append(caption)
    groups = list(groups.values())[:ITEMS]
    last = [(group[:-1], group[-1]) for group in groups]
    compare("leave one out", examples, last)
    rng = random.Random(1)
    words = [word for group in groups for word in group[0].split()]
    compare("garbled", examples, [(group, garble(rng, group[0], words)) for group in groups])


def garble(rng, caption, words):
    choose = {0: lambda _: [], 1: lambda word: [word, word], 2: lambda _: [rng.choice(words)]}
    kept = [choose.get(rng.randrange(9), lambda word: [word])(word) for word in caption.split()]
    return " ".join(word for some in kept for word in some)


def compare(name, examples, pairs):
    start = time.perf_counter()
    tokenizer = PTBTokenizer()
    gts = tokenizer.tokenize({i: rows(refs) for i, (refs, _) in enumerate(pairs)})
    res = tokenizer.tokenize({i: rows([caption]) for i, (_, caption) in enumerate(pairs)})
    bleu, item_bleu = Bleu(4).compute_score(gts, res, verbose=0)
    rouge, item_rouge = Rouge().compute_score(gts, res)
    cider, item_cider = Cider().compute_score(gts, res)
    seconds = time.perf_counter() - start
    ours = json.loads(score(examples, pairs))
    items = ours["items"]
    columns = [
        *[(f"BLEU-{n + 1}", bleu[n], item_bleu[n], ours["bleu"][n]) for n in range(4)],
        ("ROUGE-L", rouge, item_rouge, ours["rouge_l"]),
        ("CIDEr-D", cider, item_cider, ours["cider"]),
    ]
    print(f"{name}: {len(pairs)} items, toolkit {seconds:.2f} s")
    for metric, total, each, our in columns:
        mine = [value(item, metric) for item in items]
        worst = max(abs(a - b) for a, b in zip(mine, each, strict=True))
        print(f"  {metric:8} {total:.12f}  set differs {abs(our - total):.1e}, items {worst:.1e}")


def value(item, metric):
    if metric.startswith("BLEU"):
        return item["bleu"][int(metric[-1]) - 1]
    return item[{"ROUGE-L": "rouge_l", "CIDEr-D": "cider"}[metric]]


def rows(captions):
    return [{"caption": caption} for caption in captions]


def score(examples, pairs):
    entries = [
        {"image_id": image, "caption": caption}
        for image, (references, _) in enumerate(pairs)
        for caption in references
    ]
    images = [{"id": image} for image in range(len(pairs))]
    results = [{"image_id": image, "caption": caption} for image, (_, caption) in enumerate(pairs)]
    with tempfile.TemporaryDirectory() as folder:
        annotations, answers = Path(folder) / "a.json", Path(folder) / "r.json"
        annotations.write_text(json.dumps({"images": images, "annotations": entries}))
        answers.write_text(json.dumps(results))
        return run([examples / "score", annotations, answers])


def run(command, text=None):
    environment = {**os.environ, "RAYON_NUM_THREADS": THREADS}
    done = subprocess.run(command, input=text, env=environment, stdout=-1, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    what, examples, *files = sys.argv[1:]
    if what == "tokens":
        tokens(Path(examples), files)
    else:
        scores(Path(examples), *files)
