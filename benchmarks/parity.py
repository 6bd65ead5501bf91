"""Metrics against the implementations that papers used, on identical features and logits.

| ours | held against |
| --- | --- |
| Fréchet distance | `_compute_fid` of torchmetrics, `calculate_frechet_distance` of pytorch-fid |
| classifier score | `InceptionScore` of torchmetrics (one split), torch-fidelity (ten) |
| kernel distance | `poly_mmd` of torchmetrics, `kernel_mmd` of torch-fidelity |
| precision, recall, density, coverage | the package `prdc`, k = 5 and 3 |
| improved precision and recall | Kynkäänniemi 2019 written out in float64 (`judges/manifold.py`) |
| perceptual path length | the authors' code (Karras 2019) written out in float64, below |

Features are float32, as metrics get them; the others get the same numbers in float64. A figure is the relative
difference from what it is named for; `value`, `precision` … are ours, for orientation.

The packages are no dependency of zerosum: `pip install --no-deps torchmetrics lightning-utilities pytorch-fid
torch-fidelity tqdm prdc`. Some of them import torchvision for networks that are not used here; where it is not
installed, an empty stand-in takes its place in this process.
"""

import contextlib
import importlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from judges.manifold import precision_and_recall
from records import Case, Measured, Target, run
from zerosum.draw import Draw
from zerosum.metrics.frechet import frechet_distance
from zerosum.metrics.kernel import kid
from zerosum.metrics.manifold import prdc
from zerosum.metrics.path_length import path_length
from zerosum.metrics.score import classifier_score
from zerosum.metrics.statistics import moments
from zerosum.priors import slerp

PACKAGES = {
    "torchmetrics": "torchmetrics",
    "lightning_utilities": "lightning-utilities",
    "pytorch_fid": "pytorch-fid",
    "torch_fidelity": "torch-fidelity",
    "tqdm": "tqdm",
    "prdc": "prdc",
}
"""Modules and the packages they come in."""
STANDINS = ("", ".transforms", ".transforms.functional", ".models", ".models.inception", ".datasets", ".utils", ".io")
WITHIN = 1e-4
LATENT = 16
"""Dimensions that features really have, but for some noise."""
EPSILON = 1e-4
SPLITS = 10
Figures = Mapping[str, float]


class StandIn(ModuleType):
    """A module in which every class is there and does nothing."""

    def __getattr__(self, name: str) -> Any:
        """A class to inherit from, or a nested stand-in."""
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (nn.Module,), {})


def stand_in() -> None:
    """Put stand-ins where torchvision would be, unless it is installed."""
    if importlib.util.find_spec("torchvision"):
        return
    for name in (f"torchvision{part}" for part in STANDINS):
        module = StandIn(name)
        module.__spec__, module.__path__ = ModuleSpec(name, None), []
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


def missing() -> list[str]:
    """Packages that are not installed."""
    return [package for module, package in PACKAGES.items() if not importlib.util.find_spec(module)]


def module(name: str) -> Any:
    """A module of another package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def off(ours: float, theirs: float) -> float:
    """The relative difference."""
    return 0.0 if ours == theirs else abs(ours - theirs) / max(abs(ours), abs(theirs))


def features(n: int, d: int, seed: int, *, generated: bool) -> Tensor:
    """Float32 features such as networks have: of few dimensions, not negative, with noise; generated ones differ."""
    mix = Draw(seed, "mix").normal(LATENT, d) / LATENT**0.5
    draw = Draw(seed, "features", int(generated))
    latents = draw.normal(n, LATENT) * (0.9 if generated else 1.0) + (0.2 if generated else 0.0)
    return (latents @ mix).relu() + 0.05 * draw.normal(n, d)


def pair(n: int, d: int, seed: int) -> tuple[Tensor, Tensor]:
    """Real and generated features."""
    return features(n, d, seed, generated=False), features(n, d, seed, generated=True)


def frechet(seed: int, n: int, d: int) -> Figures:
    """Fréchet distance from the same moments."""
    real, generated = (moments(side) for side in pair(n, d, seed))
    ours = frechet_distance(real, generated)
    given = (real.mean, real.covariance, generated.mean, generated.covariance)
    metrics = module("torchmetrics.image.fid")._compute_fid(*given).item()
    with quiet():
        pytorch_fid = module("pytorch_fid.fid_score").calculate_frechet_distance(*(part.numpy() for part in given))
    return {"value": ours, "torchmetrics": off(ours, metrics), "pytorch_fid": off(ours, float(pytorch_fid))}


def kernel(seed: int, n: int, d: int) -> Figures:
    """Kernel distance of whole sets, as many real as generated (the others take no other numbers)."""
    real, generated = pair(n, d, seed)
    ours = kid(real, generated, Draw(seed), confidence=False).value
    real, generated = real.double(), generated.double()
    metrics = module("torchmetrics.image.kid").poly_mmd(real, generated).item()
    fidelity = module("torch_fidelity.metric_kid").kernel_mmd(real.numpy(), generated.numpy())
    return {"value": ours, "torchmetrics": off(ours, metrics), "torch_fidelity": off(ours, float(fidelity))}


def score(seed: int, n: int, d: int) -> Figures:
    """Classifier score of d classes."""
    logits = 3 * Draw(seed, "logits").normal(n, d)
    with quiet():
        metric = module("torchmetrics.image.inception").InceptionScore(feature=nn.Identity(), splits=1)
        metric.update(logits.double())
        metrics = metric.compute()[0].item()
    split = module("torch_fidelity.metric_isc").isc_features_to_metric(logits, splits=SPLITS, shuffle=False)
    ours = classifier_score(logits)
    return {
        "value": ours,
        "torchmetrics": off(ours, metrics),
        "torch_fidelity": off(classifier_score(logits, SPLITS), split["inception_score_mean"]),
    }


def manifold(seed: int, n: int, d: int, *, k: int) -> Figures:
    """Precision, recall, density and coverage."""
    real, generated = pair(n, d, seed)
    ours = vars(prdc(real, generated, k=k))
    with quiet():
        theirs = module("prdc").compute_prdc(real.double().numpy(), generated.double().numpy(), nearest_k=k)
    return ours | {f"prdc_{name}": off(ours[name], float(value)) for name, value in theirs.items()}


def improved(seed: int, n: int, d: int) -> Figures:
    """Improved precision and recall, k = 3."""
    real, generated = pair(n, d, seed)
    ours = prdc(real, generated, k=3)
    precision, recall = precision_and_recall(real, generated, k=3)
    return {
        "precision": ours.precision,
        "recall": ours.recall,
        "paper_precision": off(ours.precision, precision),
        "paper_recall": off(ours.recall, recall),
    }


def path(seed: int, n: int, d: int) -> Figures:
    """Perceptual path length of a small network, from the same latents on the unit sphere."""
    draw = Draw(seed, "path")
    z0, z1 = (nn.functional.normalize(draw.normal(n, LATENT).double()) for _ in range(2))
    t, inner, outer = draw.uniform(n, 1).double(), draw.normal(LATENT, d).double(), draw.normal(d, d).double()

    def network(latents: Tensor) -> Tensor:
        return (latents @ inner).tanh() @ outer

    ours = path_length(network(slerp(z0, z1, t)), network(slerp(z0, z1, t + EPSILON)), EPSILON)[0]
    ends = (authors_slerp(z0.numpy(), z1.numpy(), at.numpy()) for at in (t, t + EPSILON))
    theirs = authors_path_length(*(network(torch.from_numpy(end)).numpy() for end in ends))
    return {"value": ours, "paper": off(ours, theirs)}


def authors_slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """StyleGAN, `metrics/perceptual_path_length.py`: `slerp`."""
    d = (a * b).sum(axis=-1, keepdims=True)
    c = b - d * a
    c /= np.linalg.norm(c, axis=-1, keepdims=True)
    p = t * np.arccos(d)
    between = a * np.cos(p) + c * np.sin(p)
    return between / np.linalg.norm(between, axis=-1, keepdims=True)


def authors_path_length(near: np.ndarray, far: np.ndarray) -> float:
    """The same file, `_evaluate`: squared distances over ε², without what lies beyond the 1st and 99th percentile."""
    distances = ((near - far) ** 2).sum(axis=1) / EPSILON**2
    low = np.percentile(distances, 1, method="lower")
    high = np.percentile(distances, 99, method="higher")
    return float(distances[(low <= distances) & (distances <= high)].mean())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the others' progress and warnings."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def measure(seed: int, trial: bool, *, compare: Callable[[int, int, int], Figures], n: int, d: int) -> Measured:
    """Compare once; a trial with few samples."""
    return Measured(compare(seed, *((100, 16) if trial else (n, d))))


def case(name: str, compare: Callable[[int, int, int], Figures], n: int, d: int, *held: str, seeds: int = 3) -> Case:
    """A comparison of n samples and d features, of which some figures are held to the target."""
    installed = [package for package in PACKAGES.values() if package not in missing()]
    return Case(
        name=f"{name}-{n}x{d}",
        measure=partial(measure, compare=compare, n=n, d=d),
        options={"n": n, "d": d, "against": {package: version(package) for package in installed}},
        targets={figure: Target(high=WITHIN, every=True) for figure in held},
        seeds=seeds,
    )


FID, IS, KID = ("torchmetrics", "pytorch_fid"), ("torchmetrics", "torch_fidelity"), ("torchmetrics", "torch_fidelity")
PRDC = ("prdc_precision", "prdc_recall", "prdc_density", "prdc_coverage")
CASES = [
    case("frechet", frechet, 500, 64, *FID),
    case("frechet", frechet, 500, 512, *FID),
    case("frechet", frechet, 2_000, 512, *FID),
    case("frechet", frechet, 5_000, 2_048, *FID, seeds=1),
    case("score", score, 500, 10, *IS),
    case("score", score, 5_000, 1_000, *IS),
    case("kernel", kernel, 500, 64, *KID),
    case("kernel", kernel, 2_000, 512, *KID),
    case("kernel", kernel, 3_000, 2_048, *KID, seeds=1),
    *(
        case(f"manifold-k{k}", partial(manifold, k=k), n, d, *PRDC, seeds=seeds)
        for k in (5, 3)
        for n, d, seeds in ((500, 64, 3), (2_000, 512, 3), (3_000, 2_048, 1))
    ),
    case("improved", improved, 500, 64, "paper_precision", "paper_recall"),
    case("improved", improved, 2_000, 512, "paper_precision", "paper_recall"),
    case("path-length", path, 500, 64, "paper"),
    case("path-length", path, 5_000, 512, "paper"),
]

if __name__ == "__main__":
    if absent := missing():
        print(f"Not installed: {', '.join(absent)}. Try: pip install --no-deps {' '.join(absent)}", file=sys.stderr)
        sys.exit(2)
    stand_in()
    run("parity", __doc__, CASES)
