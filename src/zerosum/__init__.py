"""zerosum: adversarial learning that notices when it goes wrong, measures honestly, and can be read.

>>> import zerosum
>>> run = zerosum.train("dcgan", data="digits", length_samples=200_000)  # doctest: +SKIP
>>> samples = run.sample(64)  # doctest: +SKIP

Everything is imported when it is first asked for, so that `import zerosum` itself costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerosum.api import (
        Run,
        check,
        classify,
        compare,
        describe,
        diagnose,
        evaluate,
        explore,
        import_weights,
        resume,
        sample,
        train,
        train_seeds,
        write_samples,
    )
    from zerosum.data import Data, DataOptions, Density, open_data
    from zerosum.errors import Interrupted, TrainingFailed, UserError
    from zerosum.games import Game, Phase, Player, Result, Sampler
    from zerosum.training.plan import Plan

HOMES = {
    "zerosum.api": (
        "Run",
        "check",
        "classify",
        "compare",
        "describe",
        "diagnose",
        "evaluate",
        "explore",
        "import_weights",
        "resume",
        "sample",
        "train",
        "train_seeds",
        "write_samples",
    ),
    "zerosum.data": ("Data", "DataOptions", "Density", "open_data"),
    "zerosum.errors": ("Interrupted", "TrainingFailed", "UserError"),
    "zerosum.games": ("Game", "Phase", "Player", "Result", "Sampler"),
    "zerosum.training.plan": ("Plan",),
}

__all__ = [
    "Data",
    "DataOptions",
    "Density",
    "Game",
    "Interrupted",
    "Phase",
    "Plan",
    "Player",
    "Result",
    "Run",
    "Sampler",
    "TrainingFailed",
    "UserError",
    "check",
    "classify",
    "compare",
    "describe",
    "diagnose",
    "evaluate",
    "explore",
    "import_weights",
    "open_data",
    "resume",
    "sample",
    "train",
    "train_seeds",
    "write_samples",
]


def __getattr__(name: str) -> Any:
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'zerosum' has no attribute {name!r}")
