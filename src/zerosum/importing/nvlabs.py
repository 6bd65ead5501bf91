"""Files of NVlabs' stylegan2-ada-pytorch and stylegan3: pickled `G`, `D` and `G_ema`, with source code beside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from zerosum.errors import UserError
from zerosum.importing import alias_free
from zerosum.importing.names import nvlabs_critic, nvlabs_generator
from zerosum.importing.published import Published, Tensors, counted, options_of, renamed, shape_of
from zerosum.importing.unpickling import Persistent, read_pickle
from zerosum.networks.alias_free import OUTPUT
from zerosum.networks.style import MULTIPLIER


def read(path: Path) -> Published:
    """The networks of such a file.

    Raises:
        UserError: it wants to run something, is damaged, or holds other networks.
    """
    held = read_pickle(path)
    if not (isinstance(held, dict) and isinstance(held.get("G_ema"), Persistent)):
        raise UserError(f"{path} is no file of stylegan2-ada-pytorch or stylegan3: it holds no network G_ema.")
    generator = held["G_ema"]
    found = tensors_of(generator)
    if alias_free.layers_of(found):
        return stylegan3(held, generator, found)
    levels, depth = counted(r"synthesis\.b\d+\.conv0\.weight", found), counted(r"mapping\.fc\d+\.weight", found)
    clamp = played_as_published(generator, levels)
    embedding = found.get("mapping.embed.weight")
    names = nvlabs_generator(levels, depth, labelled=embedding is not None)
    averaged = renamed(found, names, "generator")
    live = held.get("G")
    critic, more = critic_of(held.get("D"), levels, labelled=embedding is not None)
    return Published(
        kind="stylegan2-ada-pytorch",
        averaged=averaged,
        live=renamed(tensors_of(live), names, "generator") if isinstance(live, Persistent) else None,
        critic=critic,
        options={**options_of(averaged, levels, depth), "clamp": clamp, **more},
        shape=shape_of(averaged, levels),
        classes=0 if embedding is None else embedding.shape[1],
    )


def stylegan3(held: Mapping[str, Any], generator: Persistent, found: Tensors) -> Published:
    """The networks of a file of stylegan3, whose critic is StyleGAN2's.

    Raises:
        UserError: the generator is not by the published schedule.
    """
    refuse_setting(generator, "synthesis", "output_scale", OUTPUT)
    refuse_setting(generator, "mapping.fc0", "bias_gain", MULTIPLIER)
    layers = alias_free.layers_of(found)
    channels, side = layers[-1][2], layers[-1][1]
    options, live = alias_free.options_of(found), held.get("G")
    embedding = found.get("mapping.embed.weight")
    levels = (side // 4).bit_length() - 1
    critic, more = critic_of(held.get("D"), levels, labelled=embedding is not None)
    more.pop("critic_blocks", None)
    clamp = clamp_of(inside(generator, f"synthesis.{layers[0][0]}"))
    return Published(
        kind="stylegan3",
        averaged=alias_free.renamed_generator(found),
        live=alias_free.renamed_generator(tensors_of(live)) if isinstance(live, Persistent) else None,
        critic=critic,
        options={**options, "clamp": clamp, **more},
        shape=(channels, side, side),
        classes=0 if embedding is None else embedding.shape[1],
        recipe="stylegan3",
    )


def played_as_published(generator: Persistent, levels: int) -> float | None:
    """The clamp of the generator's layers; None: there is none.

    Raises:
        UserError: a setting that has no tensor is not as our networks have it.
    """
    finest = f"synthesis.b{4 << levels}"
    refuse_setting(generator, finest, "architecture", "skip")
    refuse_setting(generator, f"{finest}.conv1", "activation", "lrelu")
    refuse_setting(generator, "mapping.fc0", "bias_gain", MULTIPLIER)
    return clamp_of(inside(generator, f"{finest}.conv1"))


def critic_of(critic: Any, levels: int, *, labelled: bool) -> tuple[Tensors | str, dict[str, Any]]:
    """The critic's tensors, or why they are not carried over; and the options it was made with."""
    if not isinstance(critic, Persistent):
        return "the file has none", {}
    if labelled:
        return "one that is told labels is projected otherwise here", {}
    architecture = inside(critic, f"b{4 << levels}").state.get("architecture")
    if architecture not in ("resnet", "orig"):
        return f"its architecture is {architecture!r}", {}
    group = inside(critic, "b4.mbstd").state.get("group_size")
    shortcuts = architecture == "resnet"
    more: dict[str, Any] = {"critic_blocks": "residual" if shortcuts else "plain"}
    more |= {"group": group} if isinstance(group, int) else {}
    return renamed(tensors_of(critic), nvlabs_critic(levels, shortcuts=shortcuts), "critic"), more


def tensors_of(module: Persistent, before: str = "") -> Tensors:
    """Parameters and buffers of a module and all within, by their dotted names."""
    found: Tensors = {}
    for kind in ("_parameters", "_buffers"):
        held = module.state.get(kind, {})
        found |= {f"{before}{name}": value for name, value in held.items() if isinstance(value, Tensor)}
    for name, inner in module.state.get("_modules", {}).items():
        if isinstance(inner, Persistent):
            found |= tensors_of(inner, f"{before}{name}.")
    return found


def inside(module: Persistent, path: str) -> Persistent:
    """A module within another one.

    Raises:
        UserError: there is none.
    """
    for name in path.split("."):
        inner = module.state.get("_modules", {}).get(name)
        if not isinstance(inner, Persistent):
            raise UserError(f"The networks of the file are not StyleGAN2's: they lack {path!r}.")
        module = inner
    return module


def refuse_setting(module: Persistent, path: str, name: str, here: object) -> None:
    """Raise a UserError for an attribute that is other than `here`."""
    there = inside(module, path).state.get(name)
    if there != here:
        raise UserError(f"{path}.{name} of the file is {there!r}; networks can be imported that have {here!r}.")


def clamp_of(layer: Persistent) -> float | None:
    """The largest magnitude of what a layer comes to."""
    clamp = layer.state.get("conv_clamp")
    return float(clamp) if isinstance(clamp, int | float) else None
