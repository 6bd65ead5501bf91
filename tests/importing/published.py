"""StyleGAN2 as published: random weights under the published names, written as published files, and a forward pass.

The pass is straight-line float64, from the papers (Karras 2019, 2020): weights are modulated sample by sample, and
upsampling filters before it convolves, which is the same as the other way round.
"""

import pickle
import sys
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F

STYLES, LATENT, DEPTH, SIDES, CHANNELS = 6, 5, 2, (4, 8, 16), {4: 16, 8: 16, 16: 8}
BUFFERS = ("w_avg", "noise_const", "resample_filter", "transform", "freqs", "phases", "magnitude_ema")
BUFFERS += ("up_filter", "down_filter")
FIR = torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0])] * 2) / 64


def generator_weights(classes=0, seed=0):
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=draw)

    w = {"mapping.w_avg": normal(STYLES)}
    if classes:
        w |= {"mapping.embed.weight": normal(STYLES, classes), "mapping.embed.bias": normal(STYLES)}
    for index, before in enumerate([LATENT + (STYLES if classes else 0), STYLES]):
        w |= {f"mapping.fc{index}.weight": 100 * normal(STYLES, before), f"mapping.fc{index}.bias": 30 * normal(STYLES)}
    w["synthesis.b4.const"] = normal(CHANNELS[4], 4, 4)
    for side in SIDES:
        after, before = CHANNELS[side], CHANNELS.get(side // 2, CHANNELS[4])
        block = f"synthesis.b{side}"
        w[f"{block}.resample_filter"] = FIR
        layers = {"conv1": (after, after, 3), "torgb": (3, after, 1)} | (
            {"conv0": (after, before, 3)} if side > 4 else {}
        )
        for name, (out, into, kernel) in layers.items():
            w[f"{block}.{name}.weight"] = normal(out, into, kernel, kernel)
            w[f"{block}.{name}.bias"] = 0.3 * normal(out)
            w[f"{block}.{name}.affine.weight"] = normal(into, STYLES)
            w[f"{block}.{name}.affine.bias"] = 1 + 0.3 * normal(into)
            if name != "torgb":
                w[f"{block}.{name}.noise_const"] = normal(side, side)
                w[f"{block}.{name}.noise_strength"] = normal()
                w[f"{block}.{name}.resample_filter"] = FIR
    return w


def critic_weights(shortcuts=True, seed=1):
    draw = torch.Generator().manual_seed(seed)

    def convolution(name, out, into, kernel, bias=True):
        w[f"{name}.weight"] = torch.randn(out, into, *kernel, generator=draw)
        if bias:
            w[f"{name}.bias"] = 0.3 * torch.randn(out, generator=draw)

    w = {}
    convolution("b16.fromrgb", CHANNELS[16], 3, (1, 1))
    for side in (16, 8):
        before, after = CHANNELS[side], CHANNELS[side // 2]
        convolution(f"b{side}.conv0", before, before, (3, 3))
        convolution(f"b{side}.conv1", after, before, (3, 3))
        w[f"b{side}.conv1.resample_filter"] = FIR
        if shortcuts:
            convolution(f"b{side}.skip", after, before, (1, 1), bias=False)
    convolution("b4.conv", CHANNELS[4], CHANNELS[4] + 1, (3, 3))
    convolution("b4.fc", CHANNELS[4], CHANNELS[4] * 16, ())
    convolution("b4.out", 1, CHANNELS[4], ())
    return w


def linear(w, name, x, multiplier=1.0):
    return x @ (w[f"{name}.weight"] * multiplier / x.shape[1] ** 0.5).T + w[f"{name}.bias"] * multiplier


def activated(x, clamp, gain=1.0):
    x = torch.where(x < 0, 0.2 * x, x) * 2**0.5 * gain
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def unit(x):
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def resampled(x, up=1, down=1, pad=(0, 0)):
    n, c, h, _ = x.shape
    zeros = x.new_zeros(n, c, h * up, h * up)
    zeros[:, :, ::up, ::up] = x
    x = F.pad(zeros, (*pad, *pad)).flatten(0, 1)[:, None]
    return F.conv2d(x, FIR.double()[None, None] * up**2, stride=down).unflatten(0, (n, c))[:, :, 0]


def modulated(w, name, x, style, up=False, demodulate=True):
    s = linear(w, f"{name}.affine", style)
    made = []
    for one, scale in zip(x, s, strict=True):
        kernel = w[f"{name}.weight"] * scale[None, :, None, None]
        if demodulate:
            kernel = kernel / (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        else:
            kernel = kernel / kernel.shape[1] ** 0.5
        one = one[None]
        if up:
            made.append(F.conv2d(resampled(one, up=2, pad=(3, 2)), kernel.flip(2, 3)))
        else:
            made.append(F.conv2d(one, kernel, padding=kernel.shape[2] // 2))
    return torch.cat(made)


def generated(weights, z, c=None, clamp=None):
    """What the published generator makes with its constant noise, `(n, 3, 16, 16)`."""
    w = {name: value.double() for name, value in weights.items()}
    x = unit(z.double())
    if c is not None:
        x = torch.cat([x, unit(linear(w, "mapping.embed", c.double()))], dim=1)
    for index in range(DEPTH):
        x = activated(linear(w, f"mapping.fc{index}", x, 0.01), None)
    style, picture = x, None
    x = w["synthesis.b4.const"].expand(len(z), -1, -1, -1)
    for side in SIDES:
        for name in ("conv0", "conv1")[side == 4 :]:
            layer = f"synthesis.b{side}.{name}"
            x = modulated(w, layer, x, style, up=name == "conv0")
            x = x + w[f"{layer}.noise_const"] * w[f"{layer}.noise_strength"]
            x = activated(x + w[f"{layer}.bias"][:, None, None], clamp)
        layer = f"synthesis.b{side}.torgb"
        seen = modulated(w, layer, x, style, demodulate=False) + w[f"{layer}.bias"][:, None, None]
        seen = seen if clamp is None else seen.clamp(-clamp, clamp)
        picture = seen if picture is None else resampled(picture, up=2, pad=(2, 1)) + seen
    return picture


def judged(weights, x, clamp=None):
    """What the published critic says of a batch of four, `(4,)`."""
    w = {name: value.double() for name, value in weights.items()}

    def scaled(name):
        return w[f"{name}.weight"] / w[f"{name}.weight"][0].numel() ** 0.5

    def convolved(name, x, padding):
        return F.conv2d(x, scaled(name), w[f"{name}.bias"], padding=padding)

    x = activated(convolved("b16.fromrgb", x.double(), 0), clamp)
    for side in (16, 8):
        block, gain = f"b{side}", 0.5**0.5 if f"b{side}.skip.weight" in w else 1.0
        y = activated(convolved(f"{block}.conv0", x, 1), clamp)
        y = F.conv2d(resampled(y, pad=(2, 2)), scaled(f"{block}.conv1"), w[f"{block}.conv1.bias"], stride=2)
        y = activated(y, clamp, gain)
        if gain < 1:
            beside = F.conv2d(resampled(x, down=2, pad=(1, 1)), scaled(f"{block}.skip")) * gain
            y = y + (beside if clamp is None else beside.clamp(-clamp * gain, clamp * gain))
        x = y
    spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
    x = torch.cat([x, spread.expand(len(x), 1, 4, 4)], dim=1)
    x = activated(convolved("b4.conv", x, 1), clamp).flatten(1)
    return linear(w, "b4.out", activated(linear(w, "b4.fc", x), None))[:, 0]


@contextmanager
def published_modules():
    """Modules of the published code's names, for as long as a file is written; yields what pickles as its objects."""
    util, persistence = ModuleType("dnnlib.util"), ModuleType("torch_utils.persistence")
    util.EasyDict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("executed")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj
    modules = {"dnnlib": ModuleType("dnnlib"), "dnnlib.util": util, "torch_utils": ModuleType("torch_utils")}
    modules["torch_utils.persistence"] = persistence

    class Object:
        def __init__(self, class_name, state):
            self.meta = {"type": "class", "version": 6, "module_src": "raise SystemExit('executed')\n"}
            self.meta |= {"class_name": class_name, "state": state}

        def __reduce__(self):
            return _reconstruct_persistent_obj, (self.meta,), None

    sys.modules.update(modules)
    try:
        yield Object, util.EasyDict
    finally:
        for name in modules:
            del sys.modules[name]


def pkl(path, G, D=None, *, clamp=None, live=None, protocol=3, **attributes):
    """Write a file of stylegan2-ada-pytorch; `attributes` as `synthesis.b16.architecture="skip"` go before."""
    with published_modules() as (Object, EasyDict):

        def module(class_name, weights, path=""):
            inner = sorted({name.split(".")[0] for name in weights if "." in name})
            own = {name: value for name, value in weights.items() if "." not in name}
            buffers = {n: v for n, v in own.items() if n in BUFFERS}
            state = {"training": False, "_parameters": {}, "_buffers": buffers, "_non_persistent_buffers_set": set()}
            state["_parameters"] = {n: torch.nn.Parameter(v) for n, v in own.items() if n not in buffers}
            state["_init_kwargs"], state["weight_gain"] = EasyDict(z_dim=LATENT), np.float64(0.25)
            state |= {"activation": "lrelu", "conv_clamp": clamp, "bias_gain": 0.01 if "fc" in path else 1}
            state |= {"architecture": "skip" if class_name == "Generator" else "resnet", "group_size": 4}
            dotted = {n.rpartition(".")[2]: v for n, v in attributes.items() if n.rpartition(".")[0] == path}
            kept = {i: {n[len(i) + 1 :]: v for n, v in weights.items() if n.startswith(f"{i}.")} for i in inner}
            if class_name == "Discriminator" and path == "b4":
                kept["mbstd"] = {}
            state["_modules"] = {i: module(class_name, part, f"{path}.{i}".strip(".")) for i, part in kept.items()}
            return Object(class_name, state | dotted)

        held = {"training_set_kwargs": EasyDict(path="ffhq.zip"), "augment_pipe": None}
        held |= {"G": module("Generator", live or G), "D": D and module("Discriminator", D)}
        held["G_ema"] = module("Generator", G)
        path.write_bytes(pickle.dumps(held, protocol=protocol))
    return path


def rosinality(weights):
    """The same generator under rosinality's names, and `latent_avg`."""
    found = {"input.input": weights["synthesis.b4.const"][None]}
    for name, value in weights.items():
        if name.startswith("mapping.fc"):
            index, kind = name.removeprefix("mapping.fc").split(".")
            found[f"style.{int(index) + 1}.{kind}"] = value
    convolutions = {"b4.conv1": "conv1"}
    convolutions |= {f"b{s}.conv{k}": f"convs.{2 * i + k}" for i, s in enumerate(SIDES[1:]) for k in (0, 1)}
    for index, (theirs, ours) in enumerate(convolutions.items()):
        layer = f"synthesis.{theirs}"
        found |= modulation(weights, layer, ours)
        found[f"{ours}.noise.weight"] = weights[f"{layer}.noise_strength"][None]
        found[f"{ours}.activate.bias"] = weights[f"{layer}.bias"]
        found[f"noises.noise_{index}"] = weights[f"{layer}.noise_const"][None, None]
    for side, ours in zip(SIDES, ("to_rgb1", "to_rgbs.0", "to_rgbs.1"), strict=True):
        found |= modulation(weights, f"synthesis.b{side}.torgb", ours)
        found[f"{ours}.bias"] = weights[f"synthesis.b{side}.torgb.bias"][None, :, None, None]
        found |= {f"{ours}.upsample.kernel": 4 * FIR} if side > 4 else {}
    return found, weights["mapping.w_avg"]


def modulation(weights, theirs, ours):
    return {
        f"{ours}.conv.weight": weights[f"{theirs}.weight"][None],
        f"{ours}.conv.modulation.weight": weights[f"{theirs}.affine.weight"],
        f"{ours}.conv.modulation.bias": weights[f"{theirs}.affine.bias"],
    }


def rosinality_critic(weights):
    """The critic under rosinality's names."""
    w = weights
    found = {"convs.0.0.weight": w["b16.fromrgb.weight"], "convs.0.1.bias": w["b16.fromrgb.bias"]}
    for index, side in enumerate((16, 8), start=1):
        block, ours = f"b{side}", f"convs.{index}"
        found |= {
            f"{ours}.conv1.0.weight": w[f"{block}.conv0.weight"],
            f"{ours}.conv1.1.bias": w[f"{block}.conv0.bias"],
        }
        found |= {
            f"{ours}.conv2.1.weight": w[f"{block}.conv1.weight"],
            f"{ours}.conv2.2.bias": w[f"{block}.conv1.bias"],
        }
        found |= {f"{ours}.conv2.0.kernel": FIR, f"{ours}.skip.0.kernel": FIR}
        found[f"{ours}.skip.1.weight"] = w[f"{block}.skip.weight"]
    found |= {"final_conv.0.weight": w["b4.conv.weight"], "final_conv.1.bias": w["b4.conv.bias"]}
    for index, name in enumerate(("fc", "out")):
        found |= {f"final_linear.{index}.{kind}": w[f"b4.{name}.{kind}"] for kind in ("weight", "bias")}
    return found
