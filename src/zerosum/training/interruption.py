"""Ctrl-C and SIGTERM end a training after the round that is under way."""

import signal
from types import FrameType
from typing import Any, Self

import torch
from lightning_fabric import Fabric

WATCHED = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Remembers a signal instead of dying of it; a second one acts at once."""

    def __init__(self) -> None:
        self._signal = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._before = {watched: signal.signal(watched, self._remember) for watched in WATCHED}
        except ValueError:  # not the main thread, where Python allows no handlers
            self._before = {}
        return self

    def __exit__(self, *exception: object) -> None:
        for watched, handler in self._before.items():
            signal.signal(watched, handler)

    def received(self, fabric: Fabric) -> int:
        """The number of the signal that came to any process, or 0."""
        if fabric.world_size == 1:
            return self._signal
        loudest = fabric.all_reduce(torch.tensor(float(self._signal)), reduce_op="max")
        assert isinstance(loudest, torch.Tensor)
        return int(loudest)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self._signal:
            signal.signal(number, self._before[signal.Signals(number)])
            signal.raise_signal(number)
        self._signal = number
