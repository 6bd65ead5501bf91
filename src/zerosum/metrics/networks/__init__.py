"""Feature networks: what turns samples into the numbers that metrics compare.

Every file has one network, or one family, behind `FeatureNetwork` of `metrics/statistics.py`. A name that figures carry
(`kid[classifier]`) is a name of `NETWORKS`, or what the user called a network of their own.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from zerosum.data import Data
from zerosum.errors import UserError, choose
from zerosum.metrics.networks.classifier import Classifier, Encoder, train_classifier, train_self_supervised
from zerosum.metrics.networks.inception import Inception
from zerosum.metrics.networks.kept import classifier_for
from zerosum.metrics.networks.module import Own, own
from zerosum.metrics.networks.pretrained import CLIP, DINOV2, Preparation, Pretrained, clip, dinov2
from zerosum.metrics.networks.raw import Raw
from zerosum.metrics.statistics import FeatureNetwork
from zerosum.spaces import Images

__all__ = [
    "NETWORKS",
    "Classifier",
    "Encoder",
    "Inception",
    "Own",
    "Preparation",
    "Pretrained",
    "Raw",
    "classifier_for",
    "clip",
    "dinov2",
    "network",
    "own",
    "train_classifier",
    "train_self_supervised",
]

NETWORKS: dict[str, str] = {
    "auto": "classifier for images, raw for all else",
    "classifier": "a small network trained once on the training data, without labels self-supervised; 128 features",
    "inception": "Inception v3 of the original FID, 2,048 features; weights from a file",
    "dinov2": f'DINOv2 ({DINOV2}), class token (pip install "zerosum[vision]")',
    "clip": f'CLIP ({CLIP}), image embedding (pip install "zerosum[vision]")',
    "raw": "the samples themselves, flattened",
}

_OF_OTHERS: Mapping[str, Callable[..., FeatureNetwork]] = {"inception": Inception, "dinov2": dinov2, "clip": clip}
"""Networks whose weights come from elsewhere."""


def network(
    name: str,
    data: Data,
    *,
    weights: str | os.PathLike[str] | None = None,
    device: torch.device | str = "cpu",
    cache: Path | None = None,
) -> FeatureNetwork:
    """The feature network that is called `name`, for samples as those of `data`.

    Args:
        name: one of `NETWORKS`.
        data: real samples; `classifier` is trained on their training split.
        weights: for `inception` a file, for `dinov2` and `clip` a folder or a name on the hub.
        device: where it computes.
        cache: where trained classifiers are kept; default: `ZEROSUM_CACHE`, or the user's cache directory.

    Raises:
        UserError: there is no such network, it does not suit the samples, or its weights are missing.
    """
    choose("feature network", name, NETWORKS)
    images = isinstance(data.space, Images)
    if name == "auto":
        name = "classifier" if images else "raw"
    if weights is not None and name not in _OF_OTHERS:
        raise UserError(f"The feature network {name!r} takes no weights; {', '.join(_OF_OTHERS)} do.")
    if name != "raw" and not images:
        raise UserError(
            f"The feature network {name!r} looks at images; {data.name!r} has {data.space.kind}. Use 'raw'."
        )
    if name in _OF_OTHERS:
        return _OF_OTHERS[name](*([] if weights is None else [weights]), device=device)
    return Raw() if name == "raw" else classifier_for(data, cache=cache, device=device)
