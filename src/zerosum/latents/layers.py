"""The first layers of a generator: which linear ones meet the latent itself, and what the first activations are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules import activation

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.latents.explorer import Explorer, Latents, Level

Seen = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]
ACTIVATIONS = tuple(getattr(activation, name) for name in activation.__all__ if "Softmax" not in name)
LARGEST = 2**14
"""Numbers of an input in which a latent is looked for; pictures have more, latents fewer."""


def meeting(explorer: Explorer, level: Level, layers: slice | None = None) -> Tensor:
    """A, `(outputs, size)`: what all layers that are given latents of a level make of them, one below the other.

    They are found by a latent with numbers of its own: a layer meets it that has some of these among its inputs (beside
    a label's embedding, or in part: skip connections from z). Styles have other numbers in each layer of the synthesis,
    so that it is told, too, which of them is met.

    Args:
        explorer: the generator.
        level: `z`, or another for the layers of the synthesis, which are told styles.
        layers: which of these; None: all.

    Raises:
        UserError: no layer meets the latent.
    """
    probe = probing(explorer, level)
    rows = probe.values[0].view(-1, probe.values.shape[-1])  # of all layers, or one
    found: list[Tensor] = []

    def look(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not (is_linear(layer) and len(inputs) == 1 and inputs[0].numel() <= LARGEST):
            return
        for row in rows[layers or slice(None)]:
            if torch.isin(inputs[0], row).any():
                found.append(matrix(layer, inputs[0], row))

    with watched(explorer, look):
        explorer.make(probe)
    if not found:
        raise UserError(f"No linear layer of this generator is given the latent {level} as it is; take ganspace.")
    return torch.cat(found)


def probing(explorer: Explorer, level: Level) -> Latents:
    """A latent with numbers that occur nowhere else."""
    drawn = explorer.draw(1, 0, level="z" if level == "z" else "w+")
    values = drawn.values
    return drawn.at(Draw("probe", device=values.device).normal(*values.shape))


@torch.no_grad()
def matrix(layer: nn.Module, given: Tensor, latent: Tensor) -> Tensor:
    """∂ output / ∂ latent of a linear layer that was given `(1, …)` with parts of `latent` in it, `(outputs, size)`."""
    units = (given.flatten()[None] == latent[:, None]).to(given.dtype).view(len(latent), *given.shape[1:])
    made: Tensor = layer.forward(units) - layer.forward(torch.zeros_like(given))  # past the hooks
    return made.flatten(1).T


def first_activations(explorer: Explorer, latents: Latents) -> Tensor:
    """What the first nonlinearity of the generator gives for latents, `(n, values)`, on the CPU.

    Raises:
        UserError: there is none.
    """
    found: list[Tensor] = []
    first: list[nn.Module] = []

    def look(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, ACTIVATIONS) and (not first or layer is first[0]):
            first[:] = [layer]
            found.append(output.flatten(1).cpu())

    with watched(explorer, look):
        explorer.make(latents)
    if not found:
        raise UserError("This generator has no layer of torch's activations to look at; take sefa.")
    return torch.cat(found)


def is_linear(layer: nn.Module) -> bool:
    """Whether it has a matrix or kernel of weights, and nothing inside but what makes these."""
    weight = getattr(layer, "weight", None)
    return isinstance(weight, Tensor) and weight.ndim >= 2 and not isinstance(layer, nn.Embedding)


@contextmanager
def watched(explorer: Explorer, look: Seen) -> Iterator[None]:
    """While this lasts, every layer of the generator's networks is looked at when it has been used."""
    layers = [layer for network in explorer.networks.values() for layer in network.modules()]
    handles = [layer.register_forward_hook(look) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
