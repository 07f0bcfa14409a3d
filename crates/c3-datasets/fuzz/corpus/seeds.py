"""Writes the seeds of the fuzz targets `npy` and `tensors`; those of `parquet` are the fixtures
of the tests (`tests/fixtures/parquet.py`).

    pip install numpy safetensors
    python seeds.py
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
values = np.arange(12) / 4.0
for kind in ["f2", "f4", "f8"]:
    np.save(HERE / "npy" / f"rows-{kind}.npy", values.reshape(6, 2).astype(kind))
    tensors = {"image": values.reshape(6, 2).astype(kind), "scale": values[:1].astype("f4")}
    save_file(tensors, HERE / "tensors" / f"rows-{kind}.safetensors")
np.save(HERE / "npy" / "pairs.npy", values.reshape(2, 3, 2).astype("f4"))
np.save(HERE / "npy" / "objects.npy", np.array([None], dtype=object), allow_pickle=True)
np.save(HERE / "npy" / "turned.npy", np.asfortranarray(values.reshape(6, 2)))
np.lib.format.write_array(open(HERE / "npy" / "second.npy", "wb"), values.reshape(6, 2), (2, 0))
