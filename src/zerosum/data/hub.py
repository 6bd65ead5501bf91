"""Data sets of the Hugging Face hub, and folders of parquet or arrow files, through `datasets` (extra `hub`).

`hf:NAME` or `hf:NAME:CONFIGURATION`; `hf:FOLDER` for what lies on this machine. Images are the first column that holds
any, labels the column `label`, or else the first that names classes. The split `train` is taken.

They are packed as other data is, or streamed (`zerosum.data.streamed`): then shards are the row groups of the same
parquet files that `datasets` streams. Its own streams go from the first sample to the last; row groups are read by
position.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zerosum.data import decode, parquet
from zerosum.data.options import DataOptions
from zerosum.data.packing import Cache
from zerosum.data.pictures import Pictures
from zerosum.data.samples import Samples
from zerosum.data.streamed import Streamed, readable, streamed
from zerosum.errors import UserError


def hub_samples(name: str, options: DataOptions, cache: Cache) -> Samples:
    """The images of a hub data set.

    Raises:
        UserError: `datasets` is not installed, there is no such data set, or it has no images.
    """
    datasets = _library(name)
    with _loading(name):
        table = _training_split(datasets, name)
    column = _image_column(datasets, table.features, name)
    table = table.cast_column(column, datasets.Image(decode=False))
    key = ("hub", name, table._fingerprint)
    return cache.samples(key, lambda: _pictures(datasets, table, column, name), options)


def hub_stream(name: str, options: DataOptions, cache: Cache) -> Streamed:
    """The images of a hub data set, read while they are trained on.

    Raises:
        UserError: as for `hub_samples`, or its files are no parquet.
    """
    datasets = _library(name)
    with _loading(name):
        folder, _, configuration = (name, "", "") if Path(name).is_dir() else name.partition(":")
        files = list(datasets.load_dataset_builder(folder, configuration or None).config.data_files["train"])
    if not all(file.endswith(".parquet") for file in files):
        raise UserError(f"hf:{name} cannot be streamed, for it is not stored as parquet; leave streaming out.")
    tables = readable(f"hf:{name}", "files", [(file, partial(parquet.Table, file)) for file in files], options, cache)
    features = datasets.Features.from_arrow_schema(tables[0].about.schema.to_arrow_schema())
    column = _image_column(datasets, features, name)
    label = _label_column(datasets, features)
    shards = [shard for table in tables for shard in table.groups(column, label, cache.root / "shards")]
    return streamed(f"hf:{name}", shards, options, cache, features[label].names if label else ())


def _library(name: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserError(f'hf:{name} needs the extra "hub": pip install "zerosum[hub]".') from error
    return datasets


@contextmanager
def _loading(name: str) -> Iterator[None]:
    """Whatever goes wrong, as a UserError: network, names, formats, the library raises all sorts."""
    try:
        yield
    except Exception as error:
        raise UserError(f"hf:{name} cannot be loaded: {' '.join(str(error).split())}.") from error


def _training_split(datasets: Any, name: str) -> Any:
    folder = Path(name)
    if not folder.is_dir():
        name, _, configuration = name.partition(":")
        return datasets.load_dataset(name, configuration or None, split="train")
    if (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file():
        stored = datasets.load_from_disk(str(folder))
        return stored["train"] if isinstance(stored, datasets.DatasetDict) else stored
    return datasets.load_dataset(str(folder), split="train")


def _image_column(datasets: Any, features: Any, name: str) -> str:
    for column, feature in features.items():
        if isinstance(feature, datasets.Image) or (isinstance(feature, dict) and "bytes" in feature):
            return str(column)
    raise UserError(f"hf:{name} has no column of images; its columns are {', '.join(features)}.")


def _label_column(datasets: Any, features: Any) -> str | None:
    named = [str(column) for column, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    return "label" if "label" in named else next(iter(named), None)


def _labels(datasets: Any, table: Any) -> tuple[np.ndarray | None, tuple[str, ...]]:
    column = _label_column(datasets, table.features)
    if column is None:
        return None, ()
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
