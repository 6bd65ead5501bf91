"""A graph's operations as one launch of a GPU.

Small networks leave a GPU idle: launching an operation takes longer than the operation. So all of them are recorded
once, with the memory that they work on, and replayed with other numbers in that memory (CUDA graphs). Only for graphs
that are short: what is recorded keeps its memory to itself for as long as the training goes on.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UPS = 3
"""Calls before the recording, in which libraries choose their ways and compilers compile."""


class Captured:
    """What `run` does with tensors, recorded.

    Args:
        run: tensors -> tensors; it neither waits for the device nor makes random numbers.
        handed: tensors that are others in every call; of every later call they have the same shapes.
        held: tensors that stay where they are: weights, buffers.

    What a call returns is overwritten by the next call.
    """

    def __init__(self, run: Callable[..., Sequence[Tensor]], handed: Sequence[Tensor], held: Sequence[Tensor]) -> None:
        self.handed = [tensor.clone() for tensor in handed]
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UPS):
                run(*self.handed, *held)
        torch.cuda.current_stream().wait_stream(beside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.found = list(run(*self.handed, *held))

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """The same of other numbers: `handed` as they are now, and `held`, which are where they were."""
        for own, given in zip(self.handed, tensors, strict=False):
            own.copy_(given)
        self.graph.replay()
        return self.found
