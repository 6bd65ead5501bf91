"""Weights that others have published, read without executing anything, as runs."""

from zerosum.importing.runs import import_weights

__all__ = ["import_weights"]
