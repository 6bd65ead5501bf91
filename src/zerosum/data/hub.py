"""Data sets of the Hugging Face hub, and folders of parquet or arrow files, through `datasets` (extra `hub`).

`hf:NAME` or `hf:NAME:CONFIGURATION`; `hf:FOLDER` for what lies on this machine. Images are the first column that holds
any, labels the column `label`, or else the first that names classes. The split `train` is taken.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from zerosum.data import decode
from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.pictures import Pictures
from zerosum.data.samples import Samples
from zerosum.errors import UserError


def hub_samples(name: str, options: DataOptions, cache: Cache) -> Samples:
    """The images of a hub data set.

    Raises:
        UserError: `datasets` is not installed, there is no such data set, or it has no images.
    """
    try:
        import datasets
    except ImportError as error:
        raise UserError(f'hf:{name} needs the extra "hub": pip install "zerosum[hub]".') from error
    try:
        table = _training_split(datasets, name)
    except Exception as error:  # network, names, formats: the library raises all sorts
        raise UserError(f"hf:{name} cannot be loaded: {' '.join(str(error).split())}.") from error
    column = _image_column(datasets, table, name)
    table = table.cast_column(column, datasets.Image(decode=False))
    key = ("hub", name, table._fingerprint)
    return cache.samples(key, lambda: _pictures(datasets, table, column, name), options)


def _training_split(datasets: Any, name: str) -> Any:
    folder = Path(name)
    if not folder.is_dir():
        name, _, configuration = name.partition(":")
        return datasets.load_dataset(name, configuration or None, split="train")
    if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
        stored = datasets.load_from_disk(str(folder))
        return stored["train"] if isinstance(stored, datasets.DatasetDict) else stored
    return datasets.load_dataset(str(folder), split="train")


def _image_column(datasets: Any, table: Any, name: str) -> str:
    for column, feature in table.features.items():
        if isinstance(feature, datasets.Image) or (isinstance(feature, dict) and "bytes" in feature):
            return str(column)
    raise UserError(f"hf:{name} has no column of images; its columns are {', '.join(table.column_names)}.")


def _labels(datasets: Any, table: Any) -> tuple[np.ndarray | None, tuple[str, ...]]:
    named = [column for column, feature in table.features.items() if isinstance(feature, datasets.ClassLabel)]
    if not named:
        return None, ()
    column = "label" if "label" in named else named[0]
    labels = np.asarray(table[column][:], np.int64)
    return (None, ()) if labels.min() < 0 else (labels, tuple(table.features[column].names))


def _pictures(datasets: Any, table: Any, column: str, name: str) -> Pictures:
    def file(item: int) -> io.BytesIO:
        stored = table[item][column]
        return io.BytesIO(stored["bytes"] or Path(stored["path"]).read_bytes())

    labels, classes = _labels(datasets, table)
    return Pictures(
        count=len(table),
        describe=lambda item: f"hf:{name}[{item}]",
        probe=lambda item: decode.probe(file(item)),
        read=lambda item, side: decode.decode(file(item), side),
        labels=labels,
        classes=classes,
    )
