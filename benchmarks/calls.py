"""How many operations and Python calls one round of each recipe makes, how often it waits, and whether that has jumped.

python benchmarks/calls.py             # print, beside what is on record
python benchmarks/calls.py --record    # put on record
python benchmarks/calls.py --check     # end with 1 where a count is more than a tenth above the record

Counts are the same on every machine, so that a change which slows every round is seen where seconds would not show it.
Operations are torch's, forward and backward; Python calls are those of Python functions in the same round; waits are
operations that are known to look at a result, for which the program would have to wait for a GPU. A round is one in
which all phases are due. Calls depend on the versions of Python and torch, which are on record, too.
"""

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import playing
from provenance import code
from zerosum import recipes
from zerosum.training.engine import Engine

RECORD = Path(__file__).resolve().parent / "results" / "calls.json"
JUMP = 0.1
Counts = dict[str, int]


ATEN = torch.ops.aten
LOOKS = {ATEN._local_scalar_dense, ATEN.nonzero, ATEN.masked_select, ATEN.equal, ATEN._unique2, ATEN.unique_dim}
"""Operations whose result, or whose result's size, the program must know."""


class Operations(TorchDispatchMode):
    """Counts what reaches torch's kernels, and what of it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.total = self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one, and do it."""
        self.total += 1
        self.waits += func.overloadpacket in LOOKS
        return func(*args, **(kwargs or {}))


def counted(recipe: str) -> Counts:
    """Of a round in which all phases are due, once what is made in the first round is there."""
    with playing.engine(recipe, **playing.small(recipe)) as engine:
        first_round(engine)
        with Operations() as operations:
            first_round(engine)
        return {"operations": operations.total, "waits": operations.waits, "python_calls": python_calls(engine)}


def first_round(engine: Engine) -> None:
    """Play the first round, as often as wanted."""
    engine.position.samples_seen = 0
    engine.round()


def python_calls(engine: Engine) -> int:
    """Python functions that are called in a round."""
    total = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal total
        total += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        first_round(engine)
    finally:
        sys.setprofile(before)
    return total


def versions() -> dict[str, str]:
    """What calls depend on beside our own code."""
    return {"torch": torch.__version__, "python": platform.python_version()}


def jumps(now: Mapping[str, Counts], then: Mapping[str, Counts]) -> list[str]:
    """What is more than a tenth above the record, a line each; recipes that are not on record are none."""
    return [
        f"{recipe}: {count:,} {name.replace('_', ' ')} a round, {more(count, then[recipe][name])} on record"
        for recipe, counts in now.items()
        for name, count in counts.items()
        if name in then.get(recipe, {}) and count > (1 + JUMP) * then[recipe][name]
    ]


def more(now: int, then: int) -> str:
    """How much more that is.

    >>> more(112, 100), more(2, 0)
    ('+12%', '0')
    """
    return f"{now / then - 1:+.0%}" if then else str(then)


def main(words: Sequence[str] | None = None, record: Path = RECORD) -> int:
    """Count, print, and check or put on record."""
    parser = argparse.ArgumentParser(prog="python benchmarks/calls.py", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", nargs="+", default=list(recipes.names()), metavar="RECIPE")
    parser.add_argument("--record", action="store_true", help="put the counts on record")
    parser.add_argument("--check", action="store_true", help="end with 1 where a count has jumped")
    asked = parser.parse_args(words)
    known = json.loads(record.read_text()) if record.is_file() else {"recipes": {}}
    now = {}
    for recipe in asked.only:
        now[recipe] = counted(recipe)
        print(line(recipe, now[recipe], known["recipes"].get(recipe, {})), flush=True)
    if asked.record:
        kept = {"recipes": known["recipes"] | now, "versions": versions(), "code": code()}
        record.write_text(json.dumps(kept, indent=1) + "\n")
    if not asked.check:
        return 0
    if not known["recipes"]:
        print("nothing is on record; --record puts it there")
        return 1
    if known.get("versions") != versions():
        print(f"on record are other versions: {known.get('versions')}")
    found = jumps(now, known["recipes"])
    print("\n".join(found) or "no count has jumped")
    return int(bool(found))


def line(recipe: str, now: Counts, then: Counts) -> str:
    """Counts of a recipe, and how they have changed."""
    parts = [
        f"{count:,} {name.replace('_', ' ')}" + (f" ({more(count, then[name])})" if name in then else "")
        for name, count in now.items()
    ]
    return f"{recipe}: {', '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())
