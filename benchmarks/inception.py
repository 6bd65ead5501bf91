"""Our Inception v3 against torch-fidelity's: the same random weights, the same images, what comes out.

Weights are drawn so that activations keep their size through the whole graph, and saved as the published file is; both
networks load that file. The error of an output is its largest difference over its largest value. The resizing alone is
compared too, in levels of 255; there both are to do the same operations in the same order.

torch-fidelity imports torchvision for parts that are not used here; this script gives it a stand-in.
"""

import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from records import Case, Measured, Target, run
from zerosum.draw import Draw
from zerosum.metrics.networks.inception import SIDE, Inception, InceptionV3, prepare, resize_like_tensorflow

SIZES = ((32, 32), (64, 48), (17, 300), (299, 299), (512, 384))
IMAGES = 8
OUTPUTS = ("2048", "logits_unbiased", "logits")
AS_CLOSE_AS = Target(high=1e-4, every=True)


class StandIn(ModuleType):
    """A module that has every name, each an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in_for_torchvision() -> None:
    """Put it where `import` looks."""
    parts = ("", ".datasets", ".models", ".transforms", ".transforms.functional")
    modules = {f"torchvision{part}": StandIn(f"torchvision{part}") for part in parts}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    sys.modules.update(modules)


def random_weights(draw: Draw) -> dict[str, Tensor]:
    """A state of `InceptionV3` whose every entry matters."""
    with torch.device("meta"):
        shapes = InceptionV3().state_dict()
    return {name: _random(name, like, draw) for name, like in shapes.items()}


def _random(name: str, like: Tensor, draw: Draw) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if like.ndim == 4:  # convolutions: He's deviation
        return draw.normal(*like.shape) * (2 / like[0].numel()) ** 0.5
    if name.endswith(("bn.weight", "running_var")):
        return draw.uniform(*like.shape, low=0.5, high=1.5)
    return draw.normal(*like.shape) * (0.02 if name == "fc.weight" else 0.1)


def ours(path: Path, images: Tensor) -> Mapping[str, Tensor]:
    """What our network says, by torch-fidelity's names."""
    network = Inception(path)
    found = network(images)
    assert found.logits is not None
    logits = network.module.fc(found.features)
    return {"2048": found.features, "logits_unbiased": found.logits, "logits": logits}


def theirs(path: Path, images: Tensor) -> Mapping[str, Tensor]:
    """What torch-fidelity's network says."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network: Any = FeatureExtractorInceptionV3("inception", list(OUTPUTS), feature_extractor_weights_path=str(path))
    return network.convert_features_tuple_to_dict(network(images))


def resizing(images: Tensor) -> float:
    """The largest difference of a resized level."""
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    size = (SIDE, SIDE)
    wanted = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size, align_corners=False)
    assert torch.equal((resize_like_tensorflow(images.float(), size) - 128) / 128, prepare(images))
    return (resize_like_tensorflow(images.float(), size) - wanted).abs().max().item()


def measure(seed: int, trial: bool, *, size: tuple[int, int]) -> Measured:
    """Both networks on random images of one size."""
    stand_in_for_torchvision()
    draw = Draw(seed, "inception", *size)
    n = 2 if trial else IMAGES
    images = (draw.integers(256, n, 3, *size) * draw.uniform(n, 3, 1, 1)).to(torch.uint8)  # noise of many tints
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pth")
        torch.save(random_weights(draw.sub("weights")), path)
        found, wanted = ours(path, images), theirs(path, images)
    figures = {name: error(found[name], wanted[name]) for name in OUTPUTS}
    spread = (wanted["2048"].std(0).mean() / wanted["2048"].abs().mean()).item()
    return Measured({**figures, "resizing": resizing(images), "spread": spread})


def error(found: Tensor, wanted: Tensor) -> float:
    """The largest difference over the largest value."""
    return ((found.double() - wanted.double()).abs().max() / wanted.double().abs().max()).item()


CASES = [
    Case(
        name=f"{height}x{width}",
        measure=partial(measure, size=(height, width)),
        options={"height": height, "width": width, "images": IMAGES},
        targets={**dict.fromkeys(OUTPUTS, AS_CLOSE_AS), "resizing": Target(high=1e-4, every=True)},
    )
    for height, width in SIZES
]

if __name__ == "__main__":
    run("inception", __doc__, CASES)
