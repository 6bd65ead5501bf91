"""Pictures one after the other as a video that browsers and players show: H.264 in MP4."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from zerosum.errors import UserError


def refuse_without_encoder(out: Path) -> None:
    """Raise a UserError where the package that makes videos is not installed, or its encoder is missing."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f'Cannot write {str(out)!r}: videos need the extra "video": pip install "zerosum[video]". A .gif needs '
            "nothing more."
        ) from error


def write_video(out: Path, frames: Sequence[Image.Image], *, per_second: float) -> None:
    """Write frames of equal size; sides that are odd are made even by repeating the last row or column.

    Raises:
        UserError: the package that makes videos is not installed.
        OSError: nothing can be written there.
    """
    refuse_without_encoder(out)
    from imageio_ffmpeg import write_frames

    shown = [even(np.asarray(frame.convert("RGB"))) for frame in frames]
    height, width, _ = shown[0].shape
    # the encoder's chroma has half the resolution, hence the even sides; nothing is to be resized for it
    how = {"fps": per_second, "quality": 9, "macro_block_size": 1, "ffmpeg_log_level": "error"}
    with contextlib.closing(write_frames(str(out.resolve()), (width, height), **how)) as writer:
        writer.send(None)
        for values in shown:
            writer.send(np.ascontiguousarray(values))


def even(values: np.ndarray) -> np.ndarray:
    """`(height, width, 3)` with even sides."""
    height, width, _ = values.shape
    return np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
