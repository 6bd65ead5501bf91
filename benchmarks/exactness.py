"""Killed at random moments and resumed each time: is the training that results the same, bit for bit?

Each case is played by the command line without interruption, then again with SIGKILLs, each followed by
`zerosum resume`. Of the kills some fall anywhere between two reports, some while a resumed run starts, and some are
aimed at the writing of a checkpoint: a poller waits for the temporary directory to appear and kills at once; what is
left of the directory proves that the kill fell inside. Compared are the names and all bytes of the tensors
of the last checkpoint (networks, averages, optimizers, image pools, sums), all lines of the log but for what the
clock decides, and all pictures of samples.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from records import Case, Measured, Target, run

CLOCK = {"seconds", "samples_per_second", "waiting"}
FILES = ("model.safetensors", "training.safetensors")
START_SECONDS = 1.5
"""A resumed run is killed at its start within so many seconds; importing torch alone takes longer than one."""
PATIENCE = 120.0
LENGTH = {"dcgan": 4_800, "r3gan-lazy": 4_800, "cyclegan": 2_400}
CADENCE = ["--report-every-samples", "80", "--snapshot-every-samples", "400", "--checkpoint-every-samples", "160"]
COMMANDS = {
    "dcgan": ["dcgan", "--data", "digits", "--width", "16", "--batch-size", "16", "--precision", "float32"],
    "r3gan-lazy": [
        "r3gan",
        "--data",
        "digits",
        "--width",
        "16",
        "--batch-size",
        "16",
        "--precision",
        "bfloat16",
        "--penalty-every",
        "4",
    ],
    "cyclegan": ["cyclegan", "--data", "glyphs:sans-serif", "--width", "8", "--blocks", "1", "--pool-size", "32"],
}
KILLS = {
    "dcgan": ["moment"] * 3 + ["writing"] * 3 + ["start"],
    "r3gan-lazy": ["moment"] * 3 + ["writing"] * 3 + ["start"],
    "cyclegan": ["moment"] * 3 + ["writing"] * 2 + ["start"],
}


def measure(seed: int, trial: bool, *, case: str) -> Measured:
    """Play twice, once with kills, and compare."""
    words = [*COMMANDS[case], *CADENCE, "--length-samples", str(LENGTH[case]), "--seed", str(seed)]
    chance = random.Random(f"{case} {seed}")
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder, "whole"), Path(folder, "broken")
        finish(["train", *words, "--out", str(whole)], folder)
        kills = ["writing"] if trial else shuffled(KILLS[case], chance)
        places = sorted(chance.uniform(0.03, 0.8) * LENGTH[case] for _ in kills)
        inside = play_with_kills(["train", *words, "--out", str(broken)], broken, kills, places, chance)
        same = compare(whole, broken)
    return Measured({"kills": len(kills), "inside_a_write": inside, **{k: float(v) for k, v in same.items()}})


def shuffled(kills: Sequence[str], chance: random.Random) -> list[str]:
    """In random order, but none at the start of the first process: there is no run yet to resume."""
    order = list(kills)
    chance.shuffle(order)
    first = next(index for index, kind in enumerate(order) if kind != "start")
    order[0], order[first] = order[first], order[0]
    return order


def play_with_kills(
    words: Sequence[str], run: Path, kills: Sequence[str], places: Sequence[float], chance: random.Random
) -> int:
    """Play, kill at so many samples seen and resume, until the run is done.

    Returns:
        How many kills fell inside the writing of a checkpoint.
    """
    inside = 0
    for kind, place in zip(kills, places, strict=True):
        inside += kill(start(words, run.parent), kind, run, place, chance)
        words = ["resume", str(run)]
    finish(words, str(run.parent))
    return inside


def kill(process: subprocess.Popen[bytes], kind: str, run: Path, place: float, chance: random.Random) -> bool:
    """Kill a process in the way asked for; returns whether it was writing a checkpoint."""
    before = unfinished(run)  # of an earlier kill; swept away at the next checkpoint
    if kind == "start":
        time.sleep(chance.uniform(0, START_SECONDS))
    else:
        wait_for(lambda: samples_seen(run) >= place, process)
        if kind == "writing":
            wait_for(lambda: bool(unfinished(run) - before), process)
            time.sleep(chance.uniform(0, 0.004))
        else:
            time.sleep(chance.uniform(0, 0.1))
    assert process.poll() is None, f"the training was over before it could be killed: {process.args!r}"
    process.kill()
    process.wait()
    return bool(unfinished(run) - before)


def unfinished(run: Path) -> set[Path]:
    """Checkpoints that are being written, or were when their writer was killed."""
    return set((run / "checkpoints").glob(".writing-*"))


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Look again and again, with hardly a pause, until something has happened."""
    until = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, f"the training ended early with {process.returncode}: {process.args!r}"
        assert time.monotonic() < until, f"nothing happened within {PATIENCE:g} s: {process.args!r}"
        time.sleep(0.0005)


def samples_seen(run: Path) -> int:
    """How far a run is, by the last whole line of its log."""
    return max((int(line["samples_seen"]) for line in lines(run)), default=0)


def start(words: Sequence[str], folder: Path | str) -> subprocess.Popen[bytes]:
    """The command line, in a process of its own; what it says goes to a file beside the run."""
    with Path(folder, "output.txt").open("ab") as output:
        return subprocess.Popen([sys.executable, "-m", "zerosum", *words], cwd=folder, stdout=output, stderr=output)


def finish(words: Sequence[str], folder: str) -> None:
    """Play to the end, or say what the command line said."""
    if start(words, folder).wait():
        raise RuntimeError(Path(folder, "output.txt").read_text()[-2000:])


def compare(a: Path, b: Path) -> dict[str, bool]:
    """What of two runs is equal bit for bit."""
    last = [sorted((run / "checkpoints").glob("[0-9]*"))[-1] for run in (a, b)]
    return {
        "same_length": last[0].name == last[1].name,
        **{f"same_{Path(name).stem}": (last[0] / name).read_bytes() == (last[1] / name).read_bytes() for name in FILES},
        "same_log": timeless(a) == timeless(b),
        "same_pictures": pictures(a) == pictures(b),
    }


def timeless(run: Path) -> list[dict[str, Any]]:
    """The lines of the log without what the clock decides."""
    return [{name: value for name, value in line.items() if name not in CLOCK} for line in lines(run)]


def lines(run: Path) -> list[dict[str, Any]]:
    """The whole lines of the log."""
    path = run / "log.jsonl"
    whole = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in whole if line.endswith("\n")]


def pictures(run: Path) -> dict[str, bytes]:
    """All pictures of samples by name."""
    return {path.name: path.read_bytes() for path in (run / "samples").glob("*.png")}


SAME = ("same_length", "same_model", "same_training", "same_log", "same_pictures")
CASES = [
    Case(
        name=name,
        measure=partial(measure, case=name),
        options={"command": [*words, *CADENCE], "length": LENGTH[name], "kills": KILLS[name]},
        targets={
            "kills": Target(low=len(KILLS[name]), every=True),
            "inside_a_write": Target(low=1, every=True),
            **{figure: Target(low=1, every=True) for figure in SAME},
        },
        seeds=1,
    )
    for name, words in COMMANDS.items()
]

if __name__ == "__main__":
    run("exactness", __doc__, CASES)
