"""How fast pictures are packed, against the same decoder bare on all cores, and how long training waits for data.

10,000 JPEGs of 256 px are made (noise, smoothed, so that they are about as large as photographs), decoded by
`zerosum.data.decode` alone in as many threads as there are cores, and packed as `zerosum train --data FOLDER` packs
them, in turns; then `dcgan` at 64 px trains on them for a while. Files are read once before, so that the disk does not
count. `stream` trains on the same pictures from tar shards, which are decoded while it goes on.
"""

import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from records import Case, Measured, Target, run
from trainings import training
from zerosum.data import DataOptions, open_data
from zerosum.data.decode import decode

COUNT, SIDE, TURNS = 10_000, 256, 3
SHARDS = 40
TRIAL_COUNT = 100
LENGTH, TRIAL_LENGTH = 12_800, 192


def measure(seed: int, trial: bool) -> Measured:
    """Make the files, then decode and pack them in turns, then train."""
    count = TRIAL_COUNT if trial else COUNT
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder, "pictures")
        make(pictures, count, seed)
        files = sorted(pictures.iterdir())
        decoded(files)
        bare, packed = [], []
        for turn in range(1 if trial else TURNS):
            bare.append(decoded(files))
            with cache(Path(folder, f"cache-{turn}")):
                packed.append(timed_packing(pictures))
        with cache(Path(folder, f"cache-{turn}")):
            waiting = waited(str(pictures), TRIAL_LENGTH if trial else LENGTH)
    rates = [count / seconds for seconds in bare]
    return Measured(
        {
            "decoded_per_second": statistics.median(rates),
            "packed_per_second": statistics.median(count / seconds for seconds in packed),
            "share": statistics.median(a / b for a, b in zip(bare, packed, strict=True)),
            "waiting": waiting,
        }
    )


def measure_stream(seed: int, trial: bool) -> Measured:
    """Make the files, put them into shards, and train on these."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, shards = Path(folder, "pictures"), Path(folder, "shards")
        make(pictures, TRIAL_COUNT if trial else COUNT, seed)
        into_shards(pictures, shards)
        with cache(Path(folder, "cache")):
            return Measured({"waiting": waited(f"shards:{shards}", TRIAL_LENGTH if trial else LENGTH)})


def into_shards(pictures: Path, folder: Path) -> None:
    """Tar files as of WebDataset, every so many pictures in the same one."""
    folder.mkdir()
    files = sorted(pictures.iterdir())
    for number in range(SHARDS):
        with tarfile.open(folder / f"train-{number:02d}.tar", "w") as shard:
            for file in files[number::SHARDS]:
                shard.add(file, file.name)


def make(folder: Path, count: int, seed: int) -> None:
    """Smooth noise with some grain, JPEG at quality 90: about 25 KB each."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = random.integers(-12, 13, smooth.shape, dtype=np.int16)
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / f"{number:05d}.jpg", quality=90)


def decoded(files: list[Path]) -> float:
    """Seconds that the decoder alone takes for all, on all cores."""

    def one(path: Path) -> int:
        with path.open("rb") as file:
            return decode(file).size

    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert all(pool.map(one, files, chunksize=32))
    return time.perf_counter() - began


def timed_packing(folder: Path) -> float:
    """Seconds from the folder to data that can be trained on."""
    began = time.perf_counter()
    open_data(folder, DataOptions(resolution=str(SIDE)), progress=False)
    return time.perf_counter() - began


def waited(data: str, length: int) -> float:
    """The share of a training's time that it waits for batches, without the first report, which warms up."""
    with training("dcgan", data=data, resolution="64", length_samples=length, evaluate="off", doctor="off") as (
        played,
        _,
    ):
        shares = [line["waiting"] for line in played.log if line.get("waiting") is not None]
    return statistics.fmean(share for share in shares[1:] if share is not None)


@contextmanager
def cache(folder: Path) -> Iterator[None]:
    """A cache of its own, in which nothing is packed yet."""
    before = os.environ.get("ZEROSUM_CACHE")
    os.environ["ZEROSUM_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["ZEROSUM_CACHE"]
        else:
            os.environ["ZEROSUM_CACHE"] = before


CASES = [
    Case(
        name="jpeg-256",
        measure=measure,
        options={"count": COUNT, "side": SIDE, "turns": TURNS, "length_samples": LENGTH},
        targets={"share": Target(low=0.8), "waiting": Target(high=0.02)},
        seeds=1,
    ),
    Case(
        name="stream",
        measure=measure_stream,
        options={"count": COUNT, "side": SIDE, "shards": SHARDS, "length_samples": LENGTH},
        targets={"waiting": Target(high=0.02)},
        seeds=1,
    ),
]

if __name__ == "__main__":
    run("packing", __doc__, CASES)
