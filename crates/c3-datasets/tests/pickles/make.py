"""Makes the pickles beside it: what PyTorch and NumPy write, and what an enemy might.

    pip install numpy==2.4.6 torch==2.15.0
    python make.py

`expected.json` says what the honest ones hold. Nothing here is read back with Python's own
`pickle.load`.
"""

import collections
import io
import json
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
HERE = Path(__file__).parent
torch.manual_seed(1)


def save(name, blob):
    (HERE / name).write_bytes(blob)


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


class Head(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2).half()
        self.scale = torch.nn.Parameter(torch.tensor(2.5))
        self.register_buffer("steps", torch.tensor([3, 4]))

    def forward(self, x):
        return self.fc(x) * self.scale


class Script(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = Head()
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2, bias=False)])

    def forward(self, x):
        for block in self.blocks:
            x = block(self.head(x).float())
        return x


def weights():
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8
    return collections.OrderedDict(
        [
            ("dense", base),
            ("turned", base.t()),  # the same storage, strided
            ("row", base[1]),
            ("half", torch.tensor([[0.5, -1.25]], dtype=torch.float16)),
            ("brain", torch.tensor([3.0, -0.5], dtype=torch.bfloat16)),
            ("double", torch.tensor([1e-3], dtype=torch.float64)),
            ("count", torch.tensor(7)),
            ("mask", torch.tensor([True, False])),
            ("parameter", torch.nn.Parameter(torch.tensor([1.5]))),
            ("empty", torch.zeros(0, 4)),
        ]
    )


def spelt(value):
    """A value as JSON: a tensor by kind, shape and numbers."""
    if isinstance(value, torch.Tensor):
        kind = str(value.dtype).split(".")[1]
        numbers = value.detach().double().flatten().tolist()
        return {"kind": kind, "shape": list(value.shape), "numbers": numbers}
    if isinstance(value, np.ndarray):
        numbers = value.astype(np.float64).flatten().tolist()
        return {"kind": value.dtype.name, "shape": list(value.shape), "numbers": numbers}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return [[spelt(key), spelt(entry)] for key, entry in value.items()]
    if isinstance(value, (list, tuple)):
        return [spelt(entry) for entry in value]
    if isinstance(value, bytes):
        return list(value)
    return value


def c3_embeddings(make):
    """The layout that C3 keeps embeddings in, one file for each split."""
    row = lambda at: make([[at + 0.25, -at, 0.5]])
    return {
        "images": {at: {"img_path": f"images/{at}.jpg", "embed": row(at)} for at in (3, 9)},
        "captions": {
            20: {"caption": "a calm sea", "img_id": 3, "embed": row(20)},
            21: {"caption": "naïve café", "img_id": 9, "embed": row(21)},
            22: {"caption": "water at dusk", "img_id": 3, "embed": row(22)},
        },
    }


def clipcap_embeddings():
    """The layout of ClipCap and CapDec."""
    captions = [("a calm sea", 3, 0), ("water at dusk", 3, 1), ("a dog", 9, 2)]
    return {
        "clip_embedding": torch.arange(6, dtype=torch.float32).reshape(3, 2),
        "captions": [
            {"caption": text, "image_id": image, "id": at, "clip_embedding": at}
            for text, image, at in captions
        ],
        "clip_embedding_text_dave": torch.arange(6, 12, dtype=torch.float32).reshape(3, 2),
    }


def imagebind_rows():
    """The layout of C3's ImageBind branch."""
    row = lambda at: np.array([at, 1 - at], dtype=np.float32)
    return [
        {"x": "a.wav", "y": "rain falls", "x_embed": row(0.25), "y_embed": row(0.5), "split": "train"},
        {"x": "a.wav", "y": "a storm", "x_embed": row(0.25), "y_embed": row(0.75), "split": "train"},
        {"x": "b.wav", "y": "a bird", "x_embed": row(1.0), "y_embed": row(0.0), "split": "test"},
    ]


def honest():
    half = lambda rows: torch.tensor(rows, dtype=torch.float16)
    array = lambda rows: np.array(rows, dtype=np.float16)
    plain = {
        "numbers": [0, 255, 65535, -1, 2**40, -(2**70), 0.5, float(np.pi)],
        "others": [None, True, False, "text", "naïve", b"\x00\xff", ("a", 1), [], {}, ()],
        7: {"nested": [[1], [2, [3]]]},
    }
    shared = ["said once"]
    plain["again"] = [shared, shared]
    arrays = {
        "table": np.arange(6, dtype=np.float32).reshape(2, 3),
        "turned": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        "whole": np.array([1, -2], dtype=np.int64),
        "one": np.float32(0.1),
        "count": np.int64(5),
    }
    files = {}
    for protocol in range(6):
        # Protocol 0 escapes what is not ASCII; such strings are refused, and tested apart.
        value = plain if protocol > 0 else {"numbers": plain["numbers"], "text": "plain", "on": True}
        files[f"plain-{protocol}.pkl"] = (pickle.dumps(value, protocol), value)
    for protocol in (2, 4, 5):
        files[f"numpy-{protocol}.pkl"] = (pickle.dumps(arrays, protocol), arrays)
        value = c3_embeddings(half)
        files[f"c3-{protocol}.pkl"] = (pickle.dumps(value, protocol), value)
    value = c3_embeddings(array)
    files["c3-numpy.pkl"] = (pickle.dumps(value, 4), value)
    value = clipcap_embeddings()
    files["clipcap.pkl"] = (pickle.dumps(value, 4), value)
    value = imagebind_rows()
    files["imagebind.pkl"] = (pickle.dumps(value, 4), value)
    mean = torch.tensor([[0.5, -0.25, 0.125]])
    files["mean.pt"] = (saved(mean), mean)
    for name, options in [("zip", {}), ("stream", {"_use_new_zipfile_serialization": False})]:
        value = {"state_dict": weights(), "epoch": 3}
        files[f"weights-{name}.pth"] = (saved(value, **options), value)
    script = io.BytesIO()
    module = Script()
    torch.jit.save(torch.jit.script(module), script)
    files["script.pt"] = (script.getvalue(), dict(module.state_dict()))
    return files


# What follows is for refusal alone.


class Calls:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def global_call(module, name, *arguments):
    """`module.name(*arguments)` without importing the module."""
    body = b"c" + module.encode() + b"\n" + name.encode() + b"\n("
    for argument in arguments:
        text = argument.encode()
        body += b"X" + struct.pack("<I", len(text)) + text
    return b"\x80\x02" + body + b"tR."


def archive(pickle_bytes, entries=(), method=zipfile.ZIP_STORED, root="archive"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(f"{root}/data.pkl", pickle_bytes)
        for name, blob in entries:
            file.writestr(name, blob)
    return buffer.getvalue()


def tensor_pickle(shape, strides, key="0", count=4, offset=0):
    """A tensor in an archive, as PyTorch would write it, of any shape."""
    tuple_of = lambda numbers: b"(" + b"".join(pickle.dumps(n, 2)[2:-1] for n in numbers) + b"t"
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(("
        + b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX"
        + struct.pack("<I", len(key)) + key.encode()
        + b"X\x03\x00\x00\x00cpu" + pickle.dumps(count, 2)[2:-1] + b"tQ"
        + pickle.dumps(offset, 2)[2:-1] + tuple_of(shape) + tuple_of(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR."
    )


def hostile():
    import os
    import subprocess

    files = {
        "os-system": pickle.dumps(Calls(os.system, "true"), 4),
        "os-system-0": pickle.dumps(Calls(os.system, "true"), 0),
        "eval": pickle.dumps({"a": [Calls(eval, "1+1")]}, 2),
        "exec": global_call("builtins", "exec", "pass"),
        "subprocess": pickle.dumps(Calls(subprocess.Popen, ["true"]), 5),
        "import": global_call("importlib", "import_module", "os"),
        "getattr": global_call("builtins", "getattr", "a", "b"),
        "torch-hub": global_call("torch.hub", "load", "a", "b"),
        "torch-load": global_call("torch", "load", "a"),
        "numpy-load": global_call("numpy", "load", "a"),
        "dotted": b"\x80\x04\x8c\x05torch\x8c\x0d_utils.system\x93.",
        "inst": b"(S'true'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'true'\no.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "pth-os-system": archive(pickle.dumps(Calls(os.system, "true"), 2)),
        "pth-in-script": archive(b"\x80\x02c__torch__.os\nsystem\n)\x81cposix\nsystem\n."),
        "stream-os-system": saved(Calls(os.system, "true"), _use_new_zipfile_serialization=False),
        "bytes-in-bytes": pickle.dumps(Calls(torch.storage._load_from_bytes, pickle.dumps(Calls(os.system, "true"))), 4),
        # Cycles and growth.
        "holds-itself": b"\x80\x02]q\x00h\x00a.",
        "map-holds-itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
        "laughs": b"\x80\x02]" + b"q\x000" + b"".join(
            b"](" + bytes([ord("h"), at]) * 10 + b"e" + bytes([ord("q"), at + 1]) + b"0" for at in range(40)
        ) + b"h\x28.",
        "deep": b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
        # Promises.
        "long-string": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.",
        "long-bytes": b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"a.",
        "long-integer": b"\x80\x02\x8b" + struct.pack("<I", 2**31) + b"\x01.",
        "wide-integer": b"\x80\x02\x8a\x11" + b"\x01" * 17 + b".",
        "huge-array": pickle.dumps(np.zeros(4, np.float32), 2).replace(b"K\x04\x85", b"J\xff\xff\xff\x7f\x85"),
        "object-array": pickle.dumps(np.array([{}], dtype=object), 2),
        "big-endian": pickle.dumps(np.zeros(2, ">f4"), 2),
        "huge-tensor": archive(tensor_pickle([2**40, 2**40], [1, 1]), [("archive/data/0", b"\0" * 16)]),
        "repeated-tensor": archive(tensor_pickle([2**40], [0]), [("archive/data/0", b"\0" * 16)]),
        "tensor-beyond": archive(tensor_pickle([4], [1], offset=1), [("archive/data/0", b"\0" * 16)]),
        "negative-shape": archive(tensor_pickle([-4], [1]), [("archive/data/0", b"\0" * 16)]),
        # Archives.
        "bomb": archive(tensor_pickle([4], [1]), [("archive/data/0", b"\0" * 10_000_000)], zipfile.ZIP_DEFLATED),
        "path": archive(tensor_pickle([4], [1], key="../../../etc/passwd"), [("archive/data/0", b"\0" * 16)]),
        "no-pickle": archive(b".", root="a").replace(b"a/data.pkl", b"a/data.pkx"),
        "two-pickles": archive(b"N.", [("other/data.pkl", b"N.")]),
        "missing-storage": archive(tensor_pickle([4], [1])),
        # Damage.
        "empty": b"",
        "no-stop": b"\x80\x02N",
        "empty-stack": b"\x80\x02.",
        "below-the-mark": b"\x80\x02N(0.",
        "nothing-stored": b"\x80\x02h\x07.",
        "text": b"hello, this is a text\n",
        "half-archive": saved(torch.zeros(100))[:700],
    }
    return {f"{name}.bin": blob for name, blob in files.items()}


def main():
    expected = {}
    for name, (blob, value) in honest().items():
        save(name, blob)
        expected[name] = spelt(value)
    versions = {"torch": torch.__version__, "numpy": np.__version__}
    document = {"maker": "make.py", "versions": versions, "files": expected}
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (HERE / "expected.json").write_text(text + "\n")
    (HERE / "hostile").mkdir(exist_ok=True)
    for name, blob in hostile().items():
        save(Path("hostile") / name, blob)


if __name__ == "__main__":
    main()
