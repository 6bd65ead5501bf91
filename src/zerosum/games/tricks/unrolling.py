"""Unrolled critic: the generator is judged by what the critic will say some steps ahead, and sees why."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from zerosum.collectives import mean_over_processes

Judge = Callable[..., Tensor]


def unrolled(critic: nn.Module, loss: Callable[[Judge], Tensor], *, steps: int, rate: float) -> Judge:
    """The critic after gradient steps on its loss: θₖ₊₁ = θₖ - η ∇ L_D(θₖ) (Metz 2017, equations 5 to 7).

    The steps are part of the graph, so that the generator is told how the critic would answer its own move. They are
    taken on copies of weights and buffers; the critic itself stays as it is.

    Args:
        critic: `(samples, …) -> scores`.
        loss: what a judge lowers, `()`, on one and the same samples in every step; generated ones keep their graph.
        steps: how many, k in the paper.
        rate: η.
    """
    buffers = {name: buffer.clone() for name, buffer in critic.named_buffers()}
    weights = {name: weight.detach().clone().requires_grad_() for name, weight in critic.named_parameters()}

    def judge(state: dict[str, Tensor]) -> Judge:
        return lambda *given: functional_call(critic, state | buffers, given)

    for _ in range(steps):
        slopes = torch.autograd.grad(
            loss(judge(weights)), list(weights.values()), create_graph=True, materialize_grads=True
        )
        flat = mean_over_processes(torch.cat([slope.reshape(-1) for slope in slopes]))
        parts = torch.split(flat, [slope.numel() for slope in slopes])
        steps_of = zip(weights.items(), parts, strict=True)
        weights = {name: weight - rate * slope.view_as(weight) for (name, weight), slope in steps_of}
    return judge(weights)
