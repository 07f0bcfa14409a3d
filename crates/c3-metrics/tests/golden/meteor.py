"""Makes meteor.json with the reference METEOR, on small tables of our own.

Needs Java and, from the Python registry, pycocoevalcap 1.2 (for its meteor-1.5.jar):

    python meteor.py

The tables in meteor/ were written for this test. The lists of function words and of
words that keep their full stop are replaced inside a copy of the jar.
"""

import gzip
import json
import random
import shutil
import subprocess
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pycocoevalcap

HERE = Path(__file__).parent
TABLES = HERE / "meteor"
JAR = Path(pycocoevalcap.__path__[0]) / "meteor" / "meteor-1.5.jar"
SUBJECTS = ["a man", "the man", "a person", "one of the dogs", "the children", "two kids", "Mr. Li"]
VERBS = ["is running", "runs", "ran quickly", "jumped over", "is leaping over", "sits on", "doesn't see"]
OBJECTS = ["a couch", "the sofa", "a bike", "the big bicycle", "grass", "a number of toys", "No. 5"]
PLACES = ["in front of a house", "before the home", "at the U.S. border", "", "near the sea-side"]


def sentence(rng):
    parts = [rng.choice(some) for some in (SUBJECTS, VERBS, OBJECTS, PLACES)]
    if rng.random() < 0.3:
        rng.shuffle(parts)
    return " ".join(part for part in parts if part) + rng.choice([".", "", " .", ", again."])


def jar_with_our_lists(folder):
    ours = folder / "meteor.jar"
    with zipfile.ZipFile(JAR) as old, zipfile.ZipFile(ours, "w") as new:
        for item in old.infolist():
            replaced = TABLES / item.filename
            replace = replaced.is_file()
            new.writestr(item, replaced.read_bytes() if replace else old.read(item.filename))
    (folder / "data").mkdir()
    with gzip.open(folder / "data" / "paraphrase-en.gz", "wb") as file:
        file.write((TABLES / "paraphrase-en").read_bytes())
    return ours


def meteor(jar, lines):
    command = ["java", "-jar", jar, "-", "-", "-stdio", "-l", "en", "-norm"]
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(command, input=text, text=True, stdout=-1, stderr=-1, check=True)
    return done.stdout.splitlines()


def main():
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    rng = random.Random(6)
    references = [[sentence(rng) for _ in range(rng.choice([1, 3, 5]))] for _ in range(120)]
    captions = [sentence(rng) for _ in references]
    captions[1] = ""
    captions[2] = references[2][0]
    captions[3] = "nothing alike whatsoever"
    tokenize = PTBTokenizer().tokenize
    tokens = tokenize({i: [{"caption": c} for c in group] for i, group in enumerate(references)})
    ours = tokenize({i: [{"caption": caption}] for i, caption in enumerate(captions)})
    lines = [f"SCORE ||| {' ||| '.join(tokens[i])} ||| {ours[i][0]}" for i in range(len(captions))]
    folder = Path(tempfile.mkdtemp())
    jar = jar_with_our_lists(folder)
    statistics = meteor(jar, lines)
    *items, total = meteor(jar, [f"EVAL ||| {' ||| '.join(statistics)}"])
    shutil.rmtree(folder)
    golden = {
        "maker": f"meteor.py, METEOR 1.5 of pycocoevalcap {version('pycocoevalcap')}",
        "references": references,
        "captions": captions,
        "meteor": float(total),
        "items": [float(item) for item in items],
    }
    (HERE / "meteor.json").write_text(json.dumps(golden, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main()
