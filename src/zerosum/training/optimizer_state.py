"""Optimizer state keyed by parameter name, so that a checkpoint reads like the model it belongs to."""

from typing import cast

import torch
from torch import Tensor, nn


def export(optimizer: torch.optim.Optimizer, names: dict[nn.Parameter, str]) -> dict[str, Tensor]:
    """Tensors keyed `parameter/slot`."""
    return {
        f"{names[cast(nn.Parameter, parameter)]}/{slot}": value
        for parameter, slots in optimizer.state.items()
        for slot, value in slots.items()
        if isinstance(value, Tensor)
    }


def restore(optimizer: torch.optim.Optimizer, names: dict[nn.Parameter, str], tensors: dict[str, Tensor]) -> None:
    """Take up what `export` gave, in the memory layout of the parameters (fused kernels rely on it)."""
    slots: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, _, slot = key.rpartition("/")
        slots.setdefault(name, {})[slot] = value
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = {
        index: {slot: like(value, parameter) for slot, value in slots[names[parameter]].items()}
        for index, parameter in enumerate(parameters)
        if names[parameter] in slots
    }
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """`value` in the memory layout of `parameter`, where the two have one shape."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
