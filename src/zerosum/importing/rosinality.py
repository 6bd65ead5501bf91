"""Files of rosinality's stylegan2-pytorch: `torch.save` of `g_ema` and perhaps `g`, `d`, `latent_avg`."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.importing.names import rosinality_critic, rosinality_generator
from zerosum.importing.published import Published, Tensors, counted, options_of, renamed, shape_of
from zerosum.importing.unpickling import tensors_only

MEAN = "latent_avg"


def read(path: Path) -> Published:
    """The networks of such a file.

    Raises:
        UserError: it wants to run something, is damaged, or holds other networks.
    """
    held = tensors_only(path)
    if not (isinstance(held, dict) and is_state(held.get("g_ema"))):
        raise UserError(f"{path} is no file of rosinality's stylegan2-pytorch: it holds no state g_ema.")
    found: Tensors = held["g_ema"]
    levels, depth = counted(r"to_rgbs\.\d+\.conv\.weight", found), counted(r"style\.\d+\.weight", found)
    names = rosinality_generator(levels, depth)
    known = isinstance(held.get(MEAN), Tensor)
    mean = {MEAN: held[MEAN] if known else torch.zeros_like(found.get("style.1.bias", torch.zeros(0)))}
    averaged = renamed(found | mean, names, "generator")
    critic: Tensors | str = "the file has none"
    if is_state(held.get("d")):
        critic = renamed(held["d"], rosinality_critic(levels), "critic")
    return Published(
        kind="rosinality/stylegan2-pytorch",
        averaged=averaged,
        live=renamed(held["g"] | mean, names, "generator") if is_state(held.get("g")) else None,
        critic=critic,
        options=options_of(averaged, levels, depth),
        shape=shape_of(averaged, levels),
        classes=0,
        mean_known=known,
    )


def is_state(held: Any) -> bool:
    """Whether this is a state of a network."""
    return isinstance(held, dict) and all(isinstance(value, Tensor) for value in held.values())
