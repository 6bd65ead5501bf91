"""Pictures inside a page: chosen evenly, shrunk where they are large, written as data URIs."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image

T = TypeVar("T")

SNAPSHOTS = 40
LARGE_BYTES = 300_000
LARGE_PIXELS = 1024


def evenly(items: Sequence[T], count: int = SNAPSHOTS) -> list[T]:
    """At most `count` items at even distances, the first and the last among them.

    >>> evenly([0, 1, 2, 3, 4, 5, 6], 3), evenly([0, 1], 3), evenly([], 3)
    ([0, 3, 6], [0, 1], [])
    """
    if len(items) <= count:
        return list(items)
    return [items[round(place * (len(items) - 1) / (count - 1))] for place in range(count)]


def data_uri(picture: Path) -> str:
    """A picture as text for the `src` of an image: small files as they are, large ones shrunk to WebP."""
    content, kind = picture.read_bytes(), "png"
    if len(content) > LARGE_BYTES:
        content, kind = _shrunk(content), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def uri_of(picture: Image.Image) -> str:
    """A picture in memory as text for the `src` of an image."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def size(picture: Path) -> tuple[int, int] | None:
    """Width and height in pixels, or None where the file is no whole picture: a run may be killed as it writes one."""
    try:
        with Image.open(picture) as opened:
            opened.load()
            return opened.size
    except (OSError, SyntaxError, ValueError):
        return None


def _shrunk(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((LARGE_PIXELS, LARGE_PIXELS))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=88)
    return buffer.getvalue()
