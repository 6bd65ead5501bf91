import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from zerosum.errors import UserError
from zerosum.metrics.networks import Preparation, Pretrained, clip, dinov2

CONFIGURATION = {
    "do_resize": True,
    "size": {"shortest_edge": 32},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 28, "width": 28},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
OPEN: dict[str, Callable[..., Pretrained]] = {"dinov2": dinov2, "clip": clip}


@pytest.fixture(scope="module", params=list(OPEN))
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    """A kind, the folder of a tiny random model of it, and the model."""
    transformers = pytest.importorskip("transformers", reason="the extra vision is not installed")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if request.param == "dinov2":
            model = transformers.Dinov2Model(transformers.Dinov2Config(**TINY))
        else:
            configuration = transformers.CLIPVisionConfig(**TINY, intermediate_size=32, projection_dim=12)
            model = transformers.CLIPVisionModelWithProjection(configuration)
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(CONFIGURATION))
    return request.param, folder, model.eval()


def test_features_are_the_models_own(saved: tuple[str, Path, Any], images: Callable[..., Tensor]) -> None:
    kind, folder, model = saved
    shown = images(40, 3, 40, 36)
    network = OPEN[kind](folder)
    with torch.no_grad():
        given = model(pixel_values=Preparation.of(CONFIGURATION)(shown))
    wanted = given.pooler_output if kind == "dinov2" else given.image_embeds
    look = network(shown)
    assert look.logits is None
    assert look.features.shape == (40, 16 if kind == "dinov2" else 12)
    torch.testing.assert_close(look.features, wanted)
    assert look.features.std(0).min() > 0


def test_digests_tell_weights_and_preparation(saved: tuple[str, Path, Any], tmp_path: Path) -> None:
    kind, folder, model = saved
    first = OPEN[kind](folder)
    assert OPEN[kind](folder).digest == first.digest
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(CONFIGURATION | {"resample": 2}))
    other = OPEN[kind](tmp_path)
    assert "bilinear" in other.preparation
    assert "bicubic" in first.preparation
    assert other.digest != first.digest


def test_models_of_another_kind_are_refused(saved: tuple[str, Path, Any]) -> None:
    kind, folder, _ = saved
    other = "clip" if kind == "dinov2" else "dinov2"
    with pytest.raises(UserError, match=f"{other!r}"):
        OPEN[other](folder)


def test_pickled_weights_are_refused(saved: tuple[str, Path, Any], tmp_path: Path) -> None:
    kind, folder, model = saved
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_text((folder / name).read_text())
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"model\.safetensors"):
        OPEN[kind](tmp_path)


@pytest.mark.parametrize("name", list(OPEN))
def test_missing_folders_are_named(name: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra vision is not installed")
    with pytest.raises(UserError, match=r"nowhere.*weights"):
        OPEN[name](tmp_path / "nowhere")


@pytest.mark.parametrize("name", list(OPEN))
def test_the_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r'pip install "zerosum\[vision\]"'):
        OPEN[name]()


@pytest.mark.parametrize("shape", [(3, 40, 36), (3, 90, 33), (3, 28, 28), (3, 12, 20), (1, 32, 32)])
@pytest.mark.parametrize("resample", [2, 3])
def test_preparation_is_that_of_pil(shape: tuple[int, ...], resample: int, images: Callable[..., Tensor]) -> None:
    """Step by step as the model's own processor, image by image; PIL rounds after each direction."""
    from PIL import Image

    shown = images(3, *shape) // 2 + 64
    prepared = Preparation.of(CONFIGURATION | {"resample": resample})(shown)
    mean, std = np.array(CONFIGURATION["image_mean"]), np.array(CONFIGURATION["image_std"])
    for image, found in zip(shown, prepared, strict=True):
        picture = Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())
        short = min(picture.size)
        size = (picture.width * 32 // short, picture.height * 32 // short)
        resized = np.asarray(picture.resize(size, Image.Resampling(resample)), np.float64)
        top, left = (resized.shape[0] - 28) // 2, (resized.shape[1] - 28) // 2
        wanted = (resized[top : top + 28, left : left + 28] / 255 - mean) / std
        off = np.abs(found.permute(1, 2, 0).numpy() - wanted) * std * 255
        assert found.shape == (3, 28, 28)
        assert off.max() < 1.01
        assert off.mean() < 0.3


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        ({}, (28, 28)),
        ({"size": 30}, (28, 28)),
        ({"do_center_crop": False}, (32, 48)),
        ({"do_center_crop": False, "size": {"height": 20, "width": 24}}, (20, 24)),
        ({"do_resize": False, "do_center_crop": False}, (10, 15)),
        ({"do_resize": False}, (28, 28)),
    ],
)
def test_configurations_are_followed(
    change: dict[str, Any], shape: tuple[int, int], images: Callable[..., Tensor]
) -> None:
    assert Preparation.of(CONFIGURATION | change)(images(2, 3, 10, 15)).shape == (2, 3, *shape)


def test_levels_are_scaled_as_said(images: Callable[..., Tensor]) -> None:
    bare, shown = {"do_resize": False, "do_center_crop": False, "do_normalize": False}, images(1, 3, 4, 4)
    torch.testing.assert_close(Preparation.of(CONFIGURATION | bare)(shown), shown / 255)
    torch.testing.assert_close(Preparation.of(CONFIGURATION | bare | {"rescale_factor": 0.5})(shown), shown / 2)
    torch.testing.assert_close(Preparation.of(CONFIGURATION | bare | {"do_rescale": False})(shown), shown.float())


def test_borders_are_black_and_even(images: Callable[..., Tensor]) -> None:
    bare = {"do_resize": False, "do_normalize": False}
    prepared = Preparation.of(CONFIGURATION | bare)(images(1, 3, 10, 15) // 2 + 100)
    assert (prepared > 0).all(1)[0].nonzero().aminmax(dim=0).min.tolist() == [9, 7]
    assert (prepared > 0).sum() == 3 * 10 * 15
