"""One of two processes that share a batch; started by test_batch_norm.py.

Called as `python batch_norm_worker.py RANK FOLDER`; reads FOLDER/x, writes FOLDER/RANK.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from zerosum.networks import BatchNorm


def play(layers: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Everything that must not depend on how a batch is shared out; sums over samples, so that halves add up."""
    x = x.clone().requires_grad_()
    y = layers(x)
    (slope,) = torch.autograd.grad(y.tanh().square().sum(), x, create_graph=True)
    penalty = slope.square().sum()  # differentiated twice
    weight = layers[0].weight
    of_x, of_weight = torch.autograd.grad(penalty, (x, weight))
    return {"y": y.detach(), "slope": slope.detach(), "of_x": of_x, "of_weight": of_weight, **layers.state_dict()}


@dataclass(frozen=True)
class Case:
    """How many dimensions, which buffers' momentum, which precision, how far from 0 and how near one process."""

    dimensions: int
    momentum: float | None
    dtype: torch.dtype
    offset: float
    tolerance: float

    def inputs(self, seed: int) -> torch.Tensor:
        """A batch of 6."""
        shape = (6, 3, 4, 2)[: self.dimensions]
        return self.offset + torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=self.dtype)


CASES = [
    Case(2, 0.1, torch.float64, 30, 1e-9),
    Case(3, 0.1, torch.float64, 30, 1e-9),
    Case(4, 0.1, torch.float64, 30, 1e-9),
    Case(4, None, torch.float64, 30, 1e-9),
    Case(4, 0.1, torch.float32, 0, 1e-6),
    Case(4, 0.1, torch.float32, 300, 2e-4),  # E[x²] - E[x]² would be wrong by 1e-2
]


def network(case: Case) -> nn.Module:
    """Two layers, so that the second one's statistics depend on the first's gradient."""
    torch.manual_seed(0)
    layers = nn.Sequential(BatchNorm(3, momentum=case.momentum), nn.Softplus(), BatchNorm(3, momentum=case.momentum))
    for layer in (layers[0], layers[2]):
        nn.init.normal_(layer.weight, 1, 0.3)
        nn.init.normal_(layer.bias)
    return layers.to(case.dtype)


def main(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meet'}", rank=rank, world_size=2)
    results = {}
    for number, case in enumerate(CASES):
        layers = network(case)
        for seed in range(3):
            mine = case.inputs(seed)[:2] if rank == 0 else case.inputs(seed)[2:]  # of unequal size
            results.update({f"{number}.{key}": value.clone() for key, value in play(layers, mine).items()})
        frozen = {key: value.clone() for key, value in layers.state_dict().items()}
        for layer in (layers[0], layers[2]):
            layer.track_running_stats = False
        layers(mine)
        assert all(torch.equal(frozen[key], value) for key, value in layers.state_dict().items())
        assert layers[0](mine.bfloat16()).dtype == torch.bfloat16
        if rank == 0:  # evaluation asks no other process
            results[f"{number}.eval"] = layers.eval()(mine).detach()
    torch.save(results, folder / str(rank))
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]), Path(sys.argv[2]))
