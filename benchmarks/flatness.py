"""Whether a long training stays flat: resident memory, open files and threads over 100,000 rounds of a small model.

python benchmarks/flatness.py                       # 100,000 rounds, some minutes
python benchmarks/flatness.py --rounds 10000        # in pieces: the same command goes on where the last one ended
python benchmarks/flatness.py --anew                # from the beginning

What was seen is kept in `results/flatness/seen.jsonl`, a line every thousand rounds; every process is judged for
itself, from its second line on. It ends with 1 where something has grown.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zerosum
from records import RESULTS
from zerosum.training.observers import Report, State

FOLDER = RESULTS / "flatness"
ROUNDS, EVERY, BATCH = 100_000, 1_000, 16
GROWTH = {"resident_mib": 8.0, "files": 0.0, "threads": 0.0}
"""By how much the median of the last quarter may lie above that of the first: the allocator's own wavering."""
Seen = dict[str, float]


@dataclass
class Watch:
    """Writes down what the process holds."""

    path: Path
    every_samples: int

    def __call__(self, state: State) -> Report:
        """Add a line."""
        line = {"process": os.getpid(), "rounds": state.samples_seen // BATCH, **held(), "seconds": time.monotonic()}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        return Report()


def held() -> Seen:
    """Resident memory, open files and threads of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "resident_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "files": float(len(os.listdir("/proc/self/fd"))),
        "threads": float(threading.active_count()),
    }


def grown(lines: Sequence[Seen]) -> dict[str, float]:
    """By how much each figure has grown in one process beyond what it may: the last quarter against the first."""
    settled = lines[1:]
    quarter = max(1, len(settled) // 4)
    if len(settled) < 4:
        return {}
    found = {
        name: statistics.median(line[name] for line in settled[-quarter:])
        - statistics.median(line[name] for line in settled[:quarter])
        for name in GROWTH
    }
    return {name: growth for name, growth in found.items() if growth > GROWTH[name]}


def play(run: Path, length: int, seen: Path) -> None:
    """Train to so many rounds, or go on."""
    how: dict[str, Any] = {
        "observers": [Watch(seen, EVERY * BATCH)],
        "progress": False,
        "length_samples": length * BATCH,
    }
    if (run / "plan.json").is_file():
        zerosum.resume(run, **how)
    else:
        small = {"width": 8, "latent_size": 4, "batch_size": BATCH, "evaluate": "off", "seed": 0}
        zerosum.train("gan", data="ring", out=run, compile="off", **small, **how)


def main(words: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Play a piece, and judge it."""
    parser = argparse.ArgumentParser(prog="python benchmarks/flatness.py", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="to play now")
    parser.add_argument("--anew", action="store_true", help="from the beginning")
    asked = parser.parse_args(words)
    if asked.anew:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    seen = folder / "seen.jsonl"
    before = read(seen)
    begun = max((int(line["rounds"]) for line in before), default=0)
    play(folder / "run", begun + asked.rounds, seen)
    own = read(seen)[len(before) :]
    for line in (own[0], own[-1]):
        print(", ".join(f"{name} {line[name]:.0f}" for name in ("rounds", *GROWTH)))
    found = grown(own)
    print("grown: " + ", ".join(f"{name} by {by:.1f}" for name, by in found.items()) if found else "flat")
    return int(bool(found))


def read(path: Path) -> list[Seen]:
    """Lines that were kept."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
