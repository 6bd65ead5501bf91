"""Penalties (values a loss is given) and constraints (what is kept by construction or after a step)."""

from zerosum.penalties.constraints import clip_weights, spectral_norm
from zerosum.penalties.drift import drift
from zerosum.penalties.gradient import PENALTIES, REAL_ONLY, TARGETS, Penalty, PenaltyName, Remember

__all__ = [
    "PENALTIES",
    "REAL_ONLY",
    "TARGETS",
    "Penalty",
    "PenaltyName",
    "Remember",
    "clip_weights",
    "drift",
    "spectral_norm",
]
