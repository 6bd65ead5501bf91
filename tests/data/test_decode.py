import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from zerosum.data.decode import decode, probe
from zerosum.data.pictures import Form

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 10)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (6, 10, 3)).astype(np.uint8)
ALPHA = RNG.integers(0, 256, (6, 10, 4)).astype(np.uint8)
DEEP = RNG.integers(0, 65536, (6, 10)).astype(np.uint16)
FLOAT = RNG.random((6, 10)).astype(np.float32)


def file(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    buffer.seek(0)
    return buffer


def palette(transparent: bool) -> io.BytesIO:
    image = Image.fromarray(COLOUR).quantize(8)
    return file(image, **({"transparency": 0} if transparent else {}))


EXACT = {
    "grey PNG": (GREY, "PNG"),
    "colour PNG": (COLOUR, "PNG"),
    "alpha PNG": (ALPHA, "PNG"),
    "16-bit PNG": (DEEP, "PNG"),
    "grey BMP": (GREY, "BMP"),
    "colour BMP": (COLOUR, "BMP"),
    "grey TIFF": (GREY, "TIFF"),
    "alpha TIFF": (ALPHA, "TIFF"),
    "16-bit TIFF": (DEEP, "TIFF"),
    "float TIFF": (FLOAT, "TIFF"),
}


@pytest.mark.parametrize("case", EXACT)
def test_lossless_formats_come_back(case: str) -> None:
    array, kind = EXACT[case]
    out = decode(file(array, kind))
    assert np.array_equal(out, array.reshape(6, 10, -1))
    assert out.dtype == array.dtype
    assert probe(file(array, kind)) == Form.of(out)


def png(values: np.ndarray, *extra: tuple[bytes, bytes], rows_by: int = 0) -> io.BytesIO:
    """A PNG file by hand: Pillow writes none of 16 bits in colour. Rows have the filter `rows_by` of the standard."""
    height, width, channels = values.shape
    depth = values.dtype.itemsize
    lines = values.astype(values.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1).astype(int)
    before = np.zeros_like(lines)
    unit = depth * channels
    if rows_by == 1:  # each byte less that of the pixel to the left
        before[:, unit:] = lines[:, :-unit]
    if rows_by == 2:  # … of the pixel above
        before[1:] = lines[:-1]
    filtered = ((lines - before) % 256).astype(np.uint8)
    content = b"".join(bytes([rows_by]) + line.tobytes() for line in filtered)
    head = struct.pack(">IIBBBBB", width, height, 8 * depth, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(content)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def tiff(values: np.ndarray, **how: object) -> io.BytesIO:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="rgb", **how)  # type: ignore[arg-type]
    return io.BytesIO(buffer.getvalue())


def deep(channels: int) -> np.ndarray:
    return RNG.integers(0, 65536, (6, 10, channels)).astype(np.uint16)


DEEP_FILES = {
    "PNG": lambda values: png(values),
    "PNG, filtered by its left": lambda values: png(values, rows_by=1),
    "PNG, filtered from above": lambda values: png(values, rows_by=2),
    "TIFF": tiff,
    "TIFF, big-endian": lambda values: tiff(values, byteorder=">"),
    "TIFF, compressed": lambda values: tiff(values, compression="zlib"),
    "TIFF, big-endian, compressed": lambda values: tiff(values, compression="zlib", byteorder=">"),
    "TIFF, in tiles": lambda values: tiff(values, tile=(16, 16), compression="zlib"),
    "TIFF, in planes": lambda values: tiff(np.moveaxis(values, 2, 0), planarconfig="separate"),
}


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("case", DEEP_FILES)
def test_colour_of_16_bits_keeps_them(case: str, channels: int) -> None:
    values = deep(channels)
    file = DEEP_FILES[case](values)
    out = decode(file)
    assert out.dtype == np.uint16
    assert np.array_equal(out, values)
    assert probe(file) == Form.of(out)


@pytest.mark.parametrize("rows_by", [0, 1, 2])
def test_grey_of_16_bits_with_alpha_becomes_colour_with_alpha(rows_by: int) -> None:
    values = deep(2)
    out = decode(png(values, rows_by=rows_by))
    assert np.array_equal(out, values[:, :, [0, 0, 0, 1]])
    assert out.dtype == np.uint16
    assert probe(png(values)) == Form.of(out)


def test_the_transparent_colour_of_16_bits_is_transparent() -> None:
    values = deep(3)
    values[2, 3] = near = (300, 70, 9)
    values[2, 4] = (301, 70, 9)  # the same high bytes
    file = png(values, (b"tRNS", struct.pack(">HHH", *near)))
    out = decode(file)
    assert np.array_equal(out[:, :, :3], values)
    assert out[2, 3, 3] == 0
    assert np.delete(out[:, :, 3].ravel(), 23).min() == 65535
    assert probe(file) == Form.of(out)


def test_images_of_16_bits_are_upright() -> None:
    values = deep(3)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = png(values, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    out = decode(file)
    assert np.array_equal(out, np.rot90(values, -1))
    assert probe(file) == Form.of(out)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_formats_come_back_nearly(kind: str, channels: int) -> None:
    smooth = np.broadcast_to(np.linspace(20, 230, 40)[None, :, None], (30, 40, channels)).astype(np.uint8)
    out = decode(file(smooth.squeeze(), kind))
    assert out.shape[:2] == (30, 40)
    assert np.abs(out.astype(int) - smooth).mean() < 4
    assert probe(file(smooth.squeeze(), kind)) == Form.of(out)


@pytest.mark.parametrize(
    ("image", "channels"),
    [
        (palette(False), 3),
        (palette(True), 4),
        (file(Image.fromarray(GREY).convert("1")), 1),
        (file(Image.fromarray(ALPHA).convert("LA")), 4),
        (file(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), 3),
        (file(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"), 3),
        (file(Image.fromarray(ALPHA), "WEBP", lossless=True), 4),
    ],
)
def test_other_modes_become_grey_colour_or_alpha(image: io.BytesIO, channels: int) -> None:
    out = decode(io.BytesIO(image.getvalue()))
    assert out.shape == (6, 10, channels)
    assert out.dtype == np.uint8
    assert probe(io.BytesIO(image.getvalue())) == Form.of(out)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = {
        1: GREY, 2: GREY[:, ::-1], 3: GREY[::-1, ::-1], 4: GREY[::-1],
        5: GREY.T, 6: np.rot90(GREY, -1), 7: GREY[::-1, ::-1].T, 8: np.rot90(GREY),
    }[orientation]  # fmt: skip
    out = decode(file(GREY, exif=exif))
    assert np.array_equal(out[:, :, 0], upright)
    assert probe(file(GREY, exif=exif)) == Form.of(out)


def test_the_first_frame_counts() -> None:
    frames = [Image.new("L", (5, 4), level) for level in (10, 200)]
    buffer = file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    out = decode(buffer)
    assert out.shape[:2] == (4, 5)
    assert (out[:, :, 0] == 10).all()


def test_large_jpegs_may_come_reduced_but_never_too_small() -> None:
    large = file(np.zeros((800, 600, 3), np.uint8), "JPEG")
    height, width, _ = decode(large, side=50).shape
    assert 100 <= width < 600
    assert height * 600 == width * 800


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", file(COLOUR).getvalue()[:60], file(FLOAT * 9, "TIFF").getvalue(), b"%PDF-1.4 no"],
)
def test_what_is_no_image_is_an_error(content: bytes) -> None:
    with pytest.raises((OSError, SyntaxError, ValueError)):
        decode(io.BytesIO(content))
