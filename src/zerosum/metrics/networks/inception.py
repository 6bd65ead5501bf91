"""The Inception v3 of the Fréchet Inception distance: TensorFlow's network of 2015-12-05, ported.

The graph is that of Szegedy 2016 with the peculiarities of the frozen TensorFlow file that Heusel 2017 chose: 1,008
classes, average pooling that leaves the padding out of its mean, and a maximum in the pooling branch of the very last
block. Names of parameters are those of the published port (`pt_inception-2015-12-05-6726825d.pth`), which pytorch-fid
and torch-fidelity use alike, so that file loads as it is. Only with it may figures be called FID, KID and Inception
score; with other weights of the same shapes (a conversion of the file, for one) the network is `standard` no more.
"""

import hashlib
import os
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.metrics.networks.preparation import COLOURS, as_levels, digest_of, in_parts, to_rgb
from zerosum.metrics.statistics import Look

SIDE = 299
FEATURES = 2048
CLASSES = 1008
AT_ONCE = 32
"""Images that are looked at together: about half a gigabyte of activations."""
STANDARD = "6726825d"
"""How the SHA-256 of the published file begins."""
VARIABLE = "ZEROSUM_INCEPTION"
FILES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")
"""The published file as pytorch-fid and torchmetrics, and as torch-fidelity, call it."""
SOURCE = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/" + FILES[0]

Pool = Callable[[Tensor], Tensor]


class Layer(NamedTuple):
    """A convolution of a branch: the channels it gives, and its kernel."""

    outputs: int
    height: int
    width: int


Branches = Mapping[str, Sequence[Layer | tuple[Layer, Layer]]]
"""By name, what follows on what: a convolution, or two side by side whose results are joined."""


class Convolution(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, inputs, h, w)` -> `(n, outputs, h', w')`."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Mixed(nn.Module):
    """Branches side by side, their results joined; the last branch begins with a pooling.

    Args:
        inputs: channels given.
        branches: what each is made of, in order. A branch's convolutions are called `<branch>_1`, `<branch>_2` …, one
            that is alone `<branch>`, two side by side `<branch>_2a` and `<branch>_2b`.
        pool: the pooling of the branch that is called `branch_pool`, which may have nothing else.
        halving: whether the last convolution of each branch halves the resolution, without padding.
    """

    def __init__(self, inputs: int, branches: Branches, pool: Pool, halving: bool = False) -> None:
        super().__init__()
        self.pool = pool
        self.paths = {branch: self._path(branch, inputs, steps, halving) for branch, steps in branches.items()}

    def _path(
        self, branch: str, inputs: int, steps: Sequence[Layer | tuple[Layer, Layer]], halving: bool
    ) -> list[list[str]]:
        """Make the convolutions of a branch; their names, step by step."""
        path = []
        for number, step in enumerate(steps, 1):
            name = branch if len(steps) == 1 else f"{branch}_{number}"
            layers = {name: step} if isinstance(step, Layer) else {f"{name}a": step[0], f"{name}b": step[1]}
            halves = halving and number == len(steps)
            for called, (outputs, height, width) in layers.items():
                padding = (0, 0) if halves else (height // 2, width // 2)
                self.add_module(called, Convolution(inputs, outputs, (height, width), 2 if halves else 1, padding))
            inputs = sum(layer.outputs for layer in layers.values())
            path.append(list(layers))
        return path

    def forward(self, x: Tensor) -> Tensor:
        """`(n, inputs, h, w)` -> `(n, outputs, h', w')`."""
        return torch.cat([self._along(branch, x) for branch in self.paths], dim=1)

    def _along(self, branch: str, x: Tensor) -> Tensor:
        x = self.pool(x) if branch == "branch_pool" else x
        for names in self.paths[branch]:
            results = [self.get_submodule(name)(x) for name in names]
            x = results[0] if len(results) == 1 else torch.cat(results, dim=1)
        return x


_mean: Pool = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
_most: Pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
_halve: Pool = partial(F.max_pool2d, kernel_size=3, stride=2)


def _block_35(inputs: int, pooled: int) -> Mixed:
    branches: Branches = {
        "branch1x1": [Layer(64, 1, 1)],
        "branch5x5": [Layer(48, 1, 1), Layer(64, 5, 5)],
        "branch3x3dbl": [Layer(64, 1, 1), Layer(96, 3, 3), Layer(96, 3, 3)],
        "branch_pool": [Layer(pooled, 1, 1)],
    }
    return Mixed(inputs, branches, _mean)


def _35_to_17(inputs: int) -> Mixed:
    branches: Branches = {
        "branch3x3": [Layer(384, 3, 3)],
        "branch3x3dbl": [Layer(64, 1, 1), Layer(96, 3, 3), Layer(96, 3, 3)],
        "branch_pool": [],
    }
    return Mixed(inputs, branches, _halve, halving=True)


def _block_17(inputs: int, inner: int) -> Mixed:
    branches: Branches = {
        "branch1x1": [Layer(192, 1, 1)],
        "branch7x7": [Layer(inner, 1, 1), Layer(inner, 1, 7), Layer(192, 7, 1)],
        "branch7x7dbl": [
            Layer(inner, 1, 1),
            Layer(inner, 7, 1),
            Layer(inner, 1, 7),
            Layer(inner, 7, 1),
            Layer(192, 1, 7),
        ],
        "branch_pool": [Layer(192, 1, 1)],
    }
    return Mixed(inputs, branches, _mean)


def _17_to_8(inputs: int) -> Mixed:
    branches: Branches = {
        "branch3x3": [Layer(192, 1, 1), Layer(320, 3, 3)],
        "branch7x7x3": [Layer(192, 1, 1), Layer(192, 1, 7), Layer(192, 7, 1), Layer(192, 3, 3)],
        "branch_pool": [],
    }
    return Mixed(inputs, branches, _halve, halving=True)


def _block_8(inputs: int, pool: Pool) -> Mixed:
    cross = (Layer(384, 1, 3), Layer(384, 3, 1))
    branches: Branches = {
        "branch1x1": [Layer(320, 1, 1)],
        "branch3x3": [Layer(384, 1, 1), cross],
        "branch3x3dbl": [Layer(448, 1, 1), Layer(384, 3, 3), cross],
        "branch_pool": [Layer(192, 1, 1)],
    }
    return Mixed(inputs, branches, pool)


class InceptionV3(nn.Module):
    """Images prepared by `prepare`, `(n, 3, 299, 299)`, to pooled features `(n, 2048)`.

    `fc` gives the logits `(n, 1008)` of features; `unbiased` those without its bias.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, (3, 3), 2, (0, 0))
        self.Conv2d_2a_3x3 = Convolution(32, 32, (3, 3), 1, (0, 0))
        self.Conv2d_2b_3x3 = Convolution(32, 64, (3, 3), 1, (1, 1))
        self.Conv2d_3b_1x1 = Convolution(64, 80, (1, 1), 1, (0, 0))
        self.Conv2d_4a_3x3 = Convolution(80, 192, (3, 3), 1, (0, 0))
        self.Mixed_5b = _block_35(192, 32)
        self.Mixed_5c = _block_35(256, 64)
        self.Mixed_5d = _block_35(288, 64)
        self.Mixed_6a = _35_to_17(288)
        self.Mixed_6b = _block_17(768, 128)
        self.Mixed_6c = _block_17(768, 160)
        self.Mixed_6d = _block_17(768, 160)
        self.Mixed_6e = _block_17(768, 192)
        self.Mixed_7a = _17_to_8(768)
        self.Mixed_7b = _block_8(1280, _mean)
        self.Mixed_7c = _block_8(2048, _most)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Features."""
        x = _halve(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = _halve(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for name, block in self.named_children():
            x = block(x) if name.startswith("Mixed") else x
        return x.mean((2, 3))

    def unbiased(self, features: Tensor) -> Tensor:
        """Logits without bias: the Inception score's original code multiplied by the weights alone (Salimans 2016)."""
        return F.linear(features, self.fc.weight)


def prepare(shown: Tensor) -> Tensor:
    """uint8 images `(n, c, h, w)` -> what `InceptionV3` sees: `(n, 3, 299, 299)`, (x - 128) / 128."""
    return (resize_like_tensorflow(to_rgb(shown).float(), (SIDE, SIDE)) - 128) / 128


def resize_like_tensorflow(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear as TensorFlow 1 did it: no aligned corners, no half-pixel centres, no antialiasing.

    Output row i takes its value at input row i · height / out_height, between its floor and the row below.

    Args:
        images: float32 `(n, c, height, width)`.
        size: (out_height, out_width).
    """
    for axis, length in ((3, size[1]), (2, size[0])):
        last = images.shape[axis] - 1
        at = torch.arange(length, device=images.device) * torch.tensor((last + 1) / length, device=images.device)
        floor = at.long()
        share = (at - floor).view(-1, *[1] * (3 - axis))
        before = images.index_select(axis, floor)
        images = before + (images.index_select(axis, (floor + 1).clamp_max(last)) - before) * share
    return images


class Inception:
    """Inception v3 as a feature network.

    Args:
        weights: the file; default: the environment's `ZEROSUM_INCEPTION`, or else the published file where torch,
            pytorch-fid, torchmetrics and torch-fidelity keep it.
        device: where it computes.

    Raises:
        UserError: there is no such file, or it holds something else.
    """

    name = "inception"
    preparation = (
        f"uint8 RGB ({COLOURS}), resized to 299x299 bilinearly as TensorFlow 1 does (no antialiasing), (x - 128) / 128"
    )
    classes: tuple[str, ...] = ()

    def __init__(self, weights: str | os.PathLike[str] | None = None, *, device: torch.device | str = "cpu") -> None:
        self.path = find(weights)
        self.device = torch.device(device)
        self.module = load(self.path).to(self.device)

    @cached_property
    def standard(self) -> bool:
        """Whether the weights are the published ones, so that figures may bear the names FID, KID and IS."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(STANDARD)

    @cached_property
    def digest(self) -> str:
        """Of weights and preparation."""
        return digest_of(self.module.state_dict(), self.name, self.preparation)

    def __call__(self, shown: Tensor) -> Look:
        """Images `(n, c, h, w)`, uint8 -> pooled features `(n, 2048)` and unbiased logits `(n, 1008)`."""
        shown = as_levels(shown, self.name)
        return in_parts(self._look, shown.to(self.device), AT_ONCE)

    def _look(self, shown: Tensor) -> Look:
        features = self.module(prepare(shown))
        return Look(features, self.module.unbiased(features))


def find(weights: str | os.PathLike[str] | None = None) -> Path:
    """The file of weights that is named, or by the environment, or where it usually lies.

    Raises:
        UserError: it is not there; the message says where to get it and where to put it.
    """
    named = weights or os.environ.get(VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UserError(f"There is no file {str(path)!r} with weights of Inception. {_advice()}")
        return path
    found = next((path for path in usual_places() if path.is_file()), None)
    if found is None:
        raise UserError(
            f"The feature network 'inception' needs its weights, which are not on this machine. {_advice()}"
        )
    return found


def usual_places() -> list[Path]:
    """Where other packages keep the published file."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return [folder / name for name in FILES]


def _advice() -> str:
    return f"Get {SOURCE} (91 MB) and put it at {usual_places()[0]}, or name it with --weights PATH or {VARIABLE}=PATH."


def load(path: Path) -> InceptionV3:
    """The network with the weights in a file, ready to look.

    Args:
        path: a `.safetensors` file, or what `torch.save` wrote of a state dictionary.

    Raises:
        UserError: it is not a file of weights, or they are another network's.
    """
    with torch.device("meta"):
        module = InceptionV3()
    state = read(path)
    try:
        module.load_state_dict(_with_counters(state, module), assign=True)
    except RuntimeError as error:
        raise UserError(
            f"{str(path)!r} holds weights of another network than Inception v3 of 2015-12-05: "
            f"{' '.join(str(error).split())[:300]} {_advice()}"
        ) from error
    return module.float().eval().requires_grad_(False)


def _with_counters(state: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """The weights and, where they are from before batch normalisation counted, its counters, which nothing reads."""
    counters = [name for name in module.state_dict() if name.endswith("num_batches_tracked")]
    return {**{name: torch.tensor(0) for name in counters}, **state}


def read(path: Path) -> dict[str, Tensor]:
    """Named tensors of a file; nothing in it is executed."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with warnings.catch_warnings(action="ignore"):  # of pickle protocols, which are no concern of who reads this
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make both libraries raise all sorts
        unsafe = isinstance(error, pickle.UnpicklingError)
        reason = (
            "is damaged, or holds more than weights"
            if unsafe
            else f"cannot be read ({' '.join(str(error).split())[:200]})"
        )
        raise UserError(f"{str(path)!r} {reason}. {_advice()}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{str(path)!r} holds no weights (named tensors). {_advice()}")
    return state
