"""Pictures that a user brings, in the form of a run's samples."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from zerosum.data.decode import SUFFIXES, decode
from zerosum.data.pictures import LEVELS, Form, conform
from zerosum.errors import UserError, choose
from zerosum.spaces import Images, Space

FitName = Literal["exact", "crop", "pad", "stretch"]


def pictures(given: Any, space: Space, fit: FitName = "exact") -> Tensor:
    """Pictures in network values, `(n, *shape)`.

    Args:
        given: an image file, a folder of them, or a tensor of samples `(n, *shape)` in network values.
        space: of the samples.
        fit: `exact` takes pictures of the samples' size and channels only; the others bring them to it.

    Raises:
        UserError: there is no such file, it is no picture, or of another size or kind.
    """
    if isinstance(given, Tensor):
        return _of_shape(given, space)
    choose("fit", fit, dict.fromkeys(get_args(FitName)))
    if not isinstance(space, Images):
        raise UserError(f"Pictures are inverted by runs that make images; this one makes {space.kind}.")
    return torch.cat([read(path, space, fit) for path in files(Path(given).expanduser())])


def files(path: Path) -> list[Path]:
    """The file, or the image files of a folder.

    Raises:
        UserError: there are none.
    """
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
    if not found or not found[0].is_file():
        raise UserError(f"There is no picture {str(path)!r}: give an image file, or a folder of them.")
    return found


def read(path: Path, space: Images, fit: FitName) -> Tensor:
    """One picture, `(1, *shape)`.

    Raises:
        UserError: it cannot be read, or is of another size or kind.
    """
    try:
        with path.open("rb") as file:
            levels = decode(file)
    except UnidentifiedImageError as error:
        raise UserError(f"{path} cannot be read as a picture: it is of no known kind.") from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read as a picture: {error}.") from error
    channels, height, width = space.shape
    if fit == "exact" and levels.shape != (height, width, channels):
        raise UserError(
            f"{path} is {described(*levels.shape)}; the run makes {described(height, width, channels)}. "
            "--fit crop, pad or stretch brings it to that."
        )
    if levels.shape[2] != channels and not {levels.shape[2], channels} <= {1, 3, 4}:
        raise UserError(f"{path} has {levels.shape[2]} channels, which cannot become {channels}; only 1, 3 and 4 can.")
    form = Form(height, width, channels, levels.dtype)
    values = conform(levels, form, "crop" if fit == "exact" else fit).astype(np.float32) / LEVELS[levels.dtype]
    return space.encode(torch.from_numpy(values)[None])


def described(height: int, width: int, channels: int) -> str:
    """A picture's form in words.

    >>> described(28, 28, 1)
    '28x28 in 1 channel'
    """
    return f"{height}x{width} in {channels} channel{'s' if channels > 1 else ''}"


def _of_shape(samples: Tensor, space: Space) -> Tensor:
    if tuple(samples.shape[1:]) != tuple(space.shape) or not len(samples):
        raise UserError(
            f"Samples of the run are (n, {', '.join(map(str, space.shape))}); given are {tuple(samples.shape)}."
        )
    return samples.float()
