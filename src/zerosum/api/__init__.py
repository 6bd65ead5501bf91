"""zerosum from Python: train, resume, sample, explore, evaluate, diagnose, compare."""

from zerosum.api.judging import check, compare, diagnose, evaluate
from zerosum.api.run import Run
from zerosum.api.sampling import classify, explore, sample, write_samples
from zerosum.api.training import describe, import_weights, recommend, resume, train, train_seeds

__all__ = [
    "Run",
    "check",
    "classify",
    "compare",
    "describe",
    "diagnose",
    "evaluate",
    "explore",
    "import_weights",
    "recommend",
    "resume",
    "sample",
    "train",
    "train_seeds",
    "write_samples",
]
