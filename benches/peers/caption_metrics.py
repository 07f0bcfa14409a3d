"""Compares caption metrics with the COCO caption toolkit: tokens, scores, seconds, memory.

Needs Java and, from the Python registry, pycocoevalcap 1.2. Build ours first, and bring
METEOR's tables:

    cargo build --release -p c3-metrics --examples && cargo build --release -p xtask
    cargo xtask fetch meteor-1.5
    python benches/peers/caption_metrics.py bars BUILT CAPTIONS.tsv TEXT...

BUILT is the folder with what was built (target/release). `bars` checks everything that the
metrics promise, says for each bar whether it holds, and fails if one does not:

- the tokens of every sentence in CAPTIONS.tsv and TEXT (CSV files: column `caption`);
- on 5,000 items, twice, every metric of the set and of each item: each image's last caption
  against its others, and a caption with words dropped, doubled and swapped in against all
  five. CAPTIONS.tsv has lines of image, tab, caption (Flickr8k has five to an image);
- seconds on two threads beside the toolkit, and resident memory.

`files BUILT REFERENCES.json RESULTS.json` compares the scores of any COCO files.
"""

import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

ITEMS = 5_000
THREADS = "2"
failed = []


def bar(name, holds, said):
    print(f"  {'holds' if holds else 'FAILS'}  {name}: {said}", flush=True)
    if not holds:
        failed.append(name)


def read_text(file):
    if file.endswith(".csv"):
        with open(file, newline="") as table:
            return [row["caption"] for row in csv.DictReader(table)]
    lines = Path(file).read_text().splitlines()
    return [line.split("\t")[-1] for line in lines[file.endswith(".tsv") :]]


def tokens(built, files):
    lines = [line.replace("\r", " ") for file in files for line in read_text(file)]
    start = time.perf_counter()
    (theirs,) = PTBTokenizer().tokenize({0: rows(lines)}).values()
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    ours, _ = run([built / "examples" / "tokenize"], "\n".join(lines))
    ratio = seconds / (time.perf_counter() - start)
    ours = ours.split("\n")[: len(lines)]
    ours += [""] * (len(lines) - len(ours))
    differ = [three for three in zip(lines, theirs, ours, strict=True) if three[1] != three[2]]
    for line, their, our in differ[:20]:
        print(f"{line!r}\n  toolkit {their!r}\n  ours    {our!r}")
    print("tokens")
    bar("at least 100,000 sentences", len(lines) >= 100_000, len(lines))
    bar("identical, but for 1 in 10,000", len(differ) * 10_000 <= len(lines), f"{len(differ)} differ")
    print(f"         {ratio:.0f} times as fast, processes included")


def garble(rng, caption, words):
    choose = {0: lambda _: [], 1: lambda word: [word, word], 2: lambda _: [rng.choice(words)]}
    kept = [choose.get(rng.randrange(9), lambda word: [word])(word) for word in caption.split()]
    return " ".join(word for some in kept for word in some)


def sets(file):
    groups = {}
    for line in Path(file).read_text().splitlines()[1:]:
        image, caption = line.split("\t")
        groups.setdefault(image, []).append(caption)
    groups = list(groups.values())[:ITEMS]
    yield "leave one out", [(group[:-1], group[-1]) for group in groups]
    rng = random.Random(1)
    words = [word for group in groups for word in group[0].split()]
    yield "garbled", [(group, garble(rng, group[0], words)) for group in groups]


def compare(name, built, pairs):
    start = time.perf_counter()
    tokenizer = PTBTokenizer()
    gts = tokenizer.tokenize({i: rows(refs) for i, (refs, _) in enumerate(pairs)})
    res = tokenizer.tokenize({i: rows([caption]) for i, (_, caption) in enumerate(pairs)})
    bleu, item_bleu = Bleu(4).compute_score(gts, res, verbose=0)
    rouge, item_rouge = Rouge().compute_score(gts, res)
    cider, item_cider = Cider().compute_score(gts, res)
    toolkit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    meteor, item_meteor = Meteor().compute_score(gts, res)
    java_seconds = time.perf_counter() - start
    files = write(pairs)
    # Once without looking: the first use of METEOR indexes its tables.
    ours = [built / "xtask", "score", *files, "--format", "json", "--resamples", "1"]
    run(ours)
    report, memory = run(ours)
    ours = json.loads(report)["systems"][0]
    scores = [built / "examples" / "score", *files]
    best, _ = min((seconds(scores) for _ in range(3)))
    tables = [built / "examples" / "meteor", "score", indexed(), *files]
    meteor_best, _ = min((seconds(tables) for _ in range(3)))
    print(f"{name}: {len(pairs)} items")
    columns = [(f"BLEU-{n + 1}", bleu[n], item_bleu[n]) for n in range(4)]
    columns += [("ROUGE-L", rouge, item_rouge), ("CIDEr", cider, item_cider)]
    for metric, total, each in columns:
        whole, items = differences(ours, metric, total, each)
        said = f"set differs {whole:.1e}, items {max(items):.1e}"
        bar(f"{metric} to 1e-9", max(whole, *items) < 1e-9, said)
    whole, items = differences(ours, "METEOR", meteor, item_meteor)
    share = sum(item < 1e-3 for item in items) / len(items)
    said = f"set differs {whole:.1e}, items {max(items):.1e}, {share:.2%} of them below 1e-3"
    bar("METEOR to 1e-4, 99.5 % of items to 1e-3", whole < 1e-4 and share >= 0.995, said)
    said = f"toolkit {toolkit_seconds:.1f} s, ours {best:.2f} s: {toolkit_seconds / best:.0f} times"
    bar("BLEU, ROUGE-L, CIDEr 40 times, 0.5 s", best <= 0.5 and toolkit_seconds >= 40 * best, said)
    said = f"Java {java_seconds:.1f} s, ours {meteor_best:.2f} s: {java_seconds / meteor_best:.0f} times"
    bar("METEOR 15 times, 2 s", meteor_best <= 2 and java_seconds >= 15 * meteor_best, said)
    bar("memory 500 MB, all metrics", memory <= 500, f"{memory:.0f} MB resident")


def differences(ours, metric, total, each):
    (whole,) = [one["value"] for one in ours["metrics"] if one["name"] == metric]
    items = [item[metric] for item in ours["items"]]
    return abs(whole - total), [abs(a - b) for a, b in zip(items, each, strict=True)]


def indexed():
    cache = os.environ.get("C3_CACHE") or Path.home() / ".cache" / "c3"
    return Path(cache) / "weights" / "meteor-1.5" / "english.tables"


def seconds(command):
    """What the program itself says that scoring took: neither side reads files in its time."""
    environment = {**os.environ, "RAYON_NUM_THREADS": THREADS}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(re.search(r"in ([0-9.]+) s", done.stderr)[1]), done.stdout


def rows(captions):
    return [{"caption": caption} for caption in captions]


def write(pairs):
    entries = [
        {"image_id": image, "caption": caption}
        for image, (references, _) in enumerate(pairs)
        for caption in references
    ]
    images = [{"id": image} for image in range(len(pairs))]
    results = [{"image_id": image, "caption": caption} for image, (_, caption) in enumerate(pairs)]
    folder = Path(tempfile.mkdtemp())
    annotations, answers = folder / "a.json", folder / "r.json"
    annotations.write_text(json.dumps({"images": images, "annotations": entries}))
    answers.write_text(json.dumps(results))
    return annotations, answers


def read_files(references, results):
    annotations = json.loads(Path(references).read_text())
    captions = {one["image_id"]: one["caption"] for one in json.loads(Path(results).read_text())}
    groups = {image["id"]: [] for image in annotations["images"]}
    for one in annotations["annotations"]:
        groups[one["image_id"]].append(one["caption"])
    return [(group, captions[image]) for image, group in groups.items()]


def run(command, text=None):
    """The output, and the most memory that the process held, in MB."""
    environment = {**os.environ, "RAYON_NUM_THREADS": THREADS}
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as output:
        given.write(text or "")
        given.seek(0)
        child = subprocess.Popen(command, env=environment, stdin=given, stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            sys.exit(f"{command[0]} failed")
        output.seek(0)
        return output.read(), usage.ru_maxrss / 1024


if __name__ == "__main__":
    what, built, *files = sys.argv[1:]
    built = Path(built)
    if what == "files":
        compare(files[1], built, read_files(*files))
    else:
        tokens(built, files)
        for name, pairs in sets(files[0]):
            compare(name, built, pairs)
    sys.exit(1 if failed else 0)
